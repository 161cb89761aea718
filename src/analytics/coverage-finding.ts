/** A gap past its threshold as an operational finding: for the operator, not about a device. */
import type { Finding } from "../record/finding.ts"
import type { Gap } from "./coverage.ts"
import { gapWords } from "./coverage-words.ts"
import { stableId } from "./stable-id.ts"

export const coverageRule = { id: "coverage", version: "1" } as const

export interface CoverageContext {
  common: { tenant: string; site: string; sensor_id: string; v: 1 }
  /** End and beginning of what was looked at, in epoch milliseconds. */
  now: number
  since: number
}

/** One for each gap and part; its state follows the gap. */
export function coverageFinding(gap: Gap, { common, now, since }: CoverageContext): Finding {
  const words = gapWords[gap.gap]
  const part = gap.part === null ? gap.gap : `${gap.gap}:${gap.part}`
  const at = new Date(now).toISOString()
  return {
    ...common,
    id: stableId([common.tenant, coverageRule.id, common.sensor_id, part]),
    observed_at: at,
    analytic: coverageRule.id,
    analytic_version: coverageRule.version,
    key: {
      device_id: `coverage:${part}`,
      profile: "device",
      app_id: null,
      app_version: null,
      stack: null,
      destination: "*",
    },
    platform: "unknown",
    // Each gap is an incident of its own.
    registrable_domain: part,
    verdict: "undetermined",
    confidence: "medium",
    severity: "medium",
    channels: [],
    app_attribution: "unknown",
    device_attribution: "absent",
    expected: false,
    reasons: [`${shareText(gap)} ${words.of}: ${words.means}.`],
    confounders_ruled_out: [],
    would_raise: [],
    would_refute: [`${words.advice}; or pinsensor coverage accept ${gap.gap}.`],
    evidence_ids: [],
    refusals: 0,
    control_flows: 0,
    first_seen: new Date(since).toISOString(),
    last_seen: at,
    state: gap.open ? "open" : "closed",
    app_signer: null,
    label: null,
  }
}

/** `41 % (120 of 293)`; above 99.5 and below 0.5 with one digit more. */
export function shareText({ count, of, share }: Pick<Gap, "count" | "of" | "share">): string {
  const percent = share * 100
  const digits = percent > 0 && percent < 100 && (percent < 0.5 || percent > 99.5) ? 1 : 0
  return `${percent.toFixed(digits)} % (${count} of ${of})`
}
