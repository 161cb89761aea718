/**
 * The lease file of dnsmasq. In: its text, which dnsmasq writes anew as a whole at every change.
 * Out: the leases that are held, and what could not be used. DHCPv4 leases are `expiry MAC address name
 * client-id`; after a line `duid ...` those of DHCPv6 are `expiry IAID address name DUID`.
 */
import { canonicalMac } from "../mac.ts"
import { isAddress, type Lease, longestField, macOfDuid, seconds } from "./lease.ts"

export interface DnsmasqLeases {
  leases: Lease[]
  rejected: { at: number; because: string }[]
}

/** Lines of a file; dnsmasq itself holds 1000 leases unless told otherwise. */
const most = 500_000

export function readDnsmasqLeases(text: string): DnsmasqLeases {
  const read: DnsmasqLeases = { leases: [], rejected: [] }
  let family: 4 | 6 = 4
  let at = 0
  for (const line of text.split("\n", most)) {
    const fields = line.trim().split(/\s+/, 6)
    if (fields[0] === "duid") family = 6
    else if (line.trim() !== "") {
      const lease = readLine(fields, family)
      if (lease) read.leases.push(lease)
      else read.rejected.push({ at, because: `it is no lease of DHCPv${family}` })
    }
    at += line.length + 1
  }
  return read
}

function readLine(fields: readonly string[], family: 4 | 6): Lease | null {
  const [expiry, hardware = "", address = "", , client = ""] = fields
  const ends = seconds(expiry)
  if (fields.length < 4 || ends === null || !isAddress(address, family) || address.includes("/"))
    return null
  if (hardware.length > longestField || client.length > longestField) return null
  return {
    address,
    mac: family === 4 ? macOf(hardware) : macOfDuid(client),
    asked: null,
    // 0 lasts for ever.
    ends: ends === 0 ? null : ends * 1_000,
    state: "held",
  }
}

/** `06-00:01:..` names a hardware type other than Ethernet, whose addresses are not MACs of ours. */
function macOf(hardware: string): string | null {
  return /^[0-9a-f]{2}-/i.test(hardware) ? null : canonicalMac(hardware)
}
