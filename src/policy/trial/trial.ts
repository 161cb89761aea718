/**
 * The life of trials and of what is learned from them: what the correlator does with each when time
 * passes, connections are spliced and judgements change.
 *
 * In: trials and learned entries of the register, judgements, use, the time. Out: changed entries,
 * each with its reason in words, and the apps that stay broken. It must not know connections or
 * evidence; the register is its only way to the workers.
 */
import type { RegisterEntry, TrialState } from "../../record/register-entry.ts"
import type { ScopeJudgement } from "../../record/scope-judgement.ts"
import type { ControlSettings, GroupChoice } from "../settings.ts"
import { armTrials } from "./arm-trials.ts"
import { type BrokenApp, brokenApps, splicedAfterAll } from "./broken.ts"
import { type Confirmation, learnedFrom } from "./learn.ts"
import { ofGroups } from "./learn-group.ts"
import { settled } from "./learned-standing.ts"
import { stepRetests } from "./retest.ts"
import {
  isLearned,
  isLive,
  isRunning,
  isTrial,
  judgementsByKey,
  type Trial,
  trialKeyOfEntry,
} from "./trial-key.ts"
import { type Move, nextMove } from "./trial-move.ts"
import {
  change,
  choiceFor,
  iso,
  type RegisterWrite,
  splicesConfirmed,
  type TrialStep,
  type Use,
} from "./trial-step.ts"

export interface TrialOutcome {
  /** In the order in which they were done: an entry may be in it twice, the last one counts. */
  writes: RegisterWrite[]
  /** Apps that are broken now, also those for less than `broken-at-most`. */
  broken: BrokenApp[]
}

/** Doubling of the cool-down ends here. */
export const longestCoolDown = 7 * 86_400_000

/** One step. An ended trial is `cooling` with an end that has passed. */
export function stepTrials(given: TrialStep): TrialOutcome {
  const { common } = given
  // Nothing is ever learned across tenants.
  const ours = <Entry extends { tenant: string }>({ tenant }: Entry) => tenant === common.tenant
  const trials = new Standing(given.trials.filter(isTrial).filter(ours))
  const learned = new Standing(given.learned.filter(isLearned).filter(ours))
  const judged = judgementsByKey(given.judgements)
  const writes: RegisterWrite[] = []
  const write = (done: readonly RegisterWrite[]) => {
    for (const one of done) {
      if (isTrial(one.entry)) trials.put(one.entry)
      else if (isLearned(one.entry)) learned.put(one.entry)
      writes.push(one)
    }
  }

  const { moves, confirmed, again } = moveTrials(trials.all, judged, given)
  write(moves)
  for (const confirmation of confirmed) {
    write(learnedFrom(confirmation, learned.all, given))
    write(ofGroups(confirmation, trials.all, learned.all, given))
  }
  if (!given.fault) {
    write(splicedAfterAll(judged, trials.all, learned.all, given))
    write(stepRetests(learned.all, given))
  }
  if (given.everyEntry || confirmed.length > 0) write(settled(learned.all, given))
  if (!given.fault) write(armTrials(trials.all, judged, again, learned.all, given))
  const broken = given.fault ? [] : brokenApps(judged, trials.all, learned.all, given)
  return { writes, broken }
}

/** Entries with what the step has changed so far. */
class Standing<Entry extends RegisterEntry> {
  readonly #before: readonly Entry[]
  readonly #changed = new Map<string, Entry>()

  constructor(before: readonly Entry[]) {
    this.#before = before
  }

  put(entry: Entry): void {
    this.#changed.set(entry.id, entry)
  }

  get all(): readonly Entry[] {
    if (this.#changed.size === 0) return this.#before
    const added = new Map(this.#changed)
    const kept = this.#before.map((entry) => {
      added.delete(entry.id)
      return this.#changed.get(entry.id) ?? entry
    })
    return [...kept, ...added.values()]
  }
}

