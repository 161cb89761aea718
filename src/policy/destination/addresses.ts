/**
 * Addresses and networks as policy compares them.
 *
 * In: text from sockets, DNS, CONNECT requests and configuration. Out: one canonical form, and fast
 * membership in networks. It must not know what a match means.
 */
import ipaddr from "ipaddr.js"

/** `bits` is the address as an unsigned 32-bit number; `groups` are the eight 16-bit groups. */
export type Address = { version: 4; bits: number } | { version: 6; groups: readonly number[] }

/** A network in CIDR form (RFC 4632, RFC 4291 section 2.3); a bare address has full length. */
export interface Network {
  /** Canonical text, always with a prefix length. */
  text: string
  address: Address
  prefix: number
}

/**
 * Reads an address; `null` for anything else. IPv4 is four decimal parts without leading zeros:
 * `127.1`, `0x7f000001` and `0177.0.0.1` are refused because resolvers disagree about them. An
 * IPv4-mapped address (RFC 4291 section 2.5.5.2) is IPv4; a zone (RFC 4007 section 11) is dropped.
 */
export function readAddress(text: string): Address | null {
  if (!text.includes(":")) return readIPv4(text)
  const groups = readIPv6(text)
  if (groups === null) return null
  return isMapped(groups)
    ? { version: 4, bits: (part(groups, 6) * 0x10000 + part(groups, 7)) >>> 0 }
    : { version: 6, groups }
}

/** An address in its one canonical form: IPv4-mapped as IPv4, IPv6 as RFC 5952 says, no zone. */
export function canonicalAddress(text: string): string | null {
  const address = readAddress(text)
  return address && addressText(address)
}

export function addressText(address: Address): string {
  if (address.version === 4) return [24, 16, 8, 0].map((s) => (address.bits >>> s) & 255).join(".")
  return new ipaddr.IPv6([...address.groups]).toRFC5952String()
}

/** Parses `10.0.0.0/8`, `::1/128` or a bare address; throws an Error that says how to write it. */
export function parseNetwork(text: string): Network {
  const [base = "", length, ...more] = text.trim().split("/")
  const given = readAddress(base)
  if (given === null || more.length > 0)
    throw new Error(`network "${text}": write it as 192.0.2.0/24, 2001:db8::/32 or one address`)
  const width = given.version === 4 ? 32 : 128
  // `::ffff:10.0.0.0/104` is `10.0.0.0/8` in its mapped form.
  const mapped = given.version === 4 && base.includes(":") ? 96 : 0
  const prefix = length === undefined ? width : readPrefix(length) - mapped
  if (!(prefix >= 0 && prefix <= width))
    throw new Error(`network "${text}": the prefix must be ${mapped} to ${width + mapped}`)
  const address = masked(given, prefix)
  const canonical = `${addressText(address)}/${prefix}`
  if (addressText(given) !== addressText(address))
    throw new Error(`network "${text}": it has bits beyond its prefix; write ${canonical}`)
  return { text: canonical, address, prefix }
}

/**
 * One value a network. A look-up costs one probe for each distinct prefix length, however many
 * networks there are. Holds what its owner sets, which comes from parsed configuration.
 */
export class NetworkMap<Value> {
  /** Prefix length -> masked address -> value. */
  readonly #v4 = new Map<number, Map<number, Value>>()
  readonly #v6 = new Map<number, Map<string, Value>>()

  get empty(): boolean {
    return this.#v4.size === 0 && this.#v6.size === 0
  }

  get({ address, prefix }: Network): Value | undefined {
    return address.version === 4
      ? this.#v4.get(prefix)?.get(mask4(address.bits, prefix))
      : this.#v6.get(prefix)?.get(mask6(address.groups, prefix).join())
  }

