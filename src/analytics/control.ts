/**
 * Control flows: what the same client does at the same destination without inspection. Only trial
 * splices and sessions around the proxy count; all other splices are our own decision.
 */
import type { Attempt } from "../record/attempt.ts"
import type { Flow } from "../record/flow.ts"
import type { Sighting } from "./sighting.ts"

/** Closed unused within so long, a control flow failed: the upper bound of the fast window. A spare
 * socket lives longer. */
const UNUSED_FAILURE_MS = 2_000

const HOUR_MS = 3_600_000

export interface ControlEvidence {
  used: Sighting<Flow>[]
  strong: Sighting<Flow>[]
  failed: Sighting<Flow>[]
  /** Direct tries that something blocked: retries, but no control. */
  attempted: Sighting<Flow>[]
  /** When the first used control flow began; infinite without one. */
  firstUsed: number
  /** Whether a counted refusal began after it. */
  refusalAfter: boolean
  /** Used sessions that were opaque by no decision of ours about this key. */
  opaque: Sighting<Flow>[]
  /** The separate hours in which those began. */
  opaqueHours: number
}

export function controlEvidence(
  flows: readonly Sighting<Flow>[],
  refusals: readonly Sighting<Attempt>[],
): ControlEvidence {
  const control = flows.filter(({ fact }) => fact.control && fact.verdict !== "direct-attempted")
  const used = control.filter(({ fact }) => fact.verdict === "used")
  const firstUsed = used.reduce(
    (least, { start }) => Math.min(least, start),
    Number.POSITIVE_INFINITY,
  )
  const opaque = flows.filter((flow) => isOpaque(flow) && flow.fact.verdict === "used")
  return {
    used,
    strong: used.filter(({ fact }) => fact.strong),
    failed: control.filter(hasFailed),
    attempted: flows.filter(({ fact }) => fact.verdict === "direct-attempted"),
    firstUsed,
    refusalAfter: refusals.some((refusal) => refusal.start > firstUsed),
    opaque,
    opaqueHours: hoursOf(opaque),
  }
}

/** Around the proxy, or spliced because the origin wants a client certificate: opaque, but not because we
 * chose so for this client. A trial is opaque by our doing. What may have been a session of ours that a tap
 * saw is no control, and proves nothing here either. */
export function isOpaque({ fact }: Sighting<Flow>): boolean {
  if (fact.verdict === "direct-attempted") return false
  return fact.source === "sensor" ? fact.splice_cause === "client-certificate" : fact.control
}

/** Separate clock hours in which the flows began. */
export function hoursOf(flows: readonly Sighting<Flow>[]): number {
  return new Set(flows.map((flow) => Math.floor(flow.start / HOUR_MS))).size
}

function hasFailed({ fact }: Sighting<Flow>): boolean {
  if (fact.verdict === "failed") return true
  return fact.verdict === "established-unused" && fact.duration_ms <= UNUSED_FAILURE_MS
}
