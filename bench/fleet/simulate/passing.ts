/**
 * What passes on one connection: the network first, then the origin, then what the client makes of the
 * certificate it is shown. It must not know the sensor's rules.
 */
import type { Random } from "../random.ts"
import type { Exchange } from "../wire/exchange.ts"
import { holdsAt, isWithin, type Phone, type Place } from "../world/model.ts"
import { type Meeting, type Reaction, reactionToOrigin, reactionToUs } from "./reaction.ts"

export interface Passed {
  exchange: Exchange
  /** The app got what it wanted. */
  works: boolean
  /** It met our certificate and would not go on. */
  refused: boolean
}

export function passInspected(meeting: Meeting, random: Random): Passed {
  const { phone, place, at } = meeting
  const lost = networkLoss(phone, place, at, true, random)
  if (lost) return { exchange: lost, works: false, refused: false }
  const bad = badOrigin(place)
  if (bad) return { exchange: bad, works: false, refused: false }
  const reaction = reactionToUs(meeting)
  const exchange = exchangeOf(reaction, meeting, random)
  const goesOn = reaction.kind === "goes-on"
  return {
    exchange,
    works: goesOn && place.health !== "channel-bound",
    refused: !goesOn,
  }
}

export function passSpliced(meeting: Meeting, random: Random): Passed {
  const { phone, place, at } = meeting
  const lost = networkLoss(phone, place, at, false, random)
  if (lost) return { exchange: lost, works: false, refused: false }
  if (place.health === "dead") return { exchange: unreachable, works: false, refused: false }
  const reaction = reactionToOrigin(meeting)
  return {
    exchange: exchangeOf(reaction, meeting, random),
    works: reaction.kind === "goes-on",
    refused: false,
  }
}

/** Whether it would have worked without us, at this time. */
export function worksDirectly(meeting: Meeting): boolean {
  const { phone, place, at } = meeting
  if (phone.outages.some((outage) => isWithin([outage], at))) return false
  if (place.outages.some((outage) => outage.kills === "all" && isWithin([outage], at))) return false
  return place.health !== "dead" && reactionToOrigin(meeting).kind === "goes-on"
}

const unreachable: Exchange = { kind: "no-origin", status: "unreachable", reason: "ECONNREFUSED" }

function badOrigin({ health }: Place): Exchange | null {
  switch (health) {
    case "dead":
      return unreachable
    case "self-signed":
      return { kind: "no-origin", status: "untrusted", reason: "self-signed" }
    case "wants-certificate":
      return { kind: "no-origin", status: "wants-client-certificate", reason: "alert 116" }
    case "refuses-us":
      return { kind: "no-origin", status: "failed", reason: "alert 40" }
    case "ok":
    case "geo-blocked":
    case "channel-bound":
      return null
  }
}

/** A lossy way loses most; what an outage of one place kills, it kills behind the ServerHello: a filter
 * that reads certificates, or an app whose patience ends. */
function networkLoss(
  phone: Phone,
  place: Place,
  at: number,
  inspected: boolean,
  random: Random,
): Exchange | null {
  for (const { kind, ...span } of phone.outages) {
    if (!isWithin([span], at)) continue
    if (kind === "portal") return { kind: "lost", before: "hello", how: "rst" }
    if (random.chance(0.7))
      return {
        kind: "lost",
        before: random.weighted([
          ["hello", 0.4],
          ["certificate", 0.2],
          ["finished", 0.4],
        ]),
        how: random.pick(["rst", "rst", "timeout", "fin"]),
      }
  }
  for (const { kills, ...span } of place.outages)
    if (isWithin([span], at) && (kills === "all" || inspected))
      return { kind: "lost", before: "finished", how: random.pick(["rst", "fin"]) }
  return null
}

function exchangeOf(reaction: Reaction, meeting: Meeting, random: Random): Exchange {
  const { place, stack, at, installed } = meeting
  const { app } = installed
  switch (reaction.kind) {
    case "refuses":
      return { kind: "ended", ending: reaction.ending }
    case "leaves":
      if (reaction.after === "preface" && stack.alpn.includes("h2"))
        return { kind: "unused", lastsMs: random.skewed(25, 2), preface: true }
      return {
        kind: "used",
        turns: 1,
        asked: random.int(250, 700),
        answered: random.int(200, 900),
        lastsMs: random.skewed(90, 2),
      }
    case "goes-on":
      return useOf(place, holdsAt(app.volume, at), random)
  }
}

/** `volume`: how many times what is usual. */
function useOf(place: Place, volume: number, random: Random): Exchange {
  if (place.health === "geo-blocked" || place.health === "channel-bound")
    return {
      kind: "used",
      turns: 1,
      asked: random.int(250, 700),
      answered: random.int(150, 600),
      lastsMs: random.skewed(150, 2),
    }
  return {
    kind: "used",
    turns: 1 + random.poisson(1.5),
    asked: Math.ceil(volume * random.skewed(900, 1.8)),
    answered: Math.ceil(volume * random.skewed(7_000, 4)),
    lastsMs: random.skewed(3_000, 3),
  }
}

/** A splice that a trial's end cuts. */
export function cutAt(exchange: Exchange, leftMs: number): Exchange {
  if (exchange.kind !== "used" || exchange.lastsMs <= leftMs) return exchange
  return { ...exchange, lastsMs: Math.max(0, leftMs) }
}

/** Whether whoever watches can tell that the client ended it: behind something that ends TCP only an alert
 * says so. */
export function isTold({ relayed }: Phone, exchange: Exchange): boolean {
  return !relayed || (exchange.kind === "ended" && exchange.ending.alert !== null)
}