function moveTrials(
  trials: readonly Trial[],
  judged: ReadonlyMap<string, readonly ScopeJudgement[]>,
  step: TrialStep,
): { moves: RegisterWrite[]; confirmed: Confirmation[]; again: Set<string> } {
  const { settings, fault, now } = step
  const moves: RegisterWrite[] = []
  const confirmed: Confirmation[] = []
  const again = new Set<string>()
  for (const entry of trials) {
    if (!isRunning(entry)) {
      if (step.everyEntry) reheld(entry, step, moves, confirmed)
      continue
    }
    const key = trialKeyOfEntry(entry)
    const choice = choiceFor(entry.scope.device_id, step)
    const judgements = judged.get(key) ?? []
    const used = withUse(entry, step.useOf(entry.id), settings, now)
    const move = nextMove(used, { judgements, settings, mode: choice.mode, fault, now })
    if (move === null) {
      if (hasBegun(entry, used)) moves.push(change(used, "splicing: its client came"))
      continue
    }
    const next = moved(used, move, choice, settings, now)
    const held = next.trial.hold === null ? "" : `: the group's policy is ${next.trial.hold}`
    moves.push(change(next, `${move.note}${held}`))
    if (move.to === "holding") {
      const judgement = judgements.find(({ verdict }) => verdict === "confirmed")
      confirmed.push({ trial: next, choice, ...(judgement && { judgement }) })
    }
    if (move.to === "another-round") again.add(key)
  }
  return { moves, confirmed, again }
}

/** Its time has begun, or turns out to have begun earlier: anything else that went through since is
 * counted beside the entry. */
function hasBegun(before: Trial, after: Trial): boolean {
  return before.trial.first_splice_at !== after.trial.first_splice_at
}

/** What it let through, and the start of its time: the earliest use that is known of. That may move
 * back when a hit comes late, never forward, so lateness only shortens. */
function withUse(entry: Trial, use: Use | null, settings: ControlSettings, now: number): Trial {
  if (use === null || use.first_ms === null) return entry
  const { trial } = entry
  const counted = { ...trial, connections: use.hits, bytes: use.bytes }
  if (trial.state !== "armed" && trial.state !== "splicing") return { ...entry, trial: counted }
  const known = trial.first_splice_at === null ? [] : [Date.parse(trial.first_splice_at)]
  const first =
    known[0] === undefined ? Math.min(now, use.first_ms) : Math.min(known[0], use.first_ms)
  const end = first + settings["splice-for"]
  const set = trial.state === "splicing" && entry.expires_at ? Date.parse(entry.expires_at) : end
  const since = trial.state === "armed" ? iso(first) : trial.since
  return {
    ...entry,
    expires_at: iso(Math.min(end, set)),
    trial: { ...counted, state: "splicing", since, first_splice_at: iso(first) },
  }
}

function moved(
  entry: Trial,
  { to }: Move,
  choice: GroupChoice,
  settings: ControlSettings,
  now: number,
): Trial {
  const states: Record<Move["to"], [TrialState, number]> = {
    "re-inspecting": ["re-inspecting", settings["re-inspect-for"]],
    holding: ["holding", choice["hold-for"]],
    cooling: ["cooling", coolDown(entry.trial.round, settings)],
    ended: ["cooling", 0],
    // If no further round can be armed now, it waits like any trial without a result.
    "another-round": ["cooling", coolDown(entry.trial.round, settings)],
  }
  const [state, forMs] = states[to]
  const hold = to === "holding" ? holdOf(choice) : null
  return {
    ...entry,
    expires_at: iso(now + forMs),
    trial: { ...entry.trial, state, since: iso(now), hold },
  }
}

function holdOf(choice: GroupChoice): GroupChoice["hold"] {
  if (splicesConfirmed(choice)) return "splice"
  return choice.hold === "splice" ? "inspect" : choice.hold
}

/** The operator has changed the policy of a group since its key was confirmed: what was decided is
 * decided anew for the rest of the time. */
function reheld(
  entry: Trial,
  step: TrialStep,
  moves: RegisterWrite[],
  confirmed: Confirmation[],
): void {
  const { state, hold } = entry.trial
  if (state !== "holding" || hold === null || step.settings.mode === "off") return
  const choice = choiceFor(entry.scope.device_id, step)
  const now = holdOf(choice)
  if (now === hold || !isLive(entry, step.now)) return
  const trial = { ...entry, trial: { ...entry.trial, hold: now } }
  moves.push(change(trial, `the group's policy for what is confirmed is ${now} now`))
  if (now === "splice") confirmed.push({ trial, choice })
}

function coolDown(round: number, settings: ControlSettings): number {
  return Math.min(longestCoolDown, settings["cool-down"] * 2 ** Math.min(round, 30))
}
