/**
 * The operational finding that the inspection CA is missing: a device that refuses everything, and of
 * which MDM says so. It accuses no app, and it is kept at low: the way out is enrolment, not an alert.
 */
import type { Finding } from "../record/finding.ts"
import { epochKey } from "./epoch.ts"
import { stableId } from "./stable-id.ts"
import { isCaAbsent, type Subject } from "./subject.ts"

export const caMissing = { id: "ca-missing", version: "1" } as const

/** A finding about the whole device names no destination. */
export const EVERY_DESTINATION = "*"

const EVIDENCE_IDS = 200

/** One finding for each profile of the device that refuses everything without a CA. */
export function caMissingFindings(subjects: readonly Subject[]): Finding[] {
  const affected = subjects.filter(
    (subject) => subject.judgement.verdict === "refuses-everything" && isCaAbsent(subject),
  )
  const byProfile = Map.groupBy(
    affected,
    ({ judgement }) => `${judgement.key.profile}|${epochKey(judgement.epoch)}`,
  )
  return [...byProfile.values()].flatMap((keys) => {
    const [first] = keys
    return first ? [findingOf(first, keys)] : []
  })
}

function findingOf(first: Subject, keys: readonly Subject[]): Finding {
  const judgements = keys.map((key) => key.judgement)
  const { epoch, platform, device, key } = first.judgement
  const last_ms = judgements.reduce((most, each) => Math.max(most, each.last_ms), 0)
  const first_ms = judgements.reduce((least, each) => Math.min(least, each.first_ms), last_ms)
  const fact = first.evidence.attempts.at(-1)?.fact
  const last_seen = new Date(last_ms).toISOString()
  return {
    tenant: fact?.tenant ?? "",
    site: fact?.site ?? "",
    sensor_id: fact?.sensor_id ?? "",
    v: 1,
    id: stableId([
      fact?.tenant ?? "",
      caMissing.id,
      key.device_id,
      key.profile,
      EVERY_DESTINATION,
      epochKey(epoch),
    ]),
    observed_at: last_seen,
    analytic: caMissing.id,
    analytic_version: caMissing.version,
    key: {
      device_id: key.device_id,
      profile: key.profile,
      app_id: null,
      app_version: null,
      stack: null,
      destination: EVERY_DESTINATION,
    },
    platform,
    registrable_domain: EVERY_DESTINATION,
    verdict: "refuses-everything",
    confidence: "low",
    severity: "low",
    channels: [],
    app_attribution: "unknown",
    device_attribution: device,
    expected: false,
    reasons: [
      `${judgements.length} destinations were refused and none accepted.`,
      "MDM says that the inspection CA is missing on the device.",
    ],
    confounders_ruled_out: [],
    would_raise: [],
    would_refute: ["An acceptance of our certificate by the device."],
    evidence_ids: judgements.flatMap((each) => each.refusals).slice(0, EVIDENCE_IDS),
    refusals: keys.reduce((sum, each) => sum + each.evidence.tries.length, 0),
    control_flows: 0,
    first_seen: new Date(first_ms).toISOString(),
    last_seen,
    state: "open",
    app_signer: null,
    label: null,
  }
}
