/**
 * Whether what is found is still what was marked. In: a finding, a label, settings. Out: the signs that differ,
 * with words. What the scope of the label does not fix is compared with what all findings in it were when
 * it was said; what is not known now is no difference.
 */
import { z } from "zod"
import { DriftSignOfLabel, type Finding, type ScopeVerdict } from "../record/finding.ts"
import { type Label, type Marked, mostMarked } from "../record/label.ts"
import { namesApp } from "./label-scope.ts"

export const LabelSettings = z.strictObject({
  /** Differences on which a marked finding is alerted again. */
  "reopen-on": z.array(DriftSignOfLabel).default([...DriftSignOfLabel.options]),
  /** So many times what was marked, */
  "volume-factor": z.number().min(1).default(10),
  /** and at least so many tries or records in `scope.window`, is another volume. */
  "volume-min": z.int().min(1).default(100),
})
export type LabelSettings = z.infer<typeof LabelSettings>

export interface Difference {
  sign: DriftSignOfLabel
  words: string
}

export function differences(
  finding: Finding,
  { marked, scope }: Label,
  settings: LabelSettings,
): Difference[] {
  if (marked === null) return []
  const { app_version, stack } = finding.key
  const app = namesApp(scope)
  const now: (Difference | null)[] = [
    app ? another("signer", "signer", plain(finding.app_signer ?? null), marked.app_signers) : null,
    app ? another("version", "version of the app", app_version, marked.app_versions) : null,
    app ? another("stack", "TLS stack", stack, marked.stacks) : null,
    another("domain", "domain", finding.registrable_domain, marked.registrable_domains),
    otherVerdict(finding.verdict, marked.verdicts),
    moreVolume(volumeOf(finding), marked.volume, settings),
  ]
  return now.filter(
    (each) => each !== null && settings["reopen-on"].includes(each.sign),
  ) as Difference[]
}

/** With nothing known then, nothing can be different now. */
function another(
  sign: DriftSignOfLabel,
  name: string,
  now: string | null,
  then: readonly string[],
): Difference | null {
  if (now === null || then.length === 0 || then.includes(now)) return null
  const before = then.slice(0, 3).map(short).join(", ")
  const more = then.length > 3 ? ` and ${then.length - 3} more` : ""
  return { sign, words: `another ${name}, ${short(now)} (then: ${before}${more})` }
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}

/** What a verdict says of the client. `undecided` is weaker than any other, and reopens nothing. */
type VerdictClass = "undecided" | "pinned" | "distrusts-all" | "own-trust" | "opaque"

function otherVerdict(now: ScopeVerdict, then: readonly ScopeVerdict[]): Difference | null {
  const is = classOf(now)
  if (is === "undecided" || then.length === 0 || then.some((each) => classOf(each) === is))
    return null
  return { sign: "verdict", words: `another verdict, ${now} (then: ${then.join(", ")})` }
}

function classOf(verdict: ScopeVerdict): VerdictClass {
  switch (verdict) {
    case "probable":
    case "confirmed":
      return "pinned"
    case "refuses-everything":
      return "distrusts-all"
    case "private-trust":
      return "own-trust"
    case "opaque-persistent":
      return "opaque"
    case "accepts":
    case "mixed":
    case "refuses-here":
    case "suspected":
    case "broken-or-other":
    case "platform-expected":
    case "held-by-bypass":
    case "undetermined":
      return "undecided"
  }
}

function moreVolume(now: number, then: number, settings: LabelSettings): Difference | null {
  if (now < settings["volume-min"] || now <= settings["volume-factor"] * Math.max(then, 1))
    return null
  return {
    sign: "volume",
    words: `${now} tries or records within the window (then at most ${then})`,
  }
}

function volumeOf({ refusals, evidence_ids }: Finding): number {
  return Math.max(refusals, evidence_ids.length)
}

function plain(signer: string | null): string | null {
  return signer === null ? null : signer.replaceAll(":", "").toLowerCase()
}

/** What is to be kept with a label: `looked` is the finding it came from, `all` those in its scope that are not
 * closed. Null where one list is longer than a label may hold. */
export function markedOf(looked: Finding, all: readonly Finding[]): Marked | null {
  const each = [looked, ...all.filter(({ id }) => id !== looked.id)]
  const sets = {
    verdicts: distinct(each.map(({ verdict }) => verdict)),
    app_versions: distinct(each.map(({ key }) => key.app_version)),
    app_signers: distinct(each.map(({ app_signer }) => plain(app_signer ?? null))),
    stacks: distinct(each.map(({ key }) => key.stack)),
    registrable_domains: distinct(each.map(({ registrable_domain }) => registrable_domain)),
  }
  if (Object.values(sets).some((set) => set.length > mostMarked)) return null
  return {
    verdict: looked.verdict,
    confidence: looked.confidence,
    app_attribution: looked.app_attribution,
    evidence: looked.evidence_ids.length,
    findings: each.length,
    ...sets,
    volume: each.reduce((most, one) => Math.max(most, volumeOf(one)), 0),
  }
}

function distinct<Text extends string>(texts: readonly (Text | null)[]): Text[] {
  return [...new Set(texts)].filter((text) => text !== null).sort()
}
