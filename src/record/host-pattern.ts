/**
 * Host patterns: how operators and lists name destinations, the same everywhere.
 *
 * In: the text of a pattern, and a host as it was seen (SNI, CONNECT host, address). Out: a parsed
 * pattern, and whether it covers the host. It must not know what a match means.
 */
import ipaddr from "ipaddr.js"

export type HostPattern =
  | { kind: "name"; text: string; name: string }
  /** `*.example.org`: every name below example.org at any depth, never example.org itself. */
  | { kind: "below"; text: string; suffix: string }
  /** An address is a network of full length. */
  | { kind: "network"; text: string; network: [ipaddr.IPv4 | ipaddr.IPv6, number] }

/** Parses `example.org`, `*.example.org`, an address or a network; throws an Error that says what
 * is wrong and how to write it. The name is kept as A-labels in lower case, no trailing dot. */
export function parseHostPattern(text: string): HostPattern {
  const wanted = text.trim()
  if (wanted === "") throw new Error("host pattern: empty; write a name, *.name or an address")
  const network = readNetwork(wanted)
  if (network) return { kind: "network", text: wanted, network }
  const below = wanted.startsWith("*.")
  const given = below ? wanted.slice(2) : wanted
  if (given.includes("*"))
    throw new Error(`host pattern "${wanted}": "*" may only stand first, as in *.example.org`)
  if (given.startsWith("."))
    throw new Error(`host pattern "${wanted}": write *.example.org for the names below it`)
  if (given.includes("/"))
    throw new Error(`host pattern "${wanted}": not a network; write it as 192.0.2.0/24`)
  if (given.includes(":"))
    throw new Error(`host pattern "${wanted}": no scheme or port here, only the host`)
  const name = canonicalHost(given)
  if (name === null) throw new Error(`host pattern "${wanted}": not a host name`)
  if (/(^|\.)-/.test(name))
    throw new Error(`host pattern "${wanted}": not a host name; write *. for what begins so`)
  if (readAddress(name) || /(^|\.)\d+$/.test(name))
    throw new Error(`host pattern "${wanted}": a mistyped address; its last label is a number`)
  return below
    ? { kind: "below", text: wanted, suffix: `.${name}` }
    : { kind: "name", text: wanted, name }
}

/** Whether the pattern covers a host as seen: any case, with or without trailing dot or brackets,
 * Unicode or A-labels. What is neither name nor address is covered by nothing. */
export function matchesHost(pattern: HostPattern, host: string): boolean {
  if (pattern.kind === "network") {
    const address = readAddress(host)
    return address !== null && sameKind(address, pattern.network) && address.match(pattern.network)
  }
  const name = canonicalHost(host)
  if (name === null) return false
  return pattern.kind === "name"
    ? name === pattern.name
    : name.length > pattern.suffix.length && name.endsWith(pattern.suffix)
}

/** Labels of 1 to 63 letters, digits, hyphens and the underscore that service names use. A hyphen
 * may stand first or last, as in names that are in use: no pattern would cover them otherwise. */
const hostName = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/

/** Hosts remembered with what they come to, 200 bytes each; beyond it all are forgotten. To be asked again costs
 * 3 us, and each connection is asked for. */
const mostHosts = 5_000
const hosts = new Map<string, string | null>()

/** A host name as A-labels (RFC 5890) in lower case without trailing dot; null if it is none. */
export function canonicalHost(host: string): string | null {
  const known = hosts.get(host)
  if (known !== undefined) return known
  const canonical = readHost(host)
  if (hosts.size >= mostHosts) hosts.clear()
  // What is longer than any name is not worth its room.
  if (host.length <= 255) hosts.set(host, canonical)
  return canonical
}

function readHost(host: string): string | null {
  const lower = host.toLowerCase()
  const bare = lower.endsWith(".") ? lower.slice(0, -1) : lower
  if (hostName.test(bare)) return bare
  const unicode = /[^\0-\x7f]/.test(bare) && !/[/?#@:\\\s]/.test(bare)
  if (!unicode || !URL.canParse(`http://${bare}`)) return null
  const ascii = new URL(`http://${bare}`).hostname
  return hostName.test(ascii) ? ascii : null
}

/** An address in text, its IPv4-mapped form as IPv4 (RFC 4291 section 2.5.5.2); null if none.
 * Only four decimal parts count as IPv4: 127.1 or 0x7f000001 are names to us, as to TLS. */
function readAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text
  if (bare.includes(":")) {
    const plain = withoutDots(bare)
    return ipaddr.IPv6.isValid(plain) ? ipaddr.process(plain) : null
  }
  return ipaddr.IPv4.isValidFourPartDecimal(bare) ? ipaddr.IPv4.parse(bare) : null
}

/** ipaddr.js takes ::192.0.2.1 (IPv4-compatible, RFC 4291 section 2.5.5.1) for the IPv4-mapped
 * form, so a dotted tail is turned into groups before it sees it. */
function withoutDots(ipv6: string): string {
  const url = `http://[${ipv6}]`
  return ipv6.includes(".") && URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : ipv6
}

function readNetwork(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] | null {
  const slash = text.indexOf("/")
  const address = readAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === null) return null
  const width = address.kind() === "ipv4" ? 32 : 128
  if (slash < 0) return [address, width]
  const mapped = width === 32 && text.slice(0, slash).includes(":") ? 96 : 0
  const bits = /^\d{1,3}$/.test(text.slice(slash + 1)) ? Number(text.slice(slash + 1)) - mapped : -1
  if (bits < 0 || bits > width)
    throw new Error(`host pattern "${text}": a prefix of ${mapped} to ${width + mapped} is needed`)
  return [address, bits]
}

function sameKind(
  address: ipaddr.IPv4 | ipaddr.IPv6,
  [base]: [ipaddr.IPv4 | ipaddr.IPv6, number],
): boolean {
  return address.kind() === base.kind()
}
