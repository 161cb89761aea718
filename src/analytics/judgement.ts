/** Writes the judgement record of a key: its evidence by id, and the innocent causes ruled out. */
import type { Platform } from "../record/common.ts"
import type { ScopeJudgement } from "../record/scope-judgement.ts"
import { byTime } from "./bucket.ts"
import type { KeyEvidence } from "./key-evidence.ts"
import { attributionOf, type NamedApp } from "./named-app.ts"
import type { Qualifying } from "./qualify.ts"
import type { Sighting } from "./sighting.ts"
import type { Circumstances, Verdict } from "./verdict.ts"

export function toJudgement(
  key: KeyEvidence,
  platform: Platform,
  app: NamedApp,
  seen: Pick<Circumstances, "qualifying" | "ceilings" | "acceptedByApp">,
  verdict: Verdict,
  device_id: string,
): ScopeJudgement {
  const { group, control, refusals, acceptances } = key
  const all: Sighting[] = [...key.attempts, ...key.flows].sort(byTime)
  const counted: Sighting[] = [
    ...refusals,
    ...acceptances,
    ...control.used,
    ...control.failed,
    ...control.opaque,
    ...key.bypassed,
  ]
  const times = (counted.length > 0 ? counted : all).map((each) => each.start)
  const last = all.at(-1)
  return {
    key: {
      device_id,
      profile: group.actor.profile,
      app_id: app.id,
      app_version: app.version,
      stack:
        refusals.at(-1)?.fact.stack ?? group.actor.stack ?? [...group.stacks].sort()[0] ?? null,
      destination: group.destination,
    },
    platform,
    epoch: key.epoch,
    verdict: verdict.verdict,
    ceilings: refusals.length > 0 ? seen.ceilings : [],
    reasons: verdict.reasons,
    confounders_ruled_out: confounders(key, seen.qualifying),
    missing: verdict.missing,
    app: attributionOf(key, app, verdict.verdict),
    app_signer: app.signer,
    device: key.device,
    registrable_domain: group.registrable,
    client_ip: last?.client_ip ?? "",
    sni: refusals.at(-1)?.fact.sni ?? last?.fact.sni ?? null,
    refusals: refusals.map(idOf),
    refusal_buckets: key.buckets,
    acceptances: acceptances.map(idOf),
    control_used: control.used.map(idOf),
    control_strong: control.strong.map(idOf),
    control_failed: control.failed.map(idOf),
    refusal_after_control: control.refusalAfter,
    qualifying: seen.qualifying,
    app_accepts: seen.acceptedByApp.length,
    upstream_verified: isUpstreamVerified(key),
    first_refusal_ms: refusals[0]?.start ?? null,
    last_refusal_ms: refusals.findLast(({ fact }) => fact.strength === "strong")?.start ?? null,
    last_acceptance_ms: acceptances.at(-1)?.start ?? null,
    first_ms: times.reduce((least, ms) => Math.min(least, ms), Number.POSITIVE_INFINITY),
    last_ms: times.reduce((most, ms) => Math.max(most, ms), Number.NEGATIVE_INFINITY),
  }
}

/** Our own leg saw the origin's good certificate for the name during a refusal. */
function isUpstreamVerified(key: KeyEvidence): boolean {
  return key.refusals.some(
    ({ fact }) => fact.upstream.status === "verified" || fact.upstream.status === "remembered",
  )
}

/** Innocent causes that the evidence speaks against. */
function confounders(key: KeyEvidence, qualifying: Qualifying | null): string[] {
  if (key.refusals.length === 0) return []
  const ruledOut: string[] = []
  if (qualifying) ruledOut.push(`distrust of the CA: accepted for ${qualifying.domains.join(", ")}`)
  if (key.control.used.length > 0)
    ruledOut.push(`a broken destination: used ${key.control.used.length} times without inspection`)
  if (isUpstreamVerified(key)) ruledOut.push("a bad origin: our own leg verified its certificate")
  if (key.buckets >= 2) ruledOut.push(`a parallel dial: refused in ${key.buckets} separate buckets`)
  if (key.dropped.spare > 0) ruledOut.push(`spare sockets: ${key.dropped.spare} left out`)
  if (key.dropped.network > 0) ruledOut.push(`a network window: ${key.dropped.network} left out`)
  if (key.dropped.lostRace > 0) ruledOut.push(`lost races: ${key.dropped.lostRace} left out`)
  return ruledOut
}

function idOf(sighting: Sighting): string {
  return sighting.id
}
