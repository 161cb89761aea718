/**
 * What other settings come to. In: findings of the same facts under one and under other settings.
 * Out: which appear, vanish or are judged otherwise, counted, with examples.
 */
import type { Confidence, Finding } from "../../record/finding.ts"

/** In this order a finding is told as one of them: the first that fits. */
export const changes = ["appeared", "vanished", "verdict", "confidence", "life", "told"] as const
/** `life`: open, closed or held; `told`: the words, channels or evidence and nothing else. */
export type Change = (typeof changes)[number]

export interface Example {
  change: Change
  before: Finding | null
  after: Finding | null
}

/** How many findings of one analytic had a confidence, and have it now. */
export interface Count {
  analytic: Finding["analytic"]
  confidence: Confidence
  before: number
  after: number
}

export interface Comparison {
  before: number
  after: number
  same: number
  /** Every change with its number. */
  changed: Record<Change, number>
  counts: Count[]
  /** The first few of each change, the surest first. */
  examples: Example[]
}

const surest: readonly Confidence[] = ["high", "medium", "low", "record"]

export function compare(
  before: readonly Finding[],
  after: readonly Finding[],
  examples: number,
): Comparison {
  const olds = new Map(before.map((finding) => [finding.id, finding]))
  const news = new Map(after.map((finding) => [finding.id, finding]))
  const pairs = [...new Set([...olds.keys(), ...news.keys()])].map((id) => ({
    before: olds.get(id) ?? null,
    after: news.get(id) ?? null,
  }))
  const told = pairs.flatMap((pair) => {
    const change = changeOf(pair.before, pair.after)
    return change ? [{ change, ...pair }] : []
  })
  const of = (change: Change) => told.filter((each) => each.change === change)
  return {
    before: before.length,
    after: after.length,
    same: pairs.length - told.length,
    changed: Object.fromEntries(changes.map((change) => [change, of(change).length])) as Record<
      Change,
      number
    >,
    counts: countsOf(before, after),
    examples: changes.flatMap((change) => of(change).sort(surestFirst).slice(0, examples)),
  }
}

function changeOf(before: Finding | null, after: Finding | null): Change | null {
  if (!before) return "appeared"
  if (!after) return "vanished"
  if (before.verdict !== after.verdict) return "verdict"
  if (before.confidence !== after.confidence) return "confidence"
  if (before.state !== after.state) return "life"
  return JSON.stringify(before) === JSON.stringify(after) ? null : "told"
}

function surestFirst(a: Example, b: Example): number {
  return rank(a) - rank(b)
}

function rank({ before, after }: Example): number {
  const confidences = [before, after].flatMap((finding) => finding?.confidence ?? [])
  return Math.min(...confidences.map((confidence) => surest.indexOf(confidence)))
}

function countsOf(before: readonly Finding[], after: readonly Finding[]): Count[] {
  const groups = new Map<string, Count>()
  const note = ({ analytic, confidence }: Finding, side: "before" | "after") => {
    const key = `${analytic} ${surest.indexOf(confidence)}`
    const count = groups.get(key) ?? { analytic, confidence, before: 0, after: 0 }
    count[side] += 1
    groups.set(key, count)
  }
  for (const finding of before) note(finding, "before")
  for (const finding of after) note(finding, "after")
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, count]) => count)
}

/**
 * Findings as they compare with stored ones: one that is closed on one side and was never there on
 * the other may have come and gone between two looks, which is no difference.
 */
export function withoutPassing(
  stored: readonly Finding[],
  replayed: readonly Finding[],
): { stored: Finding[]; replayed: Finding[] } {
  const idsOf = (findings: readonly Finding[]) => new Set(findings.map(({ id }) => id))
  const [storedIds, replayedIds] = [idsOf(stored), idsOf(replayed)]
  const isThere = (other: ReadonlySet<string>) => (finding: Finding) =>
    finding.state !== "closed" || other.has(finding.id)
  return {
    stored: stored.filter(isThere(replayedIds)),
    replayed: replayed.filter(isThere(storedIds)),
  }
}
