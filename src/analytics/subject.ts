/**
 * What an analytic is asked about: one judged key with everything told of its app. And what it answers.
 *
 * The small questions that both analytics ask in the same words stand here; their rules do not.
 */
import type { App } from "../record/app.ts"
import type { DeviceAbout, JudgementContext } from "../record/attributed.ts"
import type { Channel, ChannelState, Confidence, Finding } from "../record/finding.ts"
import type { Posture } from "../record/posture.ts"
import type { AppStory } from "./app-story.ts"
import type { Interval } from "./bucket.ts"
import type { Ceiling } from "./confidence.ts"
import type { KeyEvidence } from "./key-evidence.ts"
import type { PairDrift } from "./pair-drift.ts"
import type { Pair } from "./pair-state.ts"
import { postureAt } from "./posture-at.ts"
import type { ScopedKey } from "./scope.ts"

export interface Subject extends ScopedKey {
  device: DeviceAbout
  context: JudgementContext
  /** What mobile EDR told of an app on the device. */
  story: (appId: string | null) => AppStory
}

export interface AnalyticJudgement {
  analytic: Finding["analytic"]
  analytic_version: string
  channels: Channel[]
  confidence: Confidence
  expected: boolean
  /** The session happened unseen by its user, or to where the app has no business. */
  exposed: boolean
  /** What has become different of a pair that is allowed or baseline. */
  drifts: readonly PairDrift[]
  reasons: string[]
}

/** ATT&CK's name of where a channel's evidence comes from. */
export interface LogSource {
  channel: string
  component: string | null
  log_source: string | null
}

/** A channel's state names at most so many records: enough to look at, bounded for storage. */
const CHANNEL_IDS = 50

export function channel(
  source: LogSource,
  state: ChannelState,
  why: string,
  ids: readonly string[] = [],
): Channel {
  return { ...source, state, why, evidence_ids: firstOf(ids) }
}

/** Each once; a key may have thousands. */
function firstOf(ids: readonly string[]): string[] {
  const first = new Set<string>()
  for (const id of ids) {
    first.add(id)
    if (first.size === CHANNEL_IDS) break
  }
  return [...first]
}

/** Entries of the app register about the key's app on this platform, in a fixed order. */
export function registered({ judgement, context }: Subject): App[] {
  return context.apps
    .filter((app) => app.app_id === judgement.key.app_id && app.platform === judgement.platform)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** The key's pair, for questions about what is known of it. */
export function pairOf({ judgement, evidence }: Subject): Pair {
  const { key, app_signer, platform, verdict } = judgement
  const app = { id: key.app_id, version: key.app_version, signer: app_signer }
  return { evidence, app, destination: key.destination, platform, verdict }
}

/** The posture in force at the key's last evidence. */
export function postureOf({ judgement, device }: Subject): Posture | null {
  return postureAt(device.postures, judgement.last_ms, judgement.key.profile)
}

/** The sessions that a trust or lifecycle event may precede: refusals, control flows, opaque use. */
export function sessionsOf({ evidence }: Subject): readonly Interval[] {
  const known = sessions.get(evidence)
  if (known) return known
  const { refusals, control } = evidence
  const flows = new Map<string, Interval>()
  for (const each of [...control.used, ...control.attempted, ...control.opaque])
    flows.set(each.id, each)
  const found = [...refusals, ...flows.values()].sort(
    (a, b) => a.start - b.start || (a.id < b.id ? -1 : 1),
  )
  sessions.set(evidence, found)
  return found
}

/** Asked of a key several times, and again while its evidence stays. */
const sessions = new WeakMap<KeyEvidence, readonly Interval[]>()

/** MDM said, at the key's last refusal, that the profile has no inspection CA. */
export function isCaAbsent({ judgement, evidence, device }: Subject): boolean {
  const last = evidence.refusals.at(-1)?.start ?? judgement.last_ms
  return postureAt(device.postures, last, judgement.key.profile)?.inspection_ca === "absent"
}

/** `refuses-here` and what needs no refusal are what they are without a control flow, too. */
function restsOnControl({ verdict, control_used }: Subject["judgement"]): boolean {
  return control_used.length > 0 && verdict !== "refuses-here"
}

/** Ceilings that hold in both analytics, whatever the table says (docs/analytics.md). */
export function ceilings(subject: Subject, threshold: number): Ceiling[] {
  const { judgement, evidence, platformHost, doubt } = subject
  const found: Ceiling[] = []
  if (judgement.app === "inferred")
    found.push({ at: "medium", why: "the app is inferred, not observed" })
  if (judgement.app === "unknown") found.push({ at: "low", why: "the app is not known" })
  if (judgement.device !== "bound")
    found.push({ at: "low", why: `the device's binding is ${judgement.device}` })
  if (restsOnControl(judgement) && judgement.control_strong.length === 0)
    found.push({ at: "medium", why: "the control flows were only weakly used" })
  if (doubt !== null && judgement.verdict === "probable")
    found.push({ at: "low", why: "trust of our CA is not shown around the refusals" })
  if (restsOnRefusals(judgement.verdict) && isCaAbsent(subject))
    found.push({
      at: judgement.qualifying ? "low" : "record",
      why: "MDM says that the inspection CA is missing, which explains the refusals",
    })
  if (platformHost)
    found.push({ at: "low", why: "the destination is on the vendor's do-not-inspect list" })
  if (restsOnRefusals(judgement.verdict) && evidence.tries.length < threshold)
    found.push({
      at: "low",
      why: `${evidence.tries.length} refused tries are below InspectionFailureThreshold ${threshold}`,
    })
  return found
}

function restsOnRefusals(verdict: Finding["verdict"]): boolean {
  return ["confirmed", "probable", "suspected", "refuses-here", "refuses-everything"].includes(
    verdict,
  )
}
