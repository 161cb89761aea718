/**
 * What is remembered of an app at a destination. In: attributed connections, one at a time and in any
 * order. Out: a small profile, the same for any order of the same connections. It must not know what a
 * baseline is.
 */
import type { Attempt } from "../record/attempt.ts"
import type { Attributed, Attribution } from "../record/attributed.ts"
import type { Flow } from "../record/flow.ts"
import type { PairDay, PairProfile, PairThing, Showing } from "../record/pair-profile.ts"

export const dayMs = 86_400_000

/** Kept of each; beyond it the latest seen go. A profile with all of it takes some 10 KB as JSON. */
export const mostOfPair = { stacks: 16, signers: 16, earliest: 3, told: 2 }

/** How much of a profile is kept. */
export interface KeptOfPair {
  /** Devices of one day: one more than any question needs, because the judged one is left out. */
  devices: number
  /** The newest so many days, */
  days: number
  /** and those in these spans, in epoch milliseconds: what was learned before a freeze. */
  also: readonly { from: number; to: number }[]
}

export function emptyPair(app_id: string, destination: string): PairProfile {
  const last_ms = Number.MIN_SAFE_INTEGER
  return { app_id, destination, days: [], stacks: [], signers: [], earliest: [], last_ms }
}

/** Whether a connection tells anything of a pair: the app was observed, on a device that is known.
 * One phone behind changing addresses would be many devices. */
export function tellsOfPair({ app, app_id, device }: Attribution): boolean {
  return app === "observed" && app_id !== null && device === "bound"
}

/** True if something became known, more than that there was traffic. */
export function foldAttempt(
  pair: PairProfile,
  { fact, who }: Attributed<Attempt>,
  kept: KeptOfPair,
): boolean {
  const at = Date.parse(fact.observed_at)
  const bytes = fact.client_app_bytes + fact.delivered_app_bytes
  const day = dayFor(pair, at, bytes, kept)
  const news = foldActor(pair, fact.stack, who, at)
  if (day === null) return news
  const showing: Showing = [who.device_id, at]
  if (fact.outcome === "accepted") {
    const used = show(day.used, showing, kept.devices)
    return show(day.accepted, showing, mostOfPair.told) || used || news
  }
  return (fact.strength === "strong" && show(day.refused, showing, mostOfPair.told)) || news
}

export function foldFlow(
  pair: PairProfile,
  { fact, who }: Attributed<Flow>,
  kept: KeptOfPair,
): boolean {
  const at = Date.parse(fact.observed_at)
  const day = dayFor(pair, at, fact.client_bytes + fact.server_bytes, kept)
  const news = foldActor(pair, fact.source === "sensor" ? fact.stack : null, who, at)
  if (day === null || !isUseOfItsOwn(fact)) return news
  return show(day.used, [who.device_id, at], kept.devices) || news
}

/**
 * Used, and not because we let pass what had been refused, or had no room to look: a trial, what a
 * trial led to, an overload. Five trials would make a baseline of a pinned destination. What a tap saw counts
 * where it went around us: else it may be one of these.
 */
function isUseOfItsOwn({ verdict, source, splice_cause, control }: Flow): boolean {
  if (verdict !== "used") return false
  if (source !== "sensor") return control
  return splice_cause !== "trial" && splice_cause !== "learned" && splice_cause !== "overload"
}

function foldActor(
  pair: PairProfile,
  stack: string | null,
  { device_id, app_signer }: Attribution,
  at: number,
): boolean {
  pair.last_ms = Math.max(pair.last_ms, at)
  const early = keepLeast(pair.earliest, at)
  const newStack = stack !== null && see(pair.stacks, { what: stack, at, device_id }, 1)
  const signer = app_signer?.replaceAll(":", "").toLowerCase()
  const newSigner = signer !== undefined && see(pair.signers, { what: signer, at, device_id }, 2)
  return early || newStack || newSigner
}

/** The day of a connection, counted; null where it is older than what is kept. */
function dayFor(pair: PairProfile, at: number, bytes: number, kept: KeptOfPair): PairDay | null {
  const number = Math.floor(at / dayMs)
  const { days } = pair
  const last = days.at(-1)
  let day = last?.day === number ? last : days.find((each) => each.day === number)
  if (!day) {
    day = { day: number, used: [], accepted: [], refused: [], connections: 0, bytes: 0 }
    days.push(day)
    days.sort((a, b) => a.day - b.day)
    pair.days = keptDays(days, kept)
    if (!pair.days.includes(day)) return null
  }
  day.connections += 1
  day.bytes += bytes
  return day
}

/** The newest stay: one that goes is older than all that are kept, and stays out. */
function keptDays(days: PairDay[], { days: most, also }: KeptOfPair): PairDay[] {
  if (days.length <= most) return days
  const from = days.length - most
  return days.filter(
    ({ day }, index) =>
      index >= from || also.some((span) => (day + 1) * dayMs > span.from && day * dayMs <= span.to),
  )
}

/** Of one day the first that showed it; whoever is among the first in the end is never pushed out. */
function show(showings: Showing[], [device, at]: Showing, most: number): boolean {
  const known = showings.find((showing) => showing[0] === device)
  if (known) {
    if (known[1] <= at) return false
    known[1] = at
    showings.sort(byShowing)
    return true
  }
  const last = showings.at(-1)
  if (showings.length === most && last && byShowing(last, [device, at]) < 0) return false
  showings.push([device, at])
  showings.sort(byShowing)
  showings.length = Math.min(showings.length, most)
  return true
}

function byShowing(a: Showing, b: Showing): number {
  return a[1] - b[1] || (a[0] < b[0] ? -1 : 1)
}

/** When each thing was first seen, by so many devices each. */
function see(things: PairThing[], thing: PairThing, ofEach: number): boolean {
  if (isOldNews(things, thing, ofEach)) return false
  const known = things.filter(({ what }) => what === thing.what)
  const own = known.find(({ device_id }) => device_id === thing.device_id)
  const replaced = own ?? (known.length >= ofEach ? known.at(-1) : undefined)
  if (replaced) {
    if (byThing(replaced, thing) <= 0) return false
    things.splice(things.indexOf(replaced), 1)
  }
  const most = ofEach === 1 ? mostOfPair.stacks : mostOfPair.signers
  const last = things.at(-1)
  if (things.length === most && last && byThing(last, thing) < 0) return false
  things.push(thing)
  things.sort(byThing)
  things.length = Math.min(things.length, most)
  return true
}

/** Nearly always it is: asked before anything is made. */
function isOldNews(things: readonly PairThing[], thing: PairThing, ofEach: number): boolean {
  let before = 0
  for (const known of things) {
    if (known.what !== thing.what || byThing(known, thing) > 0) continue
    before += 1
    if (before === ofEach || known.device_id === thing.device_id) return true
  }
  return false
}

function byThing(a: PairThing, b: PairThing): number {
  if (a.at !== b.at) return a.at - b.at
  if (a.what !== b.what) return a.what < b.what ? -1 : 1
  return a.device_id < b.device_id ? -1 : a.device_id > b.device_id ? 1 : 0
}

function keepLeast(times: number[], at: number): boolean {
  const last = times.at(-1)
  if (times.length === mostOfPair.earliest && last !== undefined && at >= last) return false
  if (times.includes(at)) return false
  times.push(at)
  times.sort((a, b) => a - b)
  times.length = Math.min(times.length, mostOfPair.earliest)
  return true
}
