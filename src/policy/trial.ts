/**
 * The life of trials: what the correlator does with each of them when time passes, connections are
 * spliced and judgements change.
 *
 * In: the trials of the register, judgements, hits, the time. Out: changed entries, with notes in
 * words. It must not know connections or evidence; the register is its only way to the workers.
 */
import type { RegisterEntry, TrialState } from "../record/register-entry.ts"
import type { ScopeJudgement } from "../record/scope-judgement.ts"
import { armTrials, type Origin } from "./arm-trials.ts"
import type { ControlSettings } from "./settings.ts"
import { isRunning, judgementsByKey, type Trial, trialKeyOfEntry } from "./trial-key.ts"

/** One spliced connection began or ended. */
export interface TrialHit {
  entry_id: string
  /** Epoch milliseconds. */
  at_ms: number
  event: "open" | "close"
  /** Both directions together; 0 for `open`. */
  bytes: number
}

export interface TrialStep extends Origin {
  /** Every trial that runs or has not expired, and those of the last day, which the caps count.
   * Older ones of a key only make its next cool-down longer. */
  trials: readonly RegisterEntry[]
  /** Where one of a key (device, stack, SNI) changed, all of that key; all there are is right too. */
  judgements: readonly ScopeJudgement[]
  /** Each delivered once. One that comes twice can only shorten a trial. */
  hits: readonly TrialHit[]
  settings: ControlSettings
}

export interface TrialNote {
  entry_id: string
  note: string
}

export interface TrialOutcome {
  changed: RegisterEntry[]
  notes: TrialNote[]
}

/** Doubling of the cool-down ends here. */
export const longestCoolDown = 7 * 86_400_000

/** So many strong control flows are what `confirmed` asks for; more would only open more. */
const enoughControls = 2

/** At most so many evidence ids are kept in an entry, the latest. */
const keptEvidence = 50

/** One step. An ended trial is `cooling` with an end that has passed. */
export function stepTrials(step: TrialStep): TrialOutcome {
  const { settings, now } = step
  const notes: TrialNote[] = []
  const before = step.trials.filter(isTrial)
  const judged = judgementsByKey(step.judgements)
  const hits = Map.groupBy(step.hits, (hit) => hit.entry_id)
  const learned: RegisterEntry[] = []
  const again = new Set<string>()

  const after = before.map((entry) => {
    let next = countHits(entry, hits.get(entry.id) ?? [], settings, now)
    if (!isRunning(next)) return next
    const judgements = judged.get(trialKeyOfEntry(next)) ?? []
    const move = settings.mode === "off" ? switchedOff : nextMove(next, judgements, settings, now)
    if (move === null) return next
    notes.push({ entry_id: entry.id, note: move.note })
    next = moved(next, move, settings, now)
    if (move.to === "holding") learned.push(...learnedEntry(next, judgements, step))
    if (move.to === "another-round") again.add(trialKeyOfEntry(next))
    return next
  })

  const armed = settings.mode === "off" ? [] : armTrials(after, judged, again, step)
  for (const entry of armed) notes.push({ entry_id: entry.id, note: `armed: ${entry.reason}` })
  const changed = after.filter((entry, index) => entry !== before[index])
  return { changed: [...changed, ...learned, ...armed], notes }
}

function isTrial(entry: RegisterEntry): entry is Trial {
  return entry.kind === "trial" && entry.trial !== null
}

/** What it let through, and the start of its time: the first hit that is known of. That may move
 * back when a hit comes late, never forward, so lateness only shortens. */
function countHits(
  entry: Trial,
  hits: readonly TrialHit[],
  settings: ControlSettings,
  now: number,
): Trial {
  if (hits.length === 0) return entry
  const { trial } = entry
  const known = trial.first_splice_at === null ? [] : [Date.parse(trial.first_splice_at)]
  const first = Math.min(now, ...known, ...hits.map((hit) => hit.at_ms))
  const counted = {
    ...trial,
    connections: trial.connections + hits.filter((hit) => hit.event === "open").length,
    bytes: trial.bytes + hits.reduce((sum, hit) => sum + Math.max(0, hit.bytes), 0),
    first_splice_at: iso(first),
  }
  if (trial.state !== "armed" && trial.state !== "splicing") return { ...entry, trial: counted }
  const since = trial.state === "armed" ? iso(first) : trial.since
  const end = first + settings["splice-for"]
  const set = trial.state === "splicing" && entry.expires_at ? Date.parse(entry.expires_at) : end
  return {
    ...entry,
    expires_at: iso(Math.min(end, set)),
    trial: { ...counted, state: "splicing", since },
  }
}

/** Where a running trial goes. `ended`: no cool-down. `another-round`: may be armed again at once
 * within the caps, else it cools. */
type Move = {
  to: "re-inspecting" | "holding" | "cooling" | "ended" | "another-round"
  note: string
}

const switchedOff: Move = { to: "ended", note: "ended: control.mode is off" }

/** What the evidence says comes before what the clock says. */
function nextMove(
  entry: Trial,
  judgements: readonly ScopeJudgement[],
  settings: ControlSettings,
  now: number,
): Move | null {
  return byEvidence(entry, judgements) ?? byClock(entry, judgements, settings, now)
}

