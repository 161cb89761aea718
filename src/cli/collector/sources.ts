/** All sources that the configuration names. */
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import type { Log } from "../../intercept/log.ts"
import type { Source } from "../../source/source.ts"
import { openFlowLogs } from "./flow-logs.ts"
import { SourceKeeper } from "./keeper.ts"
import { openLeases } from "./leases.ts"
import { openMdm } from "./mdm.ts"
import type { PartsOf } from "./parts-of.ts"
import { openWebhook } from "./webhook.ts"

export interface CollectorParts {
  store: Store
  log: Log
  clock: () => number
}

export function openSources(config: Config, { store, log, clock }: CollectorParts): Source[] {
  const common = {
    tenant: config.tenant,
    site: config.site,
    sensor_id: config["sensor-id"],
    v: 1 as const,
  }
  const parts: PartsOf = (name, kind) => ({
    name,
    keeper: new SourceKeeper({ store, name, kind, tenant: config.tenant, clock }),
    common,
    clock,
    random: Math.random,
    log,
  })
  return [openLeases, openMdm, openWebhook, openFlowLogs].flatMap((open) => open(config, parts))
}
