/**
 * What becomes of earlier findings when their device is judged again.
 *
 * In: the findings that are stored of a device, and its new judgement. Out: what has to be stored: the
 * findings that are new or say something else, and earlier ones that are now closed or held. `labelled` lays over
 * each what people said of it (labels.ts).
 */
import type { Finding } from "../record/finding.ts"
import { driftReasons } from "./drift-words.ts"
import type { DeviceJudgement } from "./judge.ts"
import { isSameRecord } from "./same-record.ts"

/**
 * A finding that is no longer found is closed, unless its key is now spliced by a bypass: then it is
 * held, because refusals stopped only for want of inspection. What has drifted under the bypass since is
 * added to its reasons. While a fault of the sensor silences a part of the device, what was found before and is
 * not found now stands as it is: the fault says nothing about it.
 */
export function settle(
  previous: readonly Finding[],
  judged: DeviceJudgement,
  labelled: (finding: Finding) => Finding = (finding) => finding,
): Finding[] {
  const stored = new Map(previous.map((finding) => [finding.id, finding]))
  const found = new Set(judged.findings.map((finding) => finding.id))
  const bypassed = new Map(
    judged.judgements
      .filter((judgement) => judgement.verdict === "held-by-bypass")
      .map(({ key, reasons }) => [placeOf(key), driftReasons(reasons)]),
  )
  const absent = judged.silenced ? [] : previous
  const earlier = absent.flatMap((finding): Finding[] => {
    if (found.has(finding.id) || finding.state === "closed") return []
    const drift = bypassed.get(placeOf(finding.key))
    const now: Finding = drift
      ? { ...finding, state: "held", reasons: [...withoutDrift(finding.reasons), ...drift] }
      : { ...finding, state: "closed" }
    return isSame(finding, now) ? [] : [labelled(now)]
  })
  const current = judged.findings.map(labelled)
  return [...current.filter((each) => !isSame(stored.get(each.id), each)), ...earlier]
}

function withoutDrift(reasons: readonly string[]): string[] {
  const drift = new Set(driftReasons(reasons))
  return reasons.filter((reason) => !drift.has(reason))
}

function placeOf({ device_id, destination }: Finding["key"]): string {
  return `${device_id} ${destination}`
}

function isSame(stored: Finding | undefined, finding: Finding): boolean {
  return stored !== undefined && isSameRecord(stored, finding)
}
