/**
 * What a client makes of the certificate it is shown: from its anchors, its clock and the app's own checks
 * alone. It must not know the sensor's rules.
 */

import { type Ending, type Stack, stacks } from "../wire/stacks.ts"
import {
  type Check,
  day,
  holdsAt,
  type Installed,
  isWithin,
  type Phone,
  type Place,
  type World,
} from "../world/model.ts"

export type Reaction =
  | { kind: "goes-on" }
  | { kind: "refuses"; ending: Ending }
  /** It looks at the certificate when it has its answer, or when h2's preface has left. */
  | { kind: "leaves"; after: "answer" | "preface" }

/** A leaf of ours is valid from a day before it was made, for two weeks (src/ca/mint.ts), and is kept
 * for some days; a public one for three months, and was made weeks ago. */
const ours = { before: day, after: 9 * day }
const genuine = { before: 25 * day, after: 40 * day }

export interface Meeting {
  world: World
  phone: Phone
  installed: Installed
  place: Place
  at: number
  stack: Stack
  /** The app asks for nothing of worth now, and does not check. */
  harmless: boolean
}

/** Shown our leaf. */
export function reactionToUs(meeting: Meeting): Reaction {
  const { world, phone, place, at, stack } = meeting
  if (isWithin(world.badLeaf, at) || isOutside(phone, at, ours)) return distrust(meeting)
  const check = checkOf(meeting)
  if (check?.kind === "own-anchors") return distrust(meeting, false)
  if (!trustsUs(meeting)) return distrust(meeting, false)
  if (check && !meeting.harmless) return byCheck(check, stack, place)
  return { kind: "goes-on" }
}

/** Shown the origin's own certificate. */
export function reactionToOrigin(meeting: Meeting): Reaction {
  const { phone, place, at, stack } = meeting
  if (isOutside(phone, at, genuine)) return distrust(meeting)
  if (place.health === "self-signed" && checkOf(meeting)?.kind !== "own-anchors")
    return { kind: "refuses", ending: stack.untrusted[place.tls] }
  return { kind: "goes-on" }
}

/** The check that this version of the app has for this host. */
export function checkOf({ installed, place, at }: Meeting): Check | null {
  const check = installed.app.checks.get(place.host)
  if (!check) return null
  const { versions } = check
  return versions === null || versions.includes(holdsAt(installed.version, at)) ? check : null
}

export function trustsUs({ world, phone, installed, place, at, stack }: Meeting): boolean {
  const steps = phone.trust.get(installed.profile) ?? phone.trust.get("device")
  if (!steps) return false
  const { anchor, issuers } = holdsAt(steps, at)
  if (!issuers.includes(holdsAt(world.issuer, at))) return false
  switch (anchor) {
    case "absent":
      return false
    case "user-store":
      // Dart reads the system's roots, whatever the app's configuration says.
      if (stack.ownAnchors || stack === stacks.flutter) return false
      return takesUserAnchors(installed, place)
    case "system":
    case "mdm-trusted":
      return !stack.ownAnchors
  }
}

/** Whether a refusal is the effect itself: without its check or its own roots it would have gone on. */
export function refusesByChoice(meeting: Meeting): boolean {
  const { world, phone, at, stack } = meeting
  if (isWithin(world.badLeaf, at) || isOutside(phone, at, ours)) return false
  return stack.ownAnchors || (checkOf(meeting) !== null && trustsUs(meeting))
}

function takesUserAnchors({ app: { userAnchors } }: Installed, { host }: Place): boolean {
  if (userAnchors === "all" || userAnchors === "none") return userAnchors === "all"
  return userAnchors.some((domain) => host === domain || host.endsWith(`.${domain}`))
}

function byCheck({ when }: Check, stack: Stack, { tls }: Place): Reaction {
  switch (when) {
    case "handshake":
    case "finished":
      return { kind: "refuses", ending: pinEnding(stack, when, tls) }
    case "answer":
    case "preface":
      return { kind: "leaves", after: when }
  }
}

/** An app on the platform's stack may look within the handshake although its library looks later. */
function pinEnding(stack: Stack, when: "handshake" | "finished", tls: Place["tls"]): Ending {
  if (when === "handshake") return stack.untrusted[tls]
  const own = stack.pinned[tls]
  return own.finished ? own : stacks.okhttp.pinned[tls]
}

function distrust({ stack, place }: Meeting, byTime = true): Reaction {
  const ending = stack.untrusted[place.tls]
  const expired = byTime && stack.tellsExpired && ending.alert !== null
  return { kind: "refuses", ending: expired ? { ...ending, alert: 45 } : ending }
}

function isOutside(phone: Phone, at: number, life: { before: number; after: number }): boolean {
  const offset = holdsAt(phone.clockOffset, at)
  return offset < -life.before || offset > life.after
}
