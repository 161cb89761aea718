/** What the evidence for one key means: the scope verdict with everything it rests on. */
import type { Platform } from "./common.ts"
import type { AppAttribution, DeviceAttribution, FindingKey, ScopeVerdict } from "./finding.ts"

export interface ScopeJudgement {
  key: FindingKey
  platform: Platform
  /** Evidence is compared only within (device, issuing CA, sensor configuration). */
  epoch: { issuing_ca: string | null; sensor_config: string }
  verdict: ScopeVerdict
  /** Whether a ceiling held the verdict down (ECH, unknown stack, ambiguous binding), and which. */
  ceilings: string[]
  reasons: string[]
  confounders_ruled_out: string[]
  /** For a verdict short of `confirmed`: the observation that is missing and what supplies it. */
  missing: string | null
  app: AppAttribution
  app_signer: string | null
  device: DeviceAttribution
  registrable_domain: string
  /** Last address of the client and the name the refusals asked for (null without SNI). */
  client_ip: string
  sni: string | null
  /** Ids of attempts and flows, oldest first. */
  refusals: string[]
  refusal_buckets: number
  acceptances: string[]
  control_used: string[]
  control_strong: string[]
  control_failed: string[]
  refusal_after_control: boolean
  /** What accepted our CA elsewhere: by which actor, for which registrable domains, ids. */
  qualifying: { by: "app" | "user-agent" | "stack"; domains: string[]; ids: string[] } | null
  /** Registrable domains other than this one for which the same app, observed, accepted our CA through the
   * stack that refuses. Two make a qualifying acceptance. */
  app_accepts: number
  /** Our own upstream leg verified the name at the address during the refusals. */
  upstream_verified: boolean
  /** Epoch milliseconds of the first refusal that counts, the last strong one, and the last
   * acceptance; null if there was none. */
  first_refusal_ms: number | null
  last_refusal_ms: number | null
  last_acceptance_ms: number | null
  /** Epoch milliseconds of the first and last evidence. */
  first_ms: number
  last_ms: number
}
