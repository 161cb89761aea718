/** The flags of `run`, as they lay over the configuration file. */
import { parseArgs } from "node:util"
import { syslogTarget } from "../alert/settings.ts"
import { type Config, type ConfigInput, loadConfig } from "../config.ts"

export const runFlags = {
  config: { type: "string" },
  listen: { type: "string" },
  "ca-cert": { type: "string" },
  "ca-key": { type: "string" },
  "origin-ca": { type: "string" },
  data: { type: "string" },
  control: { type: "string" },
  syslog: { type: "string", multiple: true },
  workers: { type: "string" },
  "allow-client": { type: "string", multiple: true },
  "allow-destination": { type: "string", multiple: true },
  splice: { type: "string", multiple: true },
} as const

export type RunFlags = ReturnType<typeof parseArgs<{ options: typeof runFlags }>>["values"]

/** The configuration in force: the file of `--config`, if any, under the flags. */
export function configFromFlags(args: readonly string[]): Config {
  return configOf(readFlags(args))
}

export function readFlags(args: readonly string[]): RunFlags {
  return parseArgs({ args: [...args], options: runFlags }).values
}

export function configOf(values: RunFlags): Config {
  const flags: Partial<ConfigInput> = {}
  if (values.listen !== undefined) flags.listen = values.listen
  if (values["ca-cert"] !== undefined || values["ca-key"] !== undefined)
    flags.ca = { cert: values["ca-cert"] ?? null, key: values["ca-key"] ?? null }
  if (values["origin-ca"] !== undefined) flags["origin-ca"] = values["origin-ca"]
  if (values.data !== undefined) flags.data = values.data
  if (values.control !== undefined) flags.control = { mode: controlMode(values.control) }
  if (values.workers !== undefined) flags.workers = Number(values.workers)
  if (values["allow-client"]) flags["allow-client"] = values["allow-client"]
  if (values["allow-destination"]) flags["allow-destination"] = values["allow-destination"]
  if (values.syslog) flags.syslog = values.syslog.map(syslogTarget)
  if (values.splice)
    flags.rules = values.splice.map((pattern, index) => ({
      name: `flag-splice-${index + 1}`,
      when: { sni: [pattern] },
      do: "splice",
    }))
  return loadConfig(values.config ?? null, flags)
}

function controlMode(text: string): "off" | "trial" | "learn" {
  if (text === "off" || text === "trial" || text === "learn") return text
  throw new Error(`--control: "${text}" is none of off, trial and learn`)
}