  set({ address, prefix }: Network, value: Value): void {
    if (address.version === 4) file(this.#v4, prefix, mask4(address.bits, prefix), value)
    else file(this.#v6, prefix, mask6(address.groups, prefix).join(), value)
  }

  delete({ address, prefix }: Network): void {
    if (address.version === 4) unfile(this.#v4, prefix, mask4(address.bits, prefix))
    else unfile(this.#v6, prefix, mask6(address.groups, prefix).join())
  }

  values(): Value[] {
    const filed = [...this.#v4.values(), ...this.#v6.values()]
    return filed.flatMap((values) => [...values.values()])
  }

  /** The values of every network that holds the address. */
  covering(address: Address): Value[] {
    const found: Value[] = []
    if (address.version === 4) {
      for (const [prefix, filed] of this.#v4) {
        const value = filed.get(mask4(address.bits, prefix))
        if (value !== undefined) found.push(value)
      }
      return found
    }
    for (const [prefix, filed] of this.#v6) {
      const value = filed.get(mask6(address.groups, prefix).join())
      if (value !== undefined) found.push(value)
    }
    return found
  }
}

/** Any number of values a network, in the order they were added. */
export class NetworkTable<Value> {
  readonly #lists = new NetworkMap<Value[]>()

  add(network: Network, value: Value): void {
    const values = this.#lists.get(network)
    if (values) values.push(value)
    else this.#lists.set(network, [value])
  }

  /** The values of every network that holds the address, one list a network. */
  lookUp(address: Address): Value[][] {
    return this.#lists.covering(address)
  }
}

/** A fixed set of networks. One network, as in the scope of a register entry, needs no table. */
export class NetworkSet {
  readonly #table = new NetworkTable<Network>()
  readonly #only: Network | undefined
  readonly texts: readonly string[]

  constructor(networks: readonly Network[]) {
    this.texts = networks.map((network) => network.text)
    if (networks.length === 1) this.#only = networks[0]
    else for (const network of networks) this.#table.add(network, network)
  }

  /** Whether an address lies in one of the networks; what is no address lies in none. */
  has(address: string | Address): boolean {
    const read = typeof address === "string" ? readAddress(address) : address
    if (read === null) return false
    return this.#only ? contains(this.#only, read) : this.#table.lookUp(read).length > 0
  }
}

function contains({ address, prefix }: Network, inner: Address): boolean {
  if (address.version === 4)
    return inner.version === 4 && mask4(inner.bits, prefix) === mask4(address.bits, prefix)
  if (inner.version === 4) return false
  const masked = mask6(inner.groups, prefix)
  return mask6(address.groups, prefix).every((group, index) => group === masked[index])
}

/** Character by character: it runs for each connection, and a pattern with split is four times
 * as slow. */
function readIPv4(text: string): Address | null {
  let bits = 0
  let octets = 0
  let at = 0
  while (octets < 4) {
    const start = at
    let value = 0
    for (; isDigit(text.charCodeAt(at)); at += 1) value = value * 10 + text.charCodeAt(at) - 48
    const leadingZero = at - start > 1 && text.charCodeAt(start) === 48
    if (at === start || at - start > 3 || leadingZero || value > 255) return null
    bits = bits * 256 + value
    octets += 1
    if (octets < 4 && text.charCodeAt(at++) !== 46) return null
  }
  return at === text.length ? { version: 4, bits } : null
}

/** False at the end of the text, where the code is NaN. */
function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** The groups of an IPv6 address in any form of RFC 4291 section 2.2. The library is not asked: it
 * reads a dotted tail with octal and hexadecimal parts, takes `::a.b.c.d` for a mapped address, and
 * needs 15 us, ten times as much again for what is no address. */
function readIPv6(text: string): number[] | null {
  if (text.length > 128) return null
  let plain = text.replace(/%[\w.~-]+$/, "")
  const last = plain.slice(plain.lastIndexOf(":") + 1)
  if (last.includes(".")) {
    const dotted = readIPv4(last)
    if (dotted?.version !== 4) return null
    const [high, low] = [dotted.bits >>> 16, dotted.bits & 0xffff]
    plain = `${plain.slice(0, -last.length)}${high.toString(16)}:${low.toString(16)}`
  }
  const [before = "", after, ...more] = plain.split("::")
  const head = readGroups(before)
  if (head === null || more.length > 0) return null
  if (after === undefined) return head.length === 8 ? head : null
  const tail = readGroups(after)
  if (tail === null || head.length + tail.length > 7) return null
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}

function readGroups(text: string): number[] | null {
  if (text === "") return []
  const groups = text.split(":")
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null
  return groups.map((group) => Number.parseInt(group, 16))
}

function isMapped(groups: readonly number[]): boolean {
  return part(groups, 5) === 0xffff && groups.slice(0, 5).every((group) => group === 0)
}

function readPrefix(text: string): number {
  return /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN
}

/** The address of the network of this prefix length that holds it. */
export function masked(address: Address, prefix: number): Address {
  if (address.version === 4) return { version: 4, bits: mask4(address.bits, prefix) }
  return { version: 6, groups: mask6(address.groups, prefix) }
}

function mask4(bits: number, prefix: number): number {
  return prefix === 0 ? 0 : (bits & (-1 << (32 - prefix))) >>> 0
}

function mask6(groups: readonly number[], prefix: number): number[] {
  return groups.map((group, index) => {
    const kept = Math.min(16, Math.max(0, prefix - index * 16))
    return group & (0xffff << (16 - kept)) & 0xffff
  })
}

function part(groups: readonly number[], index: number): number {
  return groups[index] ?? 0
}

function file<Key, Value>(
  table: Map<number, Map<Key, Value>>,
  prefix: number,
  key: Key,
  value: Value,
): void {
  const filed = table.get(prefix) ?? new Map<Key, Value>()
  table.set(prefix, filed)
  filed.set(key, value)
}

function unfile<Key>(table: Map<number, Map<Key, unknown>>, prefix: number, key: Key): void {
  const filed = table.get(prefix)
  if (filed?.delete(key) && filed.size === 0) table.delete(prefix)
}
