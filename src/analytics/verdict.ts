/**
 * The scope verdict of one key: the table of docs/analytics.md, asked from the top.
 *
 * In: the weighed evidence of the key and what is known beside it. Out: the verdict, and in words why,
 * and what is missing for more. It must not know analytics or who will read it.
 */
import type { ScopeVerdict } from "../record/finding.ts"
import { areEnough, type KeyEvidence } from "./key-evidence.ts"
import type { Qualifying } from "./qualify.ts"
import type { ScopeSettings } from "./tunables.ts"

/** Hours with used opaque sessions that make opaqueness persistent. */
export const OPAQUE_HOURS = 3

export interface Circumstances {
  qualifying: Qualifying | null
  /** Other domains for which the app, observed, is known to trust us: one alone qualifies nothing. */
  acceptedByApp: readonly string[]
  /** Why the qualifying acceptance does not carry `confirmed`, in words (trust-around.ts). */
  doubt: string | null
  /** Held down to `suspected` at most, and why. */
  ceilings: string[]
  /** Why refusals say nothing at all: everything is refused, in words; null where it is not so. */
  everything: string | null
  /** On the vendor's do-not-inspect list, and by the OS or a platform stack without a known app. */
  platformExpected: boolean
  /** The destination is in the fleet's baseline of the app. */
  baselined: boolean
  /** Attempts of other devices with the same app and version that this destination accepted. */
  acceptedElsewhere: readonly string[]
  sensorFault: boolean
}

export interface Verdict {
  verdict: ScopeVerdict
  reasons: string[]
  missing: string | null
}

export function verdictOf(key: KeyEvidence, seen: Circumstances, settings: ScopeSettings): Verdict {
  const { refusals, acceptances } = key
  if (seen.sensorFault && refusals.length > 0)
    return say(
      "undetermined",
      ["Refusals rose across devices and destinations after a change of our own."],
      "Refusals after the sensor's own fault is mended.",
    )
  if (refusals.length === 0) return withoutRefusals(key, seen)
  if (acceptances.length > 0 || key.perhapsOwn.length > 0) return mixed(key)
  const refused = refusedWords(key)
  if (seen.platformExpected)
    return say("platform-expected", [
      refused,
      "The vendor says that this host must not be inspected.",
    ])
  if (isPrivateTrust(key)) return privateTrust(key)
  if (seen.everything !== null) return say("refuses-everything", [refused, seen.everything])
  if (!areEnough(refusals, settings)) return tooFew(key, seen, settings)
  if (seen.acceptedElsewhere.length > 0)
    return say(
      "mixed",
      [
        refused,
        `The same app and version accepted it on other devices ${times(seen.acceptedElsewhere.length)}.`,
      ],
      "What differs between the devices: posture of the inspection CA, supplied by MDM.",
    )
  return againstDestination(key, seen, refused)
}

/** Enough refusals, none accepted: how far do differential and control carry? */
function againstDestination(key: KeyEvidence, seen: Circumstances, refused: string): Verdict {
  const { used, strong, failed, refusalAfter } = key.control
  if (used.length === 0 && isBroken(failed))
    return say(
      "broken-or-other",
      [refused, `Without inspection it failed too, ${times(failed.length)}.`],
      "A session that works without inspection.",
    )
  const controls =
    used.length === 0
      ? []
      : [
          `Without inspection it worked ${times(used.length)}, ${strong.length} of them strongly used.`,
        ]
  if (!seen.qualifying) return refusesHere(refused, controls, seen)
  const reasons = [refused, qualifyingWords(seen.qualifying), ...controls]
  if (used.length === 0)
    return say(
      "suspected",
      reasons,
      "A control flow: a trial splice, or flows around the proxy (Zeek, Suricata, import).",
    )
  if (seen.ceilings.length > 0)
    return say(
      "suspected",
      [...reasons, ...seen.ceilings],
      "Evidence in which this does not hold: see the ceilings.",
    )
  if (strong.length >= 2 && refusalAfter && failed.length >= used.length)
    return say(
      "probable",
      [
        ...reasons,
        `Without inspection it failed too, ${times(failed.length)}: as often as it worked.`,
      ],
      "Control flows that work: most sessions without inspection, by trials or around the proxy.",
    )
  if (strong.length >= 2 && refusalAfter && seen.doubt !== null)
    return say(
      "probable",
      [...reasons, "It refused again after it had worked.", seen.doubt],
      "Acceptances of our CA by the same actor shortly before and after the refusals, and few other " +
        "domains refused in the same time.",
    )
  if (strong.length >= 2 && refusalAfter)
    return say("confirmed", [...reasons, "It refused again after it had worked."])
  return say(
    "probable",
    reasons,
    strong.length >= 2
      ? "A refusal after a control flow: the next inspected connection tells."
      : "A second strongly used control flow (200 bytes each way): a trial supplies it.",
  )
}

function refusesHere(refused: string, controls: string[], { acceptedByApp }: Circumstances) {
  const [domain] = acceptedByApp
  const elsewhere =
    domain === undefined
      ? "Nothing shows that this actor trusts our CA elsewhere."
      : `The same app accepted our CA for ${domain}; one domain alone may be one that it opted in for.`
  const lacking =
    domain === undefined
      ? "An acceptance of our CA at two other registrable domains by the same app and stack; mobile EDR " +
        "or a CONNECT User-Agent tells the app, on iOS a posture that trusts the CA will do."
      : "An acceptance of our CA at one more registrable domain by the same app and stack."
  return say("refuses-here", [refused, elsewhere, ...controls], lacking)
}

