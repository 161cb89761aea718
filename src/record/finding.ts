/** A finding: an analytic's judgement of one key over evidence, with its reasons in words. */
import { z } from "zod"
import { AnyTimestamp, common, Platform, Profile } from "./common.ts"

/** What the evidence for one key means, before any analytic (docs/analytics.md). */
export const ScopeVerdict = z.enum([
  "accepts",
  "mixed",
  "refuses-everything",
  "refuses-here",
  "suspected",
  "probable",
  "confirmed",
  "broken-or-other",
  "private-trust",
  "opaque-persistent",
  "platform-expected",
  "held-by-bypass",
  "undetermined",
])
export type ScopeVerdict = z.infer<typeof ScopeVerdict>

/** Whether the app was seen to make the connection, concluded from hints, or not known. */
export const AppAttribution = z.enum(["observed", "inferred", "unknown"])
export type AppAttribution = z.infer<typeof AppAttribution>

/** How the client address was bound to the device. */
export const DeviceAttribution = z.enum(["bound", "ambiguous", "shared", "absent"])
export type DeviceAttribution = z.infer<typeof DeviceAttribution>

/** What a finding is about. */
export const FindingKey = z.strictObject({
  /** The device, or `address:<ip>` where no binding tells. */
  device_id: z.string(),
  profile: Profile,
  /** The app if observed or inferred; the actor of the evidence is the app, else the stack. */
  app_id: z.string().nullable(),
  app_version: z.string().nullable(),
  stack: z.string().nullable(),
  /** Exact SNI, else address and port. */
  destination: z.string(),
})
export type FindingKey = z.infer<typeof FindingKey>

/** One channel of an analytic, in the catalogue's words. */
export const ChannelState = z.enum(["met", "partly-met", "not-met", "not-observable"])
export type ChannelState = z.infer<typeof ChannelState>
export const Channel = z.strictObject({
  /** Our short name: API, S, M, D, Flow, Insp. */
  channel: z.string(),
  /** ATT&CK data component and log source, e.g. DC0085 and NSM:Flow. */
  component: z.string().nullable(),
  log_source: z.string().nullable(),
  state: ChannelState,
  /** What met it, or what was missing and who could supply it. */
  why: z.string(),
  evidence_ids: z.array(z.string()),
})
export type Channel = z.infer<typeof Channel>

/** `record`: kept, never sent. */
export const Confidence = z.enum(["high", "medium", "low", "record"])
export type Confidence = z.infer<typeof Confidence>
export const Severity = z.enum(["critical", "high", "medium", "low", "informational"])
export type Severity = z.infer<typeof Severity>

export const LabelWord = z.enum([
  /** Known and in order: recorded, shown, not alerted. */
  "expected",
  /** Really there, and harmless: not alerted, counted. */
  "benign",
  /** Never silenced, by nothing. */
  "malicious",
  /** The judgement is wrong: not alerted, kept for whoever tunes. */
  "wrong",
])
export type LabelWord = z.infer<typeof LabelWord>

/** Where what is found differs from what was marked. */
export const DriftSignOfLabel = z.enum([
  "signer",
  "version",
  "stack",
  "domain",
  "verdict",
  "volume",
])
export type DriftSignOfLabel = z.infer<typeof DriftSignOfLabel>

/** The label that a finding stands under (record/label.ts). */
export const FindingLabel = z.strictObject({
  label_id: z.string(),
  label: LabelWord,
  /** `lowered`: the app, or its signer, is not proven, so that it is a step lower and not silenced; `reopened`:
   * what was marked has become different; `expired`: evidence is newer than its end. */
  standing: z.enum(["in-force", "lowered", "reopened", "expired"]),
  signs: z.array(DriftSignOfLabel).max(6),
  who: z.string(),
  created_at: AnyTimestamp,
  expires_at: AnyTimestamp.nullable(),
  /** In words: who said what, when and why, and what is different since. */
  why: z.array(z.string()).max(10),
})
export type FindingLabel = z.infer<typeof FindingLabel>

export const Finding = z.strictObject({
  ...common,
  /** AN1725, AN1726, `pin-effect` where the platform is unknown, or an operational finding. */
  analytic: z.enum(["AN1725", "AN1726", "pin-effect", "ca-missing", "sensor-fault", "coverage"]),
  analytic_version: z.string(),
  key: FindingKey,
  platform: Platform,
  registrable_domain: z.string(),
  verdict: ScopeVerdict,
  confidence: Confidence,
  severity: Severity,
  channels: z.array(Channel),
  app_attribution: AppAttribution,
  device_attribution: DeviceAttribution,
  /** Declared as expected (app, signer, destination): recorded and shown, not alerted. */
  expected: z.boolean(),
  /** Why this verdict and confidence, sentence by sentence, with the ceilings that applied. */
  reasons: z.array(z.string()),
  confounders_ruled_out: z.array(z.string()),
  would_raise: z.array(z.string()),
  would_refute: z.array(z.string()),
  evidence_ids: z.array(z.string()),
  refusals: z.int(),
  control_flows: z.int(),
  first_seen: AnyTimestamp,
  last_seen: AnyTimestamp,
  /** `held`: the verdict stands while a bypass hides the key. */
  state: z.enum(["open", "closed", "held"]),
  /** As last told of the app; null where no source tells it. */
  app_signer: z.string().nullable().default(null),
  /** What a person said that bears on it. It changes what is alerted, nothing above. */
  label: FindingLabel.nullable().default(null),
})
export type Finding = z.infer<typeof Finding>

/** A person said that it is malicious: nothing silences it. */
export function isMalicious({ label }: Pick<Finding, "label">): boolean {
  return label?.label === "malicious" && label.standing === "in-force"
}

/** A person said that it is expected, benign or wrong, and nothing speaks against that. */
export function isSilenced({ label }: Pick<Finding, "label">): boolean {
  return label?.standing === "in-force" && label.label !== "malicious"
}
