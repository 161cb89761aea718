/**
 * What has become different of an app at a destination since somebody allowed or marked it. In: what
 * was known then, and what is known now. Out: words for each difference, none if it is the same. What was
 * not known then or is not known now makes no difference: silence is no news.
 */
import type { PairSeen } from "../record/pair-seen.ts"

export const pairDriftSigns = [
  "signer",
  "destination",
  "stack",
  "verdict",
  "background",
  "volume",
] as const
export type PairDriftSign = (typeof pairDriftSigns)[number]

/** In words, with units. */
export interface PairDrift {
  what: PairDriftSign
  before: string
  now: string
}

/** More than so many times what it was, and more than a floor, is no longer the same use. */
export const volumeDrift = {
  factor: 10,
  bytesFloor: 50 * 1024 ** 2,
  connectionsFloor: 1_000,
}

/** In a fixed order, so that the same difference has the same words. A new version of the app alone is
 * no drift: apps are updated every week. */
export function driftOf(before: PairSeen, now: PairSeen): PairDrift[] {
  return [
    ...otherSigner(before, now),
    ...otherDestination(before, now),
    ...newStacks(before, now),
    ...worseVerdict(before, now),
    ...newlyUnseen(before, now),
    ...muchMore(before, now),
  ]
}

function otherSigner(before: PairSeen, now: PairSeen): PairDrift[] {
  if (before.signer === null || now.signer === null) return []
  if (plain(before.signer) === plain(now.signer)) return []
  return [{ what: "signer", before: plain(before.signer), now: plain(now.signer) }]
}

function otherDestination(before: PairSeen, now: PairSeen): PairDrift[] {
  const [was, is] = [before.registrable_domain, now.registrable_domain]
  return was === is ? [] : [{ what: "destination", before: was, now: is }]
}

function newStacks(before: PairSeen, now: PairSeen): PairDrift[] {
  const known = new Set(before.stacks)
  const added = now.stacks.filter((stack) => !known.has(stack))
  if (known.size === 0 || added.length === 0) return []
  const version =
    now.app_version === null || now.app_version === before.app_version
      ? ""
      : ` (version ${before.app_version ?? "unknown"} is now ${now.app_version})`
  return [{ what: "stack", before: few([...known]), now: `${few(added)}${version}` }]
}

const trusting: readonly string[] = ["accepts", "mixed"]
const refusing: readonly string[] = [
  "suspected",
  "refuses-here",
  "probable",
  "confirmed",
  "private-trust",
]

/** From accepted to refused; or from an origin with public trust to one without. More evidence for what
 * was refused before is no drift. */
function worseVerdict(before: PairSeen, now: PairSeen): PairDrift[] {
  const refusesNow = trusting.includes(before.verdict) && refusing.includes(now.verdict)
  const ownAnchors =
    now.verdict === "private-trust" &&
    refusing.includes(before.verdict) &&
    before.verdict !== "private-trust"
  return refusesNow || ownAnchors
    ? [{ what: "verdict", before: before.verdict, now: now.verdict }]
    : []
}

function newlyUnseen(before: PairSeen, now: PairSeen): PairDrift[] {
  if (before.background !== false || now.background !== true) return []
  return [{ what: "background", before: "in the foreground", now: "in background or under lock" }]
}

function muchMore(before: PairSeen, now: PairSeen): PairDrift[] {
  const { factor, bytesFloor, connectionsFloor } = volumeDrift
  if (isMuch(before.bytes_a_day, now.bytes_a_day, factor, bytesFloor))
    return [
      { what: "volume", before: mebibytes(before.bytes_a_day), now: mebibytes(now.bytes_a_day) },
    ]
  if (isMuch(before.connections_a_day, now.connections_a_day, factor, connectionsFloor))
    return [
      {
        what: "volume",
        before: `${Math.round(before.connections_a_day ?? 0)} connections a day`,
        now: `${Math.round(now.connections_a_day ?? 0)} connections a day`,
      },
    ]
  return []
}

function isMuch(before: number | null, now: number | null, factor: number, floor: number): boolean {
  return before !== null && now !== null && now >= floor && now > before * factor
}

function mebibytes(bytes: number | null): string {
  return `${((bytes ?? 0) / 1024 ** 2).toFixed(1)} MiB a day`
}

function few(items: readonly string[]): string {
  const sorted = [...items].sort()
  const more = sorted.length - 3
  return [...sorted.slice(0, 3), ...(more > 0 ? [`${more} more`] : [])].join(", ")
}

/** Lower-case hex without colons: two spellings of one fingerprint are equal. */
function plain(signer: string): string {
  return signer.replaceAll(":", "").toLowerCase()
}
