/**
 * Addresses as keys that can be cut to a prefix: 8 hexadecimal digits for IPv4, 32 for IPv6.
 *
 * IPv4-mapped addresses (RFC 4291 section 2.5.5.2) are IPv4 here, so that a dual-stack listener and
 * a lease file speak of the same address.
 */
import ipaddr from "ipaddr.js"

/** `2001:db8::1` -> 20010db8...01; null for what is no address. A zone (`%eth0`) is dropped. */
export function addressKey(text: string): string | null {
  return text.includes(":") ? ipv6Key(text) : ipv4Key(text)
}

/** The first `bits` bits of a key. Two keys with the same value share that prefix. */
export function prefixKey(key: string, bits: number): string {
  const whole = key.slice(0, bits >> 2)
  const rest = bits & 3
  if (rest === 0) return whole
  const digit = Number.parseInt(key.charAt(bits >> 2), 16) >> (4 - rest)
  return `${whole}.${digit}`
}

/** An address in its one canonical form (RFC 5952; mapped as IPv4), or the text as it came. */
export function canonicalAddress(text: string): string {
  if (!text.includes(":")) return text
  const key = addressKey(text)
  if (key === null) return text
  return ipaddr.fromByteArray([...Buffer.from(key, "hex")]).toString()
}

/** An address or a prefix as key and length; null for what is neither. */
export function readPrefix(text: string): { key: string; bits: number } | null {
  const slash = text.indexOf("/")
  const address = slash < 0 ? text : text.slice(0, slash)
  const key = addressKey(address)
  if (key === null) return null
  const width = key.length * 4
  if (slash < 0) return { key, bits: width }
  if (!/^\d{1,3}$/.test(text.slice(slash + 1))) return null
  const mapped = width === 32 && address.includes(":") ? 96 : 0
  const bits = Number(text.slice(slash + 1)) - mapped
  return bits >= 0 && bits <= width ? { key, bits } : null
}

/** An address or prefix in its one canonical form: no bits beyond its length, and no length where it is one
 * address; or the text as it came. Bindings are stored so, to be found by what `prefixesOf` gives. */
export function canonicalPrefix(text: string): string {
  const prefix = readPrefix(text)
  return prefix === null ? text : prefixText(prefix.key, prefix.bits)
}

/** The address and every prefix that it is in, in their canonical forms, longest first: 33 or 129. */
export function prefixesOf(address: string): string[] {
  const key = addressKey(address)
  if (key === null) return [address]
  const width = key.length * 4
  return Array.from({ length: width + 1 }, (_, cut) => prefixText(key, width - cut))
}

/** The text of a key cut to a prefix (RFC 5952 section 4), by hand: a lookup needs up to 129 of them, and
 * ipaddr.js takes 4 us for each. */
function prefixText(key: string, bits: number): string {
  const unit = key.length === 8 ? 8 : 16
  const parts: number[] = []
  for (let from = 0; from < key.length * 4; from += unit) {
    const cut = Math.min(unit, Math.max(0, from + unit - bits))
    const part = Number.parseInt(key.slice(from / 4, (from + unit) / 4), 16)
    parts.push((part >> cut) << cut)
  }
  const text = unit === 8 ? parts.join(".") : ipv6Text(parts)
  return bits === key.length * 4 ? text : `${text}/${bits}`
}

/** The longest run of zero groups, the first of equals, is written `::` if it has two or more. */
function ipv6Text(groups: readonly number[]): string {
  let [start, length] = [0, 1]
  for (let from = 0; from < groups.length; ) {
    let to = from
    while (groups[to] === 0) to++
    if (to - from > length) [start, length] = [from, to - from]
    from = to + 1
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":")
  return length < 2 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`
}

const mappedPrefix = `${"0".repeat(20)}ffff`

/** Strict dotted decimal, by hand: this runs for each attempt, and ipaddr.js needs ten times as long. */
function ipv4Key(text: string): string | null {
  let value = 0
  let part = -1
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 46) {
      if (part < 0) return null
      value = value * 256 + part
      part = -1
      dots++
    } else if (code >= 48 && code <= 57) {
      part = part < 0 ? code - 48 : part * 10 + code - 48
      if (part > 255) return null
    } else return null
  }
  if (dots !== 3 || part < 0) return null
  return (value * 256 + part).toString(16).padStart(8, "0")
}

/** The forms of RFC 4291 section 2.2, by hand for the same reason. */
function ipv6Key(text: string): string | null {
  const bare = withoutZone(text)
  const gap = bare.indexOf("::")
  if (gap < 0) return mappedAsIpv4(groups(bare))
  const head = gap === 0 ? "" : groups(bare.slice(0, gap))
  const rest = bare.slice(gap + 2)
  const tail = rest === "" ? "" : groups(rest)
  if (head === null || tail === null || head.length + tail.length > 28) return null
  return mappedAsIpv4(head.padEnd(32 - tail.length, "0") + tail)
}

function mappedAsIpv4(key: string | null): string | null {
  if (key === null || key.length !== 32) return null
  return key.startsWith(mappedPrefix) ? key.slice(24) : key
}

/** `2001:db8` -> 20010db8; the last group may be a dotted IPv4 address; null if malformed. */
function groups(text: string): string | null {
  let key = ""
  const parts = text.split(":")
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as string
    if (isGroup(part)) key += "0000".slice(part.length) + part
    else if (i === parts.length - 1 && part.includes(".")) {
      const dotted = ipv4Key(part)
      if (dotted === null) return null
      key += dotted
    } else return null
  }
  return key.toLowerCase()
}

/** One to four hexadecimal digits. */
function isGroup(part: string): boolean {
  if (part.length === 0 || part.length > 4) return false
  for (let i = 0; i < part.length; i++) {
    const code = part.charCodeAt(i)
    const letter = code | 32
    if (!((code >= 48 && code <= 57) || (letter >= 97 && letter <= 102))) return false
  }
  return true
}

function withoutZone(text: string): string {
  const zone = text.indexOf("%")
  return zone < 0 ? text : text.slice(0, zone)
}
