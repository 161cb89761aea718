/**
 * What is dropped before anything is judged: refusals that have an innocent cause. Outcomes that do
 * not speak of our certificate at all are no refusals in the first place (docs/outcomes.md).
 */
import { type Attempt, isRefusal } from "../record/attempt.ts"
import type { Flow } from "../record/flow.ts"
import type { Interval } from "./bucket.ts"
import { rank } from "./rank.ts"
import type { Sighting, Sightings } from "./sighting.ts"
import type { ScopeSettings } from "./tunables.ts"

/**
 * Spare sockets: unused connections that overlap an accepted connection of their key, or lie within
 * the spare window of one. Chromium opens them all the time.
 */
export function spareSockets(
  attempts: readonly Sighting<Attempt>[],
  accepted: readonly Interval[],
  spareWindow: number,
): Set<string> {
  const spare = new Set<string>()
  if (accepted.length === 0) return spare
  const sorted = [...accepted].sort((a, b) => a.start - b.start)
  const latestEnd: number[] = []
  for (const [index, each] of sorted.entries())
    latestEnd.push(Math.max(each.end, latestEnd[index - 1] ?? Number.NEGATIVE_INFINITY))
  for (const attempt of attempts) {
    if (attempt.fact.outcome !== "refused-after-handshake") continue
    const before = rank(sorted, attempt.end + spareWindow, (each) => each.start)
    const end = latestEnd[before - 1] ?? Number.NEGATIVE_INFINITY
    if (end >= attempt.start - spareWindow) spare.add(attempt.id)
  }
  return spare
}

/** So long before it a client that tries two ways at once may have begun the other: happy eyeballs wait 250 ms
 * (RFC 8305 section 5), browsers give QUIC a start of some 300 ms; and two sensors' clocks differ. */
const HEAD_START_MS = 2_000

/**
 * Losers of a race against a way around us (QUIC, IPv6 that is not led here): the client gave up what it had
 * not used because the other worked, and the wire looks like a refusal. Whoever refuses first and goes around
 * us then begins that after the end of the refusal. An alert says why it was sent, and is none.
 */
export function lostRaces(
  attempts: readonly Sighting<Attempt>[],
  flows: readonly Sighting<Flow>[],
): Set<string> {
  const lost = new Set<string>()
  const around = flows
    .filter(({ fact }) => fact.source !== "sensor" && fact.control && fact.verdict === "used")
    .map(({ start }) => start)
    .sort((a, b) => a - b)
  if (around.length === 0) return lost
  for (const { id, start, end, fact } of attempts) {
    if (!isRefusal(fact.outcome) || fact.outcome === "refused-alert") continue
    const last = around[rank(around, end, itself) - 1]
    if (last !== undefined && last >= start - HEAD_START_MS) lost.add(id)
  }
  return lost
}

/** A reset or a timeout. */
export interface Failure {
  id: string
  at: number
  destination: string
  /** It cannot be about our certificate: it failed before that, or while spliced. */
  innocent: boolean
}

/**
 * Network windows: resets and timeouts of several destinations of one device within seconds, some of
 * them in phases before our Certificate (or in a splice), while nothing was accepted or used. The
 * resets among them are dropped. Alerts never count: no failing network sends one. Resets after
 * Finished do not count either: there TLS 1.3 makes an ordinary close a reset.
 */
export function networkWindows({ all }: Sightings, settings: ScopeSettings): Set<string> {
  const failures = all.flatMap((sighting) => failureOf(sighting) ?? []).sort(byFailing)
  const alive = all.flatMap((sighting) => sighting.alive ?? []).sort((a, b) => a - b)
  return windowsAmong(failures, alive, settings)
}

/** Those of some failures that fell into a window. Both in the order of time; `alive`: when the network was
 * seen to work, at least all of it that lies between the failures. */
export function windowsAmong(
  failures: readonly Failure[],
  alive: readonly number[],
  settings: ScopeSettings,
): Set<string> {
  const dropped = new Set<string>()
  const [first] = failures
  let next = first ? rank(alive, first.at, itself) : 0
  let segment: Failure[] = []
  for (const failure of failures) {
    const sign = alive[next]
    if (sign !== undefined && sign <= failure.at) {
      markWindows(segment, settings, dropped)
      segment = []
      next = rank(alive, failure.at, itself)
    }
    segment.push(failure)
  }
  markWindows(segment, settings, dropped)
  return dropped
}

/** The order in which things failed. */
export function byFailing(a: Failure, b: Failure): number {
  return a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

function itself(time: number): number {
  return time
}

/** Slides a window over failures between which nothing worked; each failure is marked once. */
function markWindows(
  failures: readonly Failure[],
  settings: ScopeSettings,
  dropped: Set<string>,
): void {
  const destinations = new Map<string, number>()
  let innocent = 0
  let from = 0
  let marked = 0
  for (const [to, failure] of failures.entries()) {
    destinations.set(failure.destination, (destinations.get(failure.destination) ?? 0) + 1)
    if (failure.innocent) innocent += 1
    for (let first = failures[from]; first; first = failures[from]) {
      if (failure.at - first.at <= settings["network-window"]) break
      const left = (destinations.get(first.destination) ?? 1) - 1
      if (left === 0) destinations.delete(first.destination)
      else destinations.set(first.destination, left)
      if (first.innocent) innocent -= 1
      from += 1
    }
    if (innocent === 0 || destinations.size < settings["network-destinations"]) continue
    for (marked = Math.max(marked, from); marked <= to; marked += 1)
      dropped.add(failures[marked]?.id ?? "")
  }
}

/** The failure that a sighting was, if it may have been the network's. */
export function failureOf(sighting: Sighting): Failure | null {
  const { id, end: at, destination, beforeCertificate, fact } = sighting
  if ("outcome" in fact) {
    const broke = fact.end === "rst" || fact.end === "timeout"
    const counts =
      fact.outcome === "refused-reset" ||
      fact.outcome === "timed-out" ||
      (fact.outcome === "abandoned" && broke)
    return counts && Number.isFinite(at)
      ? { id, at, destination, innocent: beforeCertificate }
      : null
  }
  const { verdict, end, ended_by } = fact
  if (verdict !== "failed" || (end !== "rst" && end !== "timeout") || ended_by === "origin")
    return null
  return { id, at, destination, innocent: true }
}
