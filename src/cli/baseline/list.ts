/** `pinsensor baseline list`: what is baseline of which app and how it got there; or why it is none. */
import { parseArgs } from "node:util"
import { covers } from "../../analytics/host-list.ts"
import { openStore } from "../../evidence/open.ts"
import { table } from "../../lab/table.ts"
import { parseHostPattern } from "../../record/host-pattern.ts"
import { tell } from "../bypass/open-register.ts"
import { dataConfig, dataFlags } from "../data-flags.ts"
import { type KnownPair, knownPairs, type Way, ways } from "./known-pairs.ts"
import { statementsIn } from "./statements.ts"

const options = {
  ...dataFlags,
  app: { type: "string" },
  destination: { type: "string" },
  by: { type: "string" },
  all: { type: "boolean" },
  json: { type: "boolean" },
} as const

export function list(args: readonly string[]): void {
  const { values } = parseArgs({ args: [...args], options })
  const config = dataConfig(values)
  const by = wayFrom(values.by)
  const isAt = destinationFilter(values.destination)
  const all = values.all === true || by !== null
  const store = openStore(config.data, { readonly: true })
  try {
    const source = { store, config, now: Date.now() }
    const rows: KnownPair[] = []
    let hidden = 0
    for (const pair of knownPairs(source, values.app ?? null)) {
      if ((by !== null && pair.by !== by) || !isAt(pair.destination)) continue
      if (!all && pair.by === "missing") hidden += 1
      else if (values.json) tell(JSON.stringify(pair))
      else rows.push(pair)
    }
    if (values.json) return
    if (rows.length > 0) for (const line of table(head, rows.map(rowOf))) tell(line)
    const frozen = statementsIn(store, config.tenant).freeze(values.app ?? "", source.now)
    const freeze = frozen
      ? `; frozen since ${frozen.observed_at} by ${frozen.owner} until ${frozen.expires_at}`
      : ""
    const more = hidden > 0 ? `; ${hidden} more are none (--all shows them and why)` : ""
    tell(`${rows.length} ${rows.length === 1 ? "pair" : "pairs"}${more}${freeze}`)
  } finally {
    store.close()
  }
}

const head = ["BY", "APP", "DESTINATION", "SINCE (UTC)", "DEVICES", "DAYS", "LAST SEEN", "WHY"]

function rowOf({ by, app_id, destination, since, devices, days, last_seen, why }: KnownPair) {
  return [
    by === "missing" ? "none" : by,
    app_id,
    destination,
    since?.slice(0, 16) ?? "-",
    String(devices),
    String(days),
    last_seen?.slice(0, 16) ?? "-",
    why,
  ]
}

function wayFrom(text: string | undefined): Way | null {
  if (text === undefined) return null
  const way = ways.find((one) => one === text)
  if (way) return way
  throw new Error(`--by: "${text}" is none of ${ways.join(", ")}`)
}

/** An exact destination, or a pattern. */
function destinationFilter(text: string | undefined): (destination: string) => boolean {
  if (text === undefined) return () => true
  const exact = text.toLowerCase()
  if (/:\d+$/.test(exact)) return (destination) => destination === exact
  parseHostPattern(text)
  const patterns = [text]
  return (destination) => destination === exact || covers(patterns, destination)
}
