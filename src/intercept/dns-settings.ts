/** Who is asked for names, as it is configured. */
import { isIP, isIPv6 } from "node:net"
import { z } from "zod"
import { Duration } from "../record/duration.ts"
import { defaultResolverLimits, type ResolverLimits } from "./resolver.ts"

/** ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT. */
const Server = z.string().refine((text) => {
  if (isIP(text) !== 0) return true
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const port = Number(parts?.[3])
  const address = parts?.[1] ?? parts?.[2] ?? ""
  const good = parts?.[1] === undefined ? isIP(address) === 4 : isIPv6(address)
  return good && port >= 1 && port <= 65_535
}, "write an address, ADDRESS:PORT or [IPv6]:PORT")

export const DnsSettings = z.strictObject({
  /**
   * - `system`: the servers that the system names, asked by the sensor itself.
   * - a list: these servers.
   * - `getaddrinfo`: the system's C library, for sources of names that are no DNS (nsswitch.conf).
   */
  servers: z
    .union([z.enum(["system", "getaddrinfo"]), z.array(Server).min(1).max(8)])
    .default("system"),
  /** How long beyond its time an answer is used while no server gives a new one (RFC 8767). */
  "stale-for": Duration.prefault("1h"),
})
export type DnsSettings = z.infer<typeof DnsSettings>

export function resolverLimits(settings: DnsSettings): ResolverLimits {
  return { ...defaultResolverLimits, staleFor: settings["stale-for"] }
}
