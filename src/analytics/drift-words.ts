/**
 * What has become different under a bypass, in words. In: the drifts of the bypass. Out: sentences with
 * the ids of their flows. It must not know what drift is: policy finds it.
 */
import type { Drift, DriftSign } from "../record/drift.ts"

/** The latest; a bypass has few. */
const shown = 5

const news: Record<DriftSign, string> = {
  stack: "a stack not seen before",
  address: "an origin not seen before",
  volume: "much more traffic than on the days before",
  signer: "another signer of the app",
  verdict: "another verdict",
  background: "use in background",
  destination: "another domain",
}

const beginning = "Since the bypass began: "

/** Those of a judgement's reasons that tell of drift. */
export function driftReasons(reasons: readonly string[]): string[] {
  return reasons.filter((reason) => reason.startsWith(beginning))
}

/** `deviceId`: whose key is judged; drifts of a bypass for many devices may be another's. */
export function driftWords(drifts: readonly Drift[], deviceId: string): string[] {
  const latest = drifts.slice(-shown).map((drift) => sentence(drift, deviceId))
  const more = drifts.length - latest.length
  return more > 0 ? [`${beginning}${more} earlier drifts.`, ...latest] : latest
}

function sentence({ sign, was, now, device_id, evidence_ids }: Drift, deviceId: string): string {
  const whose = device_id === null || device_id === deviceId ? "" : " by another device"
  const flows = evidence_ids.length === 1 ? "flow" : "flows"
  return `${beginning}${news[sign]}${whose}, ${now} (before: ${was}; ${flows} ${evidence_ids.join(", ")}).`
}
