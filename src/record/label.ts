/**
 * A label: what a person says of a finding, or of all that is like it. A declaration and no fact: it changes what
 * is alerted, never a verdict. Statements only grow; taking one back is another statement.
 */
import { z } from "zod"
import { AnyTimestamp, common, Profile } from "./common.ts"
import { Confidence, Finding, LabelWord, ScopeVerdict } from "./finding.ts"

/** What a label is about, from narrow to wide. What a scope does not fix is compared with what was there when it
 * was said: see docs/alerts.md. */
export const LabelScopeKind = z.enum([
  /** This analytic, device, profile, app (or stack, where no app is known) and destination. */
  "finding",
  "app-destination",
  /** The app on this device. */
  "device-app",
  "app-domain",
  "app",
  "destination",
  "domain",
  "device",
])
export type LabelScopeKind = z.infer<typeof LabelScopeKind>

/** Parts that the kind does not name are null. */
export const LabelScope = z.strictObject({
  kind: LabelScopeKind,
  analytic: Finding.shape.analytic.nullable().default(null),
  device_id: z.string().nullable().default(null),
  profile: Profile.nullable().default(null),
  app_id: z.string().nullable().default(null),
  stack: z.string().nullable().default(null),
  destination: z.string().nullable().default(null),
  registrable_domain: z.string().nullable().default(null),
})
export type LabelScope = z.infer<typeof LabelScope>

/** Of each list at most so many; a scope with more variety is refused, because nothing would be drift then. */
export const mostMarked = 100

/** What the findings in the scope were when it was said: what drift is told by. */
export const Marked = z.strictObject({
  /** The finding that was looked at. */
  verdict: ScopeVerdict,
  confidence: Confidence,
  app_attribution: Finding.shape.app_attribution,
  evidence: z.int().min(0),
  /** All findings in the scope that were not closed, and the looked-at one. */
  findings: z.int().min(0),
  verdicts: z.array(ScopeVerdict).max(mostMarked),
  app_versions: z.array(z.string()).max(mostMarked),
  app_signers: z.array(z.string()).max(mostMarked),
  stacks: z.array(z.string()).max(mostMarked),
  registrable_domains: z.array(z.string()).max(mostMarked),
  /** Most tries or records of one of them. */
  volume: z.int().min(0),
})
export type Marked = z.infer<typeof Marked>

/** `observed_at` is when it was said. */
export const Label = z.strictObject({
  ...common,
  act: z.enum(["marked", "withdrawn"]),
  label: LabelWord,
  scope: LabelScope,
  reason: z.string().min(1).max(2_000),
  /** Who answers for it. */
  owner: z.string().min(1).max(200),
  /** Who said it: the account, and in whose name. */
  who: z.string().min(1).max(400),
  /** Evidence from this time on is not covered; null: no end, for `malicious` only. */
  expires_at: AnyTimestamp.nullable().default(null),
  /** The finding that was looked at; null in what was made elsewhere without one. */
  finding_id: z.string().nullable().default(null),
  marked: Marked.nullable().default(null),
  /** Of a withdrawal: the label that it takes back. */
  withdraws: z.string().nullable().default(null),
})
export type Label = z.infer<typeof Label>
