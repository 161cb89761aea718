/**
 * The destination guard: which addresses may be dialled at all, and which clients may ask.
 *
 * In: the address that is about to be dialled, after resolution. Out: allowed, or why not. It must
 * not know rules or the register: no rule opens what it refuses. The verdict is worth something
 * only for the very address that goes into connect(), so every dial asks here: CONNECT,
 * transparent, plain HTTP and each address that the resolver gave.
 */
import {
  type Address,
  addressText,
  type Network,
  NetworkSet,
  NetworkTable,
  parseNetwork,
  readAddress,
} from "./addresses.ts"

export type GuardVerdict = { allowed: true } | { allowed: false; because: string }
export type Guard = (address: string, port?: number) => GuardVerdict

/** Never a destination unless the operator lists it. Private networks (RFC 1918, RFC 4193) are
 * not here: an enterprise's own services stand there. */
const closed: readonly [string, string][] = [
  ["0.0.0.0/8", "this-host network (RFC 1122 section 3.2.1.3)"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local, where cloud metadata is served"],
  ["100.100.100.200/32", "cloud metadata"],
  ["168.63.129.16/32", "cloud metadata"],
  ["192.0.0.192/32", "cloud metadata"],
  ["224.0.0.0/4", "multicast"],
  ["255.255.255.255/32", "broadcast"],
  ["240.0.0.0/4", "reserved (RFC 1112 section 4)"],
  ["::/128", "unspecified"],
  ["::1/128", "loopback"],
  ["fe80::/10", "link-local"],
  ["fd00:ec2::254/128", "cloud metadata"],
  ["fd20:ce::254/128", "cloud metadata"],
  ["ff00::/8", "multicast"],
]

/** Forms of IPv6 that carry an IPv4 address, with the octets it stands in. */
const carriers: readonly { form: string; network: string; octets: number[]; inverted?: true }[] = [
  { form: "IPv4-compatible", network: "::/96", octets: [12, 13, 14, 15] },
  { form: "IPv4-translated", network: "::ffff:0:0:0/96", octets: [12, 13, 14, 15] },
  { form: "NAT64 (RFC 6052)", network: "64:ff9b::/96", octets: [12, 13, 14, 15] },
  { form: "6to4 (RFC 3056)", network: "2002::/16", octets: [2, 3, 4, 5] },
  { form: "Teredo server (RFC 4380)", network: "2001::/32", octets: [4, 5, 6, 7] },
  {
    form: "Teredo client (RFC 4380)",
    network: "2001::/32",
    octets: [12, 13, 14, 15],
    inverted: true,
  },
]

/** Where IPv4 stands under a NAT64 prefix of this length (RFC 6052 section 2.2). */
const nat64Octets = new Map([
  [48, [6, 7, 9, 10]],
  [56, [7, 9, 10, 11]],
  [64, [9, 10, 11, 12]],
  [96, [12, 13, 14, 15]],
])
/** NAT64 prefixes of a site's own choice (RFC 8215): the octets depend on the chosen prefix. */
const localNat64 = parseNetwork("64:ff9b:1::/48")
const localForm = "NAT64 (RFC 8215)"

/**
 * `allowDestinations` opens networks that are otherwise closed; loopback and own addresses need
 * it. A form that carries an IPv4 address is judged by that address too, listed or not: opening
 * `64:ff9b::/96` does not open 127.0.0.1 behind it.
 */
export function makeGuard({
  ownAddresses,
  allowDestinations,
}: {
  ownAddresses: readonly string[]
  allowDestinations: readonly Network[]
}): Guard {
  const own = new NetworkSet(ownAddresses.map(parseNetwork))
  const open = new NetworkSet(allowDestinations)
  const refused = new NetworkTable<string>()
  for (const [network, because] of closed) refused.add(parseNetwork(network), because)
  const carrying = carrierTable(allowDestinations)
  const inLocalNat64 = new NetworkSet([localNat64])

  function because(address: Address): string | null {
    const carried = carriedIPv4(address, carrying)
    for (const { form, inner } of carried) {
      const why = because(inner)
      if (why) return `${form} form of ${why}`
    }
    if (inLocalNat64.has(address) && !carried.some(({ form }) => form === localForm))
      return `${addressText(address)}: NAT64 with a prefix that is not known; allow the prefix itself`
    if (open.has(address)) return null
    if (own.has(address)) return `${addressText(address)}: an address of this sensor`
    const [why] = refused.lookUp(address)[0] ?? []
    return why === undefined ? null : `${addressText(address)}: ${why}`
  }

  return (text, port) => {
    if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65536))
      return { allowed: false, because: `${port}: not a port` }
    const address = readAddress(text)
    // Fails closed: what cannot be read as an address is not dialled.
    if (address === null) return { allowed: false, because: "not an address in canonical form" }
    const why = because(address)
    return why === null ? { allowed: true } : { allowed: false, because: why }
  }
}

/** Clients that are served without being listed: this machine and private networks, never the
 * public internet, so that a sensor on defaults is no open relay. */
export const privateClients: readonly string[] = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "::1/128",
  "fc00::/7",
  "fe80::/10",
]

/** Whether a client may use the sensor. Fails closed: an address that cannot be read may not. */
export function clientAllowed(networks?: readonly Network[]): (address: string) => boolean {
  const served = new NetworkSet(networks ?? privateClients.map(parseNetwork))
  return (address) => served.has(address)
}

interface Carrier {
  form: string
  octets: readonly number[]
  inverted: boolean
}

function carrierTable(allowed: readonly Network[]): NetworkTable<Carrier> {
  const table = new NetworkTable<Carrier>()
  for (const { form, network, octets, inverted } of carriers)
    table.add(parseNetwork(network), { form, octets, inverted: inverted === true })
  const local = new NetworkSet([localNat64])
  for (const network of allowed) {
    if (network.prefix < localNat64.prefix || !local.has(network.address)) continue
    const octets = nat64Octets.get(network.prefix)
    if (octets === undefined)
      throw new Error(`${network.text}: list the NAT64 prefix itself: a /48, /56, /64 or /96`)
    table.add(network, { form: localForm, octets, inverted: false })
  }
  return table
}

function carriedIPv4(
  address: Address,
  table: NetworkTable<Carrier>,
): { form: string; inner: Address }[] {
  if (address.version === 4) return []
  const { groups } = address
  const carriers = table.lookUp(address).flat()
  // ISATAP (RFC 5214 section 6.1) works under any prefix: the interface identifier tells.
  if (((groups[4] ?? 0) & ~0x200) === 0 && groups[5] === 0x5efe)
    carriers.push({ form: "ISATAP (RFC 5214)", octets: [12, 13, 14, 15], inverted: false })
  // The unspecified address and loopback are no IPv4-compatible addresses (RFC 4291 section 2.5).
  if (groups.slice(0, 7).every((group) => group === 0) && (groups[7] ?? 0) < 2) return []
  return carriers.map(({ form, octets, inverted }) => {
    const bits = octets.reduce((sum, at) => sum * 256 + octet(groups, at), 0)
    return { form, inner: { version: 4, bits: inverted ? ~bits >>> 0 : bits } }
  })
}

/** The IPv4 addresses that a form of IPv6 carries, under the prefixes that are the same everywhere. */
export function carriedAddresses(address: Address): Address[] {
  return address.version === 4 ? [] : carriedIPv4(address, commonCarriers).map(({ inner }) => inner)
}
const commonCarriers = carrierTable([])

function octet(groups: readonly number[], at: number): number {
  const group = groups[at >> 1] ?? 0
  return at % 2 === 0 ? group >> 8 : group & 255
}
