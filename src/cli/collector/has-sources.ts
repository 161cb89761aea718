import type { Config } from "../../config.ts"

/** Whether a collector is needed at all. */
export function hasSources({ sources }: Config): boolean {
  const { leases, radius, mdm, webhook, pubsub } = sources
  const read = [leases, radius, mdm, sources["flow-logs"]]
  return read.some((list) => list.length > 0) || webhook.listen !== null || pubsub.enabled
}
