/** `pinsensor policy list [--json] [flags of run]`: what decides, in the order in which it is asked. */
import { parseArgs } from "node:util"
import { type Config, policyRevision } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import { describeRule } from "../../policy/describe-rule.ts"
import { ControlSettings } from "../../policy/settings.ts"
import { type ListStanding, listStandings } from "../../policy/shipped-lists.ts"
import { bytesText } from "../bypass/list.ts"
import { configOf, runFlags } from "../flags.ts"
import { printableLines } from "../printable.ts"
import { shownSettings } from "../shown-config.ts"
import { withStore } from "../with-store.ts"

export async function policyList(args: readonly string[]): Promise<void> {
  const options = { ...runFlags, json: { type: "boolean" } } as const
  const { values } = parseArgs({ args: [...args], options })
  const config = configOf(values)
  const register = await withStore(config.data, (store) => store && countEntries(store, config))
  const listed = {
    revision: policyRevision(config),
    rules: config.rules,
    privacy: config.privacy,
    lists: listStandings(config.lists, config.control.mode).map(listOf),
    register,
    control: shownSettings(ControlSettings, config.control),
  }
  process.stdout.write(values.json ? `${JSON.stringify(listed, null, 2)}\n` : text(config, listed))
}

/** What the register holds: what decides by kind, and what stands there beside it. */
interface Counts {
  in_force: Record<string, number>
  proposed: number
  ended: number
  declared: number
}

function countEntries(store: Store, config: Config): Counts {
  const counts: Counts = { in_force: {}, proposed: 0, ended: 0, declared: 0 }
  const now = Date.now()
  for (const { tenant, kind, source, standing, expires_at } of store.all("register")) {
    if (tenant !== config.tenant) continue
    if (expires_at !== null && Date.parse(expires_at) <= now) counts.ended += 1
    else if (source !== "register") counts.declared += 1
    else if (standing === "proposed") counts.proposed += 1
    else counts.in_force[kind] = (counts.in_force[kind] ?? 0) + 1
  }
  return counts
}

function listOf({
  name,
  about,
  do: choice,
  shipped,
  own,
  inspected,
  hosts,
  ...answers
}: ListStanding) {
  const sources = [...new Set(hosts.map(({ source }) => source))]
  const { owner, reason, review } = answers
  const inForce = shipped + own
  return { name, about, do: choice, in_force: inForce, inspected, sources, owner, reason, review }
}

type Listed = ReturnType<typeof listOf>

function text(
  config: Config,
  {
    revision,
    privacy,
    lists,
    register,
    control,
  }: {
    revision: string
    privacy: Config["privacy"]
    lists: readonly Listed[]
    register: Counts | null
    control: unknown
  },
): string {
  return printableLines([
    `policy ${revision}; asked in this order, and what nothing decides is inspected`,
    ...section("Rules", config.rules.map(describeRule), "none"),
    ...section("Register", register === null ? [] : registerLines(register), "there is none yet"),
    ...section("Privacy", [personalLine(privacy)], "none"),
    ...section("Lists", lists.map(listLine), "none"),
    ...section("Control", controlLines(control), "none"),
  ])
}

function section(title: string, lines: readonly string[], none: string): string[] {
  return ["", title, ...(lines.length === 0 ? [none] : lines).map((line) => `  ${line}`)]
}

function registerLines({ in_force, proposed, ended, declared }: Counts): string[] {
  const kinds = Object.entries(in_force).map(([kind, count]) => `${count} ${kind}`)
  return [
    `in force: ${kinds.length > 0 ? kinds.join(", ") : "none"} (a person's before the lists, the sensor's after them)`,
    `beside them: ${proposed} proposed, ${ended} ended, ${declared} declared by the configuration`,
  ]
}

function personalLine({ "personal-devices": choice }: Config["privacy"]): string {
  const does = choice === "splice" ? "not inspected (private)" : "inspected like any other"
  return `personal-devices (${choice}): connections of devices that inventory says are a person's own are ${does}`
}

function listLine({ name, do: choice, in_force, inspected, sources, about }: Listed): string {
  const from = sources.length > 1 ? `${sources.length} sources` : sources.join()
  const not = inspected > 0 ? `, ${inspected} inspected` : ""
  return `${name} (${choice}): ${in_force} spliced${not}${from === "" ? "" : ` (${from})`}. ${about}`
}

function controlLines(control: unknown): string[] {
  const shown = (key: string, value: unknown) => {
    if (key === "bytes") return bytesText(Number(value))
    return typeof value === "object" ? JSON.stringify(value) : value
  }
  return Object.entries(control ?? {}).map(([key, value]) => `${key}: ${shown(key, value)}`)
}