function byEvidence({ trial }: Trial, judgements: readonly ScopeJudgement[]): Move | null {
  const has = (...verdicts: ScopeJudgement["verdict"][]) =>
    judgements.some((judgement) => verdicts.includes(judgement.verdict))
  if (judgements.length > 0 && judgements.every(({ device }) => device !== "bound"))
    return { to: "ended", note: "ended: the client's address is not bound to one device any more" }
  if (has("confirmed"))
    return { to: "holding", note: "confirmed: the group's policy rules from here on" }
  // Two apps may share a stack: one that accepts does not end the trial of one that refuses.
  const accepted = judgements.some(
    ({ verdict, last_ms }) =>
      (verdict === "accepts" || verdict === "mixed") && last_ms >= Date.parse(trial.since),
  )
  if (accepted && !has("suspected", "probable"))
    return { to: "ended", note: "ended: the client accepted our certificate" }
  if (trial.first_splice_at === null) return null
  const spliced = Date.parse(trial.first_splice_at)
  if (judgements.some((j) => j.verdict === "broken-or-other" && j.last_ms >= spliced))
    return { to: "cooling", note: "cooling: it fails without inspection too" }
  if (trial.state !== "re-inspecting" || !refusedAgain(judgements)) return null
  return {
    to: "another-round",
    note: "refused again, but fewer than two control flows were strongly used: another round",
  }
}

/** Refused after a control flow, and still short of control flows. */
function refusedAgain(judgements: readonly ScopeJudgement[]): boolean {
  return judgements.some(
    (judgement) =>
      judgement.verdict === "probable" &&
      judgement.refusal_after_control &&
      judgement.control_strong.length < enoughControls,
  )
}

function byClock(
  { trial, expires_at }: Trial,
  judgements: readonly ScopeJudgement[],
  settings: ControlSettings,
  now: number,
): Move | null {
  const over = expires_at !== null && now >= Date.parse(expires_at)
  switch (trial.state) {
    case "armed":
      return over ? { to: "ended", note: "ended: the client did not come back" } : null
    case "splicing": {
      const why = spent(trial, judgements, settings, over)
      return why === null ? null : { to: "re-inspecting", note: `re-inspecting: ${why}` }
    }
    case "re-inspecting":
      return over ? { to: "cooling", note: "cooling: nothing decided it in time" } : null
    case "holding":
    case "cooling":
      return null
  }
}

function spent(
  trial: Trial["trial"],
  judgements: readonly ScopeJudgement[],
  settings: ControlSettings,
  over: boolean,
): string | null {
  if (over) return "its time is over"
  if (trial.connections >= settings.connections) return "its connections are used up"
  if (trial.bytes >= settings.bytes) return "its bytes are used up"
  // It has what it was made for, and every further splice would be a bypass without a purpose.
  return judgements.some(({ control_strong }) => control_strong.length >= enoughControls)
    ? "it has seen enough control flows"
    : null
}

function moved(entry: Trial, { to }: Move, settings: ControlSettings, now: number): Trial {
  const states: Record<Move["to"], [TrialState, number]> = {
    "re-inspecting": ["re-inspecting", settings["re-inspect-for"]],
    holding: ["holding", settings["hold-for"]],
    cooling: ["cooling", coolDown(entry.trial.round, settings)],
    ended: ["cooling", 0],
    // If no further round can be armed now, it waits like any trial without a result.
    "another-round": ["cooling", coolDown(entry.trial.round, settings)],
  }
  const [state, forMs] = states[to]
  return {
    ...entry,
    expires_at: iso(now + forMs),
    trial: { ...entry.trial, state, since: iso(now) },
  }
}

function coolDown(round: number, settings: ControlSettings): number {
  return Math.min(longestCoolDown, settings["cool-down"] * 2 ** Math.min(round, 30))
}

/**
 * What a confirmed key leads to beside its hold: with `hold: splice` an entry in force; with
 * `mode: learn` a proposal, which is an entry that ended as it was made and waits for review.
 * The scope is the device's, without its address, which changes.
 */
function learnedEntry(
  { id, scope }: Trial,
  judgements: readonly ScopeJudgement[],
  { settings, common, now, newId }: TrialStep,
): RegisterEntry[] {
  const inForce = settings.hold === "splice"
  if (!inForce && settings.mode !== "learn") return []
  const judgement = judgements.find(({ verdict }) => verdict === "confirmed")
  const until = now + settings["hold-for"]
  const [kind, end] = inForce ? ["learned", until] : ["proposal, not in force", now]
  return [
    {
      ...common,
      v: 1,
      id: newId(`learned|${id}`),
      observed_at: iso(now),
      kind: "learned",
      scope: { ...scope, client_network: null },
      owner: "pinsensor",
      reason: `${kind}: ${scope.sni} refuses the inspection certificate and works without it (trial ${id})`,
      evidence_ids: evidence(judgement),
      created_at: iso(now),
      expires_at: iso(end),
      review_at: iso(inForce ? until - settings["hold-for"] / 2 : until),
      trial: null,
    },
  ]
}

function evidence(judgement: ScopeJudgement | undefined): string[] {
  if (!judgement) return []
  const { control_strong, refusals, qualifying } = judgement
  return [...(qualifying?.ids ?? []), ...refusals, ...control_strong].slice(-keptEvidence)
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
