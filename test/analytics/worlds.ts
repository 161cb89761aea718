/** Small worlds that several tests of the analytics start from: who did what, minute by minute. */
import { judgeDevice } from "../../src/analytics/judge.ts"
import { judgeScope } from "../../src/analytics/scope.ts"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import type { Attempt, Outcome } from "../../src/record/attempt.ts"
import type {
  Attributed,
  Attribution,
  DeviceEvidence,
  JudgementContext,
} from "../../src/record/attributed.ts"
import type { Finding } from "../../src/record/finding.ts"
import type { Flow } from "../../src/record/flow.ts"
import type { ScopeJudgement } from "../../src/record/scope-judgement.ts"
import { attempt, by, context, evidence, flow, MINUTE, who } from "../support/records.ts"

/** The destination that is judged. */
export const target = "api.bank.example"

export const settings = AnalyticsSettings.parse({})

export function refusedAt(
  minutes: readonly number[],
  over: Partial<Attempt> = {},
  attribution: Attribution = who(),
): Attributed<Attempt>[] {
  return minutes.map((minute) =>
    by(attempt(target, minute * MINUTE, over.outcome ?? "refused-alert", over), attribution),
  )
}

export function seenAt(
  outcome: Outcome,
  minutes: readonly number[],
  over: Partial<Attempt> = {},
  attribution: Attribution = who(),
): Attributed<Attempt>[] {
  return minutes.map((minute) => by(attempt(target, minute * MINUTE, outcome, over), attribution))
}

/** Accepts our CA at two registrable domains that are nobody's own. */
export function acceptsElsewhere(
  attribution: Attribution = who(),
  over: Partial<Attempt> = {},
  names: readonly string[] = ["www.news.example", "cdn.maps.example"],
): Attributed<Attempt>[] {
  return names.map((name, index) =>
    by(attempt(name, (30 + index) * 1_000, "accepted", over), attribution),
  )
}

export function trialAt(
  minutes: readonly number[],
  over: Partial<Flow> = {},
  attribution: Attribution = who(),
): Attributed<Flow>[] {
  return minutes.map((minute) => by(flow(target, minute * MINUTE, over), attribution))
}

/** Refused three times, worked twice when spliced, refused again; accepts us elsewhere. */
export function confirmedWorld(
  attribution: Attribution = who(),
  over: Partial<DeviceEvidence> = {},
): DeviceEvidence {
  return evidence({
    attempts: [...acceptsElsewhere(attribution), ...refusedAt([1, 3, 5, 12], {}, attribution)],
    flows: trialAt([6, 7], {}, attribution),
    ...over,
  })
}

/** The judgement of the target; the test fails loudly if there is none or more than one. */
export function judgeTarget(
  device: DeviceEvidence,
  over: Partial<JudgementContext> = {},
  chosen: AnalyticsSettings = settings,
): ScopeJudgement {
  const found = judgeScope(device, context(over), chosen).filter(
    ({ key }) => key.destination === target,
  )
  const [only, second] = found
  if (!only || second) throw new Error(`${found.length} judgements of ${target}`)
  return only
}

export function findingsOf(
  device: DeviceEvidence,
  over: Partial<JudgementContext> = {},
  chosen: AnalyticsSettings = settings,
): Finding[] {
  return judgeDevice(device, context(over), chosen).findings
}

/** The finding about the target, or undefined. */
export function findTarget(
  device: DeviceEvidence,
  over: Partial<JudgementContext> = {},
  chosen: AnalyticsSettings = settings,
): Finding | undefined {
  const found = findingsOf(device, over, chosen).filter(({ key }) => key.destination === target)
  if (found.length > 1) throw new Error(`${found.length} findings about ${target}`)
  return found[0]
}
