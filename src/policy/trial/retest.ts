/**
 * Re-tests of what was learned: before it ends one device is inspected again, while the others stay
 * spliced. A refusal renews the entry, an acceptance ends it, silence lets it end in its time.
 *
 * In: learned entries, judgements, who used them last. Out: changed entries. It must not know how
 * the one device is picked out of the traffic.
 */
import type { ScopeJudgement } from "../../record/scope-judgement.ts"
import { controlOf, type GroupChoice } from "../settings.ts"
import { ended } from "./learned-standing.ts"
import { isLive, type Learned } from "./trial-key.ts"
import { change, choiceFor, iso, type RegisterWrite, type TrialStep } from "./trial-step.ts"

/** An entry about a group has no stack: another program of the device may accept what the one that
 * is tested refuses. So long that one has to show itself. */
const otherPrograms = 3_600_000

export function stepRetests(learned: readonly Learned[], step: TrialStep): RegisterWrite[] {
  if (step.settings.mode === "off") return []
  if (!step.everyEntry && step.judgements.length === 0) return []
  return learned.flatMap((entry) => {
    const { retest } = entry.learned
    if (retest === null && !step.everyEntry) return []
    if (entry.standing !== "in-force" || !isLive(entry, step.now)) return []
    return retest === null ? begun(entry, step) : shown(entry, retest, step)
  })
}

/** An entry without an end has nothing that it could be tested before. */
function begun(entry: Learned, step: TrialStep): RegisterWrite[] {
  const { settings, now } = step
  const { device_ids, renewals } = entry.learned
  if (entry.expires_at === null || renewals >= settings.learn.renewals) return []
  // An entry that is short in itself is not tested from its first minute on.
  const before = Math.min(settings.learn["retest-before"], choiceOf(entry, step)["hold-for"] / 2)
  if (Date.parse(entry.expires_at) - now > before) return []
  const device_id = entry.scope.device_id ?? step.lastUser(entry.id) ?? device_ids.at(-1)
  if (device_id === undefined) return []
  const retest = { device_id, since: iso(now) }
  const next = { ...entry, learned: { ...entry.learned, retest } }
  return [change(next, `re-test: ${device_id} is inspected, the others are not`)]
}

function shown(
  entry: Learned,
  retest: NonNullable<Learned["learned"]["retest"]>,
  step: TrialStep,
): RegisterWrite[] {
  const { now } = step
  const since = Date.parse(retest.since)
  const about = step.judgements.filter((judgement) => isAbout(judgement, entry, retest.device_id))
  if (about.some(({ last_refusal_ms }) => (last_refusal_ms ?? 0) > since))
    return [change(renewed(entry, step), `renewed: ${retest.device_id} still refuses`, "renewed")]
  const accepted = about.some(({ last_acceptance_ms }) => (last_acceptance_ms ?? 0) > since)
  const waits = entry.scope.stack === null ? otherPrograms : 0
  if (!accepted || now < since + waits) return []
  return [
    change(ended(entry, now), `ended: ${retest.device_id} accepts the inspection certificate now`),
  ]
}

function renewed(entry: Learned, step: TrialStep): Learned {
  const { now } = step
  const until = now + choiceOf(entry, step)["hold-for"]
  return {
    ...entry,
    expires_at: iso(until),
    review_at: iso(now + (until - now) / 2),
    learned: { ...entry.learned, retest: null, renewals: entry.learned.renewals + 1 },
  }
}

function isAbout({ key, sni }: ScopeJudgement, { scope }: Learned, deviceId: string): boolean {
  return (
    key.device_id === deviceId &&
    sni === scope.sni &&
    (scope.stack === null || key.stack === scope.stack)
  )
}

function choiceOf({ scope }: Learned, step: TrialStep): GroupChoice {
  return scope.device_group === null
    ? choiceFor(scope.device_id, step)
    : controlOf(step.settings, [scope.device_group])
}
