/** Makes the finding record of a judged key: the judgement, the analytic's answer, and what next. */
import type { Attempt } from "../record/attempt.ts"
import type { Finding, ScopeVerdict } from "../record/finding.ts"
import type { Flow } from "../record/flow.ts"
import { actorKey } from "./actor.ts"
import { byTime } from "./bucket.ts"
import { epochKey } from "./epoch.ts"
import { isAtRisk, severityOf } from "./severity.ts"
import type { Sighting } from "./sighting.ts"
import { stableId } from "./stable-id.ts"
import { type AnalyticJudgement, postureOf, type Subject } from "./subject.ts"

/** A finding lists at most so many records, the newest of each sort: more prove no more. */
const EVIDENCE_IDS = 1_000

export function findingOf(subject: Subject, answer: AnalyticJudgement): Finding {
  const { judgement, evidence } = subject
  const seen = [...evidence.attempts, ...evidence.flows].sort(byTime)
  const origin = seen.at(-1)?.fact
  const posture = postureOf(subject)
  return {
    tenant: origin?.tenant ?? "",
    site: origin?.site ?? "",
    sensor_id: origin?.sensor_id ?? "",
    v: 1,
    id: stableId([
      origin?.tenant ?? "",
      answer.analytic,
      judgement.key.device_id,
      actorKey(evidence.group.actor),
      judgement.key.destination,
      epochKey(judgement.epoch),
    ]),
    observed_at: new Date(judgement.last_ms).toISOString(),
    analytic: answer.analytic,
    analytic_version: answer.analytic_version,
    key: judgement.key,
    platform: judgement.platform,
    registrable_domain: judgement.registrable_domain,
    verdict: judgement.verdict,
    confidence: answer.confidence,
    severity: severityOf(answer.confidence, isAtRisk(posture), answer.exposed),
    channels: answer.channels,
    app_attribution: judgement.app,
    device_attribution: judgement.device,
    expected: answer.expected,
    reasons: [...judgement.reasons, ...judgement.ceilings, ...answer.reasons].filter(isFirst),
    confounders_ruled_out: judgement.confounders_ruled_out,
    would_raise: wouldRaise(subject, answer),
    would_refute: wouldRefute(judgement.verdict),
    evidence_ids: evidenceIds(subject, answer),
    refusals: evidence.tries.length,
    control_flows: judgement.control_used.length,
    first_seen: new Date(judgement.first_ms).toISOString(),
    last_seen: new Date(judgement.last_ms).toISOString(),
    state: isBypassedNow(seen, evidence.bypassed) ? "held" : "open",
    app_signer: judgement.app_signer,
    label: null,
  }
}

/** The key's last connection went through a bypass: nothing inspected can close the finding now. */
function isBypassedNow(
  seen: readonly Sighting<Attempt | Flow>[],
  bypassed: readonly Sighting[],
): boolean {
  const last = seen.at(-1)
  return last !== undefined && bypassed.some((flow) => flow.id === last.id)
}

function wouldRaise({ judgement }: Subject, { channels }: AnalyticJudgement): string[] {
  const missing = judgement.missing === null ? [] : [judgement.missing]
  const unseen = channels
    .filter((each) => each.state === "not-observable")
    .map((each) => `${each.channel} (${each.log_source ?? "the app register"}): ${each.why}`)
  return [...missing, ...unseen]
}

function wouldRefute(verdict: ScopeVerdict): string[] {
  if (verdict === "opaque-persistent")
    return ["An inspected connection to this destination that is accepted."]
  const always = [
    "An acceptance of our certificate at this destination by the same app and version, here or elsewhere.",
    "A control session that fails as well.",
  ]
  return verdict === "refuses-everything"
    ? [...always, "The inspection CA missing from the device's trust store."]
    : always
}

function evidenceIds({ judgement }: Subject, { channels }: AnalyticJudgement): string[] {
  const { refusals, control_used, control_failed, qualifying } = judgement
  const sorts = [refusals, control_used, control_failed, qualifying?.ids ?? []]
  const told = channels.map((each) => each.evidence_ids)
  const newest = [...sorts, ...told].flatMap((ids) => ids.slice(-EVIDENCE_IDS / 4))
  return [...new Set(newest)].slice(0, EVIDENCE_IDS)
}

function isFirst<Item>(item: Item, index: number, all: readonly Item[]): boolean {
  return all.indexOf(item) === index
}
