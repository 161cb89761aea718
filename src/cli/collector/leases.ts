/** Lease and accounting files as the configuration names them. */
import type { Config } from "../../config.ts"
import { leaseSource } from "../../identity/leases/lease-source.ts"
import { radiusSource } from "../../identity/radius/radius-source.ts"
import type { Source } from "../../source/source.ts"
import type { PartsOf } from "./parts-of.ts"

export function openLeases({ sources }: Config, parts: PartsOf): Source[] {
  return [
    ...sources.leases.map((each) => leaseSource(each, parts(`leases/${each.name}`, "leases"))),
    ...sources.radius.map((each) => radiusSource(each, parts(`radius/${each.name}`, "radius"))),
  ]
}