/** A session that was set up and not used may be a spare socket: one of them says too little. */
function isBroken(failed: KeyEvidence["control"]["failed"]): boolean {
  return failed.length >= 2 || failed.some(({ fact }) => fact.verdict === "failed")
}

/** Many names of one domain, each refused too seldom (rotated-names.ts). */
export function rotatedVerdict(key: KeyEvidence, names: number, qualifying: Qualifying): Verdict {
  return say(
    "suspected",
    [
      refusedWords(key),
      `These were ${names} names below ${key.group.registrable}, none refused often enough by itself.`,
      qualifyingWords(qualifying),
    ],
    "A control flow: one name that comes again, so that a trial can meet it, or flows around the " +
      "proxy (Zeek, Suricata, import).",
  )
}

function withoutRefusals(key: KeyEvidence, seen: Circumstances): Verdict {
  if (key.acceptances.length > 0)
    return say("accepts", [`Our certificate was accepted ${times(key.acceptances.length)}.`])
  if (isPrivateTrust(key)) return privateTrust(key)
  return silent(key, seen, [])
}

function tooFew(key: KeyEvidence, seen: Circumstances, settings: ScopeSettings): Verdict {
  const lacking =
    key.tries.length < settings.refusals
      ? `${settings.refusals - key.tries.length} more refused tries`
      : "a refusal in a second bucket of time"
  const fallback = silent(key, seen, [refusedWords(key)])
  return fallback.verdict === "undetermined"
    ? { ...fallback, missing: `${lacking}; the client's own retries supply them.` }
    : fallback
}

/** Verdicts that need no refusal that counts. */
function silent(key: KeyEvidence, seen: Circumstances, reasons: string[]): Verdict {
  const { opaque, opaqueHours } = key.control
  if (key.bypassed.length > 0)
    return say(
      "held-by-bypass",
      [...reasons, `A bypass from an earlier verdict spliced it ${times(key.bypassed.length)}.`],
      "An inspected connection: the re-test before the bypass ends.",
    )
  if (opaqueHours >= OPAQUE_HOURS && !seen.baselined)
    return say(
      "opaque-persistent",
      [
        ...reasons,
        `${opaque.length} used opaque sessions in ${opaqueHours} separate hours, none inspected.`,
      ],
      "An inspected connection to the same destination.",
    )
  return say("undetermined", [...reasons, ...droppedWords(key)], whatIsMissing(key))
}

function mixed(key: KeyEvidence): Verdict {
  const own = key.acceptances.length
  const told =
    own > 0
      ? `Our certificate was accepted ${times(own)} under the same actor.`
      : `The same stack accepted it ${times(key.perhapsOwn.length)}, by an app that is not known.`
  return say(
    "mixed",
    [refusedWords(key), told],
    "Which app made each connection: mobile EDR supplies it.",
  )
}

/** The origin has no public trust, yet the client uses it when nobody inspects. */
function isPrivateTrust(key: KeyEvidence): boolean {
  return key.privateOrigin && key.flows.some(({ fact }) => fact.verdict === "used")
}

function privateTrust(key: KeyEvidence): Verdict {
  const reasons = [
    "The origin's certificate has no public trust, and the client uses it when spliced: it has " +
      "anchors of its own, or checks nothing.",
  ]
  if (key.refusals.length > 0) reasons.unshift(refusedWords(key))
  return say("private-trust", reasons, "Whether the client checks at all: static facts of the app.")
}

function whatIsMissing(key: KeyEvidence): string {
  if (key.dropped.weakAlone > 0)
    return "A strong refusal: the weak ones have other causes as often; a direct path to the client."
  if (key.attempts.length === 0) return "An inspected connection, or opaque sessions in more hours."
  return "A connection that is either used or refused."
}

function droppedWords({ dropped }: KeyEvidence): string[] {
  const words: string[] = []
  if (dropped.spare > 0) words.push(`${dropped.spare} unused spare sockets do not count.`)
  if (dropped.network > 0) words.push(`${dropped.network} resets fell into a network window.`)
  if (dropped.lostRace > 0)
    words.push(`${dropped.lostRace} lost a race against a session around the proxy.`)
  if (dropped.weakAlone > 0) words.push(`${dropped.weakAlone} weak refusals stand alone.`)
  return words
}

function refusedWords({ tries, buckets, refusals }: KeyEvidence): string {
  const strong = refusals.filter(({ fact }) => fact.strength === "strong").length
  const where = buckets === 1 ? "one bucket" : `${buckets} buckets`
  return `Our certificate was refused ${times(tries.length)} in ${where} of time (${strong} strong).`
}

function qualifyingWords({ by, domains }: Qualifying): string {
  const who = {
    app: "The same app",
    "user-agent": "The same program",
    stack: "The platform stack",
  }[by]
  return `${who} accepted our CA for ${domains.slice(0, 5).join(", ")}.`
}

export function times(count: number): string {
  return count === 1 ? "once" : `${count} times`
}

function say(verdict: ScopeVerdict, reasons: string[], missing: string | null = null): Verdict {
  return { verdict, reasons, missing }
}
