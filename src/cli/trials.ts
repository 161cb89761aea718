/**
 * `pinsensor trials [--all] [--json]`: each trial with what it is waiting for, and the keys that want
 * one and may not have it, with the reason. Only reads; the sensor may be running or not.
 */
import { parseArgs } from "node:util"
import type { Config } from "../config.ts"
import { openStore } from "../evidence/open.ts"
import type { Store } from "../evidence/store.ts"
import { isCovered } from "../policy/trial/learned-standing.ts"
import { isLearned, isLive, isTrial, type Trial } from "../policy/trial/trial-key.ts"
import { choiceFor, type KnownDevice } from "../policy/trial/trial-step.ts"
import { waitingFor } from "../policy/trial/waiting-for.ts"
import { type Wish, whyNotArmed } from "../policy/trial/why-not-armed.ts"
import type { RegisterEntry } from "../record/register-entry.ts"
import { dataConfig, dataFlags } from "./data-flags.ts"
import { printableLines } from "./printable.ts"
import { wishes } from "./trial-wishes.ts"

export interface ShownTrial {
  id: string
  state: NonNullable<RegisterEntry["trial"]>["state"]
  device_id: string | null
  stack: string | null
  sni: string | null
  client_network: string | null
  round: number
  since: string
  refused_since: string | null
  connections: number
  bytes: number
  waiting_for: string
}

export interface NotArmed {
  device_id: string
  stack: string | null
  sni: string | null
  verdict: Wish["verdict"]
  since: string
  why: string
}

export function trials(args: readonly string[]): void {
  const { values } = parseArgs({
    args: [...args],
    options: { ...dataFlags, all: { type: "boolean" }, json: { type: "boolean" } },
  })
  const config = dataConfig(values)
  const store = openStore(config.data, { readonly: true })
  try {
    const now = Date.now()
    const entries = [...store.all("register")]
    const shown = shownTrials(entries, config, now, values.all ?? false)
    const wanting = notArmed(entries, store, config, now)
    process.stdout.write(
      values.json
        ? `${JSON.stringify({ trials: shown, not_armed: wanting }, null, 2)}\n`
        : text(shown, wanting),
    )
  } finally {
    store.close()
  }
}

/** Those that run or hold or cool; with `all` also those that ended, the latest first. */
export function shownTrials(
  entries: readonly RegisterEntry[],
  { control }: Config,
  now: number,
  all: boolean,
): ShownTrial[] {
  return entries
    .filter(isTrial)
    .filter((entry) => all || isLive(entry, now))
    .sort((a, b) => (a.trial.since > b.trial.since ? -1 : 1))
    .map((entry) => {
      const { id, scope, trial, hits, bytes } = entry
      return {
        id,
        state: trial.state,
        device_id: scope.device_id,
        stack: scope.stack,
        sni: scope.sni,
        client_network: scope.client_network,
        round: trial.round,
        since: trial.since,
        refused_since: trial.refused_since,
        connections: hits,
        bytes,
        waiting_for: waitingFor(entry, { hits, bytes, first_ms: null }, control, now),
      }
    })
}

/** Keys that are suspected or probable and have no trial that lives. */
export function notArmed(
  entries: readonly RegisterEntry[],
  store: Store,
  { control }: Config,
  now: number,
): NotArmed[] {
  const fault = [...store.all("findings")].some(
    ({ analytic, state }) => analytic === "sensor-fault" && state !== "closed",
  )
  return wishes(store).flatMap(({ wish, since, tenant }) => {
    const ours = entries.filter((entry) => entry.tenant === tenant)
    const known = ours.filter(isTrial)
    const learned = ours.filter(isLearned)
    const deviceOf = (id: string): KnownDevice =>
      store.device(tenant, id) ?? { groups: [], user: null }
    const { device_id, stack } = wish.key
    const { sni, verdict } = wish
    if (known.some((trial) => isAbout(trial, wish) && isLive(trial, now))) return []
    const { mode } = choiceFor(device_id, { settings: control, deviceOf })
    const covered = isCovered(learned, { device_id, stack, sni }, { deviceOf, now })
    const waiting = { trials: known, settings: control, mode, fault, covered, now }
    const why = whyNotArmed(wish, waiting) ?? "nothing stands in its way: it is armed next"
    return [{ device_id, stack, sni, verdict, since, why }]
  })
}

function isAbout({ scope }: Trial, { key, sni }: Wish): boolean {
  return scope.device_id === key.device_id && scope.stack === key.stack && scope.sni === sni
}

function text(shown: readonly ShownTrial[], wanting: readonly NotArmed[]): string {
  const lines = [
    ...(shown.length === 0 ? ["no trials"] : shown.flatMap(trialLines)),
    ...(wanting.length === 0 ? [] : ["", "Not armed:"]),
    ...wanting.flatMap(({ device_id, sni, stack, verdict, since, why }) => [
      `  ${device_id}  ${sni ?? "no SNI"}  ${verdict} since ${since}  stack ${stack ?? "unknown"}`,
      `    ${why}`,
    ]),
  ]
  return printableLines(lines)
}

function trialLines(trial: ShownTrial): string[] {
  const { id, state, device_id, sni, stack, client_network, round, since } = trial
  return [
    `${state.padEnd(13)} ${device_id}  ${sni}  round ${round}, since ${since}`,
    `  ${id}  stack ${stack ?? "any"}${client_network === null ? "" : `  at ${client_network}`}`,
    `  waits for ${trial.waiting_for}`,
  ]
}
