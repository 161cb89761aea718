/** Readers of the logs of Zeek and Suricata. */
import { networkInterfaces } from "node:os"
import type { Config } from "../../config.ts"
import type { Source } from "../../source/source.ts"
import { flowLogSource } from "../../telemetry/flow-logs/flow-log-source.ts"
import type { PartsOf } from "./parts-of.ts"

export function openFlowLogs(config: Config, parts: PartsOf): Source[] {
  const ownAddresses = addressesOfThisMachine()
  return config.sources["flow-logs"].map((settings) =>
    flowLogSource(settings, {
      ...parts(`flow-logs/${settings.name}`, settings.kind),
      ownAddresses,
    }),
  )
}

/** Without loopback: nothing is learned from it, and a lab works there. */
function addressesOfThisMachine(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return new Set(all.filter(({ internal }) => !internal).map(({ address }) => address))
}
