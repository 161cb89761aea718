/**
 * Who is asked for a name, in this order: the operator's table, the system's table of hosts, then DNS
 * servers, or the C library for the names that are only known to it.
 */
import { askDns } from "./ask-dns.ts"
import { askSystem } from "./ask-system.ts"
import type { DnsSettings } from "./dns-settings.ts"
import { hostsFile } from "./hosts-file.ts"
import type { Lookup } from "./resolver.ts"

export interface AskNames {
  /** Names that the operator gave addresses. */
  hosts: Readonly<Record<string, readonly string[]>>
  dns: Pick<DnsSettings, "servers">
  clock: () => number
  /** The system's table. */
  file?: string
  system?: Lookup
}

export function askNames({
  hosts,
  dns: { servers },
  clock,
  file = "/etc/hosts",
  system = askSystem(),
}: AskNames): Lookup {
  const own = new Map(Object.entries(hosts).map(([name, all]) => [name.toLowerCase(), all]))
  const hostOf = (name: string) => own.get(name.toLowerCase())
  if (servers === "getaddrinfo") return async (name) => hostOf(name) ?? system(name)
  const inFile = hostsFile(file, clock)
  const dns = askDns(servers, clock)
  return async (name) =>
    hostOf(name) ?? inFile(name.toLowerCase()) ?? (isForSystem(name) ? system(name) : dns(name))
}

/** Names without a dot want a search domain, and the others have owners of their own: RFC 6761 section
 * 6.3 and RFC 6762 (which networks also use for plain DNS; the C library is told which). */
function isForSystem(name: string): boolean {
  return !name.includes(".") || name.endsWith(".localhost") || name.endsWith(".local")
}
