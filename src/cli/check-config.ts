/** `pinsensor check-config FILE` and `pinsensor config show [flags of run]`. */
import { type Config, loadConfig } from "../config.ts"
import { groupsNamed, policyWarnings } from "../policy/policy-warnings.ts"
import { configFromFlags } from "./flags.ts"
import { mappingLines } from "./mapping-lines.ts"
import { shownConfig } from "./shown-config.ts"
import { withStore } from "./with-store.ts"

/** Ends with an error that names every fault; else says that there is none, and what may not be meant. */
export async function checkConfig(args: readonly string[]): Promise<void> {
  const [file] = args
  if (file === undefined) throw new Error("name the file: pinsensor check-config FILE")
  const config = loadConfig(file)
  const warnings = [...policyWarnings(config), ...(await groupWarnings(config))]
  const lines = [...mappingLines(config), ...warnings.map((warning) => `warning: ${warning}`)]
  process.stdout.write([`${file}: good`, ...lines, ""].join("\n"))
}

/** Prints the values in force, defaults and flags included, as a file that can be read again. */
export function config(args: readonly string[]): void {
  const [what, ...flags] = args
  if (what !== "show") throw new Error("say: pinsensor config show [--config FILE] [flags of run]")
  process.stdout.write(shownConfig(configFromFlags(flags)))
}

/** A misspelt group matches nobody. It shows only where devices are known: elsewhere nothing is said. */
async function groupWarnings(config: Config): Promise<string[]> {
  const named = groupsNamed(config)
  if (named.size === 0) return []
  try {
    return await withStore(config.data, (store) => {
      const devices =
        store?.current("devices").filter(({ tenant }) => tenant === config.tenant) ?? []
      const known = new Set(devices.flatMap(({ groups }) => groups))
      if (devices.length === 0) return []
      return [...named]
        .filter((group) => !known.has(group))
        .map((group) => `no device is in the group ${group}: what names it matches nobody`)
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return [`groups were not compared with the devices: ${why}`]
  }
}
