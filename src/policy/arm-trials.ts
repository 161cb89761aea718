/**
 * Which judgements earn a trial.
 *
 * In: trials as they stand, judgements, the caps. Out: newly armed entries. It must not know what
 * becomes of a trial. A trial is a bypass that a client can bring about by refusing, so everything
 * here is a reason not to arm one.
 */
import { canonicalHost } from "../record/host-pattern.ts"
import type { ScopeJudgement } from "../record/scope-judgement.ts"
import { canonicalAddress, readAddress } from "./addresses.ts"
import { isAddress } from "./connection-view.ts"
import type { ControlSettings } from "./settings.ts"
import { isRunning, type Trial, trialKeyOfEntry, trialKeyOfJudgement } from "./trial-key.ts"

/** Where new entries come from. `newId` gives the same id for the same key, so that two starts of
 * the correlator over one store make one trial. `now` is in epoch milliseconds. */
export interface Origin {
  common: { tenant: string; site: string; sensor_id: string }
  now: number
  newId: (key: string) => string
}

const hour = 3_600_000
const day = 24 * hour

/** At most so many refusals are named as the reason of a trial, the latest. */
const keptEvidence = 50

/** `again`: keys whose round has just ended with a refusal that asks for another. */
export function armTrials(
  trials: readonly Trial[],
  judged: ReadonlyMap<string, readonly ScopeJudgement[]>,
  again: ReadonlySet<string>,
  origin: Origin & { settings: ControlSettings },
): Trial[] {
  const { settings, now } = origin
  const rounds = Map.groupBy(trials, trialKeyOfEntry)
  const lastHour = trials.filter(({ created_at }) => Date.parse(created_at) > now - hour)
  const served = new Map<string | null, number>()
  for (const { scope } of lastHour) count(served, scope.device_id)

  const waiting = new Map<string, ScopeJudgement>()
  for (const [key, judgements] of judged) {
    const judgement = judgements.find(earnsTrial)
    const earlier = rounds.get(key) ?? []
    if (judgement && mayArm(judgement, earlier, again.has(key), settings, now))
      waiting.set(key, judgement)
  }
  const armed: Trial[] = []
  for (let left = settings["fleet-an-hour"] - lastHour.length; left > 0; left -= 1) {
    const key = leastServed(waiting, served)
    const judgement = key === undefined ? undefined : waiting.get(key)
    if (key === undefined || !judgement) break
    waiting.delete(key)
    count(served, judgement.key.device_id)
    armed.push(armedTrial(judgement, rounds.get(key) ?? [], origin))
  }
  return armed
}

/** Only an attributed, unambiguous device; only a name that our own upstream leg verified; only
 * where control flows are what is missing. */
export function earnsTrial(judgement: ScopeJudgement): boolean {
  const { verdict, device, key, sni, ceilings, upstream_verified, client_ip } = judgement
  return (
    (verdict === "suspected" || (verdict === "probable" && judgement.control_strong.length < 2)) &&
    device === "bound" &&
    !key.device_id.startsWith("address:") &&
    key.stack !== null &&
    sni !== null &&
    // An SNI of `*.example.org` would be read as a pattern for all names below it.
    canonicalHost(sni) === sni &&
    !isAddress(sni) &&
    upstream_verified &&
    ceilings.length === 0 &&
    canonicalAddress(client_ip) !== null
  )
}

function mayArm(
  judgement: ScopeJudgement,
  rounds: readonly Trial[],
  again: boolean,
  settings: ControlSettings,
  now: number,
): boolean {
  const today = rounds.filter(({ created_at }) => Date.parse(created_at) > now - day)
  if (today.length >= settings["per-key-a-day"]) return false
  return rounds.every((round) => {
    if (isRunning(round)) return false
    if (again && round.trial.state === "cooling") return true
    if (round.expires_at !== null && Date.parse(round.expires_at) > now) return false
    // Only what came after the last round is a reason for another.
    return judgement.last_ms > Date.parse(round.trial.since)
  })
}

function armedTrial(
  judgement: ScopeJudgement,
  rounds: readonly Trial[],
  { common, now, newId, settings }: Origin & { settings: ControlSettings },
): Trial {
  const { key, sni, client_ip, refusals } = judgement
  const round = rounds.reduce((next, { trial }) => Math.max(next, trial.round + 1), 0)
  const created_at = new Date(now).toISOString()
  const name = [common.tenant, trialKeyOfJudgement(judgement), round, refusals[0] ?? null]
  return {
    ...common,
    v: 1,
    id: newId(JSON.stringify(name)),
    observed_at: created_at,
    kind: "trial",
    scope: {
      device_id: key.device_id,
      device_group: null,
      client_network: hostNetwork(client_ip),
      stack: key.stack,
      sni,
      destination_network: null,
    },
    owner: "pinsensor",
    reason: `${judgement.verdict}: ${sni} refused the inspection certificate ${refusals.length} times; control flow wanted (round ${round})`,
    evidence_ids: refusals.slice(-keptEvidence),
    created_at,
    expires_at: new Date(now + settings["armed-for"]).toISOString(),
    review_at: null,
    trial: {
      state: "armed",
      since: created_at,
      first_splice_at: null,
      connections: 0,
      bytes: 0,
      round,
    },
  }
}

function hostNetwork(ip: string): string {
  return `${canonicalAddress(ip)}/${readAddress(ip)?.version === 4 ? 32 : 128}`
}

/** The key whose device had fewest trials this hour, so that one device cannot use up the fleet's
 * hour while others wait; the first in order among equals. */
function leastServed(
  waiting: ReadonlyMap<string, ScopeJudgement>,
  served: ReadonlyMap<string | null, number>,
): string | undefined {
  let least: { key: string; count: number } | undefined
  for (const [key, judgement] of waiting) {
    const count = served.get(judgement.key.device_id) ?? 0
    if (!least || count < least.count || (count === least.count && key < least.key))
      least = { key, count }
  }
  return least?.key
}

function count(served: Map<string | null, number>, device: string | null): void {
  served.set(device, (served.get(device) ?? 0) + 1)
}
