/** The names under which sources keep their place and tell their health, by the configuration. */
import type { Config } from "../../config.ts"

/** Of all that are configured: those of which nothing is stored yet are silent too. */
export function sourceNames({ sources }: Config): string[] {
  const { leases, radius, mdm, webhook, pubsub } = sources
  return [
    ...leases.map(({ name }) => `leases/${name}`),
    ...radius.map(({ name }) => `radius/${name}`),
    ...mdm.map(({ name }) => `mdm/${name}`),
    ...sources["flow-logs"].map(({ name }) => `flow-logs/${name}`),
    ...(webhook.listen === null ? [] : webhook.senders.map(({ name }) => `webhook/${name}`)),
    ...(pubsub.enabled ? ["pubsub"] : []),
  ]
}

/** Whether a collector is needed at all. */
export function hasSources(config: Config): boolean {
  return sourceNames(config).length > 0 || config.sources.webhook.listen !== null
}
