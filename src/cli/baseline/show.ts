/** `pinsensor baseline show`: one pair with what was seen of it, day by day, and all that was said. */
import { parseArgs } from "node:util"
import { covers } from "../../analytics/host-list.ts"
import { dayMs } from "../../analytics/pair-profile.ts"
import { openStore } from "../../evidence/open.ts"
import type { BaselineChange } from "../../record/baseline-change.ts"
import { PairProfile } from "../../record/pair-profile.ts"
import { bytesText } from "../bypass/list.ts"
import { tell } from "../bypass/open-register.ts"
import { dataConfig, dataFlags } from "../data-flags.ts"
import { type KnownPair, knownPair } from "./known-pairs.ts"
import { statementsIn } from "./statements.ts"

const options = {
  ...dataFlags,
  app: { type: "string" },
  destination: { type: "string" },
  json: { type: "boolean" },
} as const

interface Shown extends KnownPair {
  profile: PairProfile | null
  said: BaselineChange[]
}

export function show(args: readonly string[]): void {
  const { values } = parseArgs({ args: [...args], options })
  const { app, destination } = values
  if (app === undefined || destination === undefined)
    throw new Error("name one pair: pinsensor baseline show --app ID --destination HOST")
  const shown = lookUp(values, app, destination.toLowerCase())
  if (values.json) tell(JSON.stringify(shown))
  else for (const line of linesOf(shown)) tell(line)
}

function lookUp(
  flags: { data?: string; config?: string },
  app_id: string,
  destination: string,
): Shown {
  const config = dataConfig(flags)
  const store = openStore(config.data, { readonly: true })
  try {
    const source = { store, config, now: Date.now() }
    const parsed = PairProfile.safeParse(store.pairProfile(config.tenant, app_id, destination))
    const profile = parsed.success ? parsed.data : null
    const said = [...store.all("baseline-changes")].filter((change) =>
      concerns(change, config.tenant, app_id, destination),
    )
    const registered = store.current("apps").filter((entry) => entry.app_id === app_id)
    const pair = { app_id, destination }
    const known = knownPair(source, statementsIn(store, config.tenant), pair, profile, registered)
    if (profile === null && said.length === 0 && known.by === "missing")
      throw new Error(
        `${app_id} was never seen at ${destination}; \`pinsensor baseline list --app ${app_id} --all\` shows where it was`,
      )
    return { ...known, profile, said }
  } finally {
    store.close()
  }
}

function concerns(change: BaselineChange, tenant: string, app: string, destination: string) {
  if (change.tenant !== tenant) return false
  if (change.destination === null) return change.app_id === null || change.app_id === app
  if (change.app_id !== app) return false
  return change.destination === destination || covers([change.destination], destination)
}

function linesOf({ profile, said, ...known }: Shown): string[] {
  const { app_id, destination, baseline, by, why, since, accepted_by, refused_by } = known
  const from = since === null ? "" : ` since ${since}`
  const stands = baseline ? `baseline, ${by}${from}` : "no baseline"
  return [
    `${app_id} at ${destination}: ${stands}`,
    `  ${why}`,
    `  ${known.devices} devices on ${known.days} days in the window; accepted by ${accepted_by}, refused by ${refused_by}`,
    ...(profile ? seenLines(profile) : ["  never seen"]),
    ...(said.length > 0 ? ["", "said of it:"] : []),
    ...said.map(saidLine),
  ]
}

function seenLines({ days, stacks, signers, last_ms }: PairProfile): string[] {
  return [
    `  last seen ${new Date(last_ms).toISOString()}`,
    `  stacks: ${stacks.map(({ what }) => what).join(", ") || "none known"}`,
    `  signers: ${[...new Set(signers.map(({ what }) => what))].join(", ") || "none known"}`,
    "",
    "days:",
    ...days.map(({ day, used, accepted, refused, connections, bytes }) => {
      const date = new Date(day * dayMs).toISOString().slice(0, 10)
      const us = [
        `used by ${used.length}`,
        `accepted by ${accepted.length}`,
        `refused by ${refused.length}`,
      ]
      return `  ${date}  ${us.join(", ")}; ${connections} connections, ${bytesText(bytes)}`
    }),
  ]
}

function saidLine(change: BaselineChange): string {
  const { observed_at, what, app_id, destination, owner, who, reason, expires_at } = change
  const of = destination ?? app_id ?? "every app"
  const until = expires_at === null ? "" : ` until ${expires_at}`
  return `  ${observed_at}  ${of} ${what} by ${who} for ${owner}${until}: ${reason}`
}
