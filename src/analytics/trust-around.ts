/**
 * Whether the refusals of a key show a choice of destination: the actor trusted our CA *around* them,
 * refused little else at that time, and it was the client that broke off.
 *
 * In: a key, and how the actor behaved under the stack of each refusal. Out: null, or in words why
 * `confirmed` would say too much. Event time only: it must not know what arrived when.
 */
import type { Attempt } from "../record/attempt.ts"
import type { Moment } from "./acceptance-index.ts"
import { areEnough, type KeyEvidence } from "./key-evidence.ts"
import type { ConductAt, Qualifying } from "./qualify.ts"
import { rank } from "./rank.ts"
import type { Sighting } from "./sighting.ts"
import type { ScopeSettings } from "./tunables.ts"

export interface Surroundings {
  key: KeyEvidence
  conductAt: ConductAt
  /** By what the actor is known to trust us; null where only its stack is looked at. */
  by: Qualifying["by"] | null
  /** The app may trust user-added CAs for some domains that it names: Android, unless the CA is known to be
   * in the system's store. */
  mayOptIn: boolean
  /** Another device accepts this destination with the same stack: origin, way and leaf are good. */
  acceptedByStackElsewhere: boolean
}

export function doubtOf(seen: Surroundings, settings: ScopeSettings): string | null {
  const { key, by } = seen
  const shown = clientsOwn(seen)
  if (!areEnough(shown, settings) || !isAgain(key, shown))
    return (
      "Too few refusals are the client's own act for sure: connections were reset or cut off as an " +
      "outage does it."
    )
  const others = otherDomains(seen)
  const proven = shown.filter((refusal) => isTrustedAt(refusal, others(refusal), settings))
  if (!areEnough(proven, settings) || !isAgain(key, proven))
    return (
      "Nothing shows that the actor trusted our CA around enough of the refusals: it accepted it " +
      "at other times only, or refused other domains in between."
    )
  const { accepted, refused } = around(proven, others, settings["trust-within"])
  const least = by === "stack" || by === null ? "stack-accepts" : "app-accepts"
  if (accepted < refused * settings[least])
    return (
      `In the same time it refused ${refused} other domains and accepted ${accepted}: ` +
      "a client that does not trust our CA, or another one behind the same address."
    )
  return seen.mayOptIn ? optInDoubt(proven, others, settings["app-accepts"]) : null
}

/**
 * Android lets an app trust user-added CAs for some domains only. It then refuses every other one before Finished
 * and for good, as a pin does that is checked in the handshake; a pin is about few domains. After Finished the chain
 * was good: no list of domains does that. All that is known of the actor counts, not this hour's part.
 */
function optInDoubt(
  proven: readonly Sighting<Attempt>[],
  others: (of: Sighting<Attempt>) => Others,
  least: number,
): string | null {
  const early = proven.filter(({ fact }) => fact.outcome !== "refused-after-handshake")
  const accepted = new Set<string>()
  const refused = new Set<string>()
  for (const conduct of new Set(early.map(others))) {
    for (const { registrable } of conduct.accepted) accepted.add(registrable)
    for (const { registrable } of conduct.refused) refused.add(registrable)
  }
  const never = [...refused].filter((domain) => !accepted.has(domain)).length + 1
  if (early.length === 0 || accepted.size >= never * least) return null
  return (
    `It never accepted ${never} domains, this one among them, and accepted ${accepted.size}: ` +
    "an app that opted in to user-added CAs for some domains does the same."
  )
}

/** Where the control flow worked, a refusal after it must be among those that are proven. */
function isAgain({ control }: KeyEvidence, refusals: readonly Sighting<Attempt>[]): boolean {
  if (!control.refusalAfter) return true
  return refusals.some(({ start }) => start > control.firstUsed)
}

/**
 * Refusals that nothing but the client can have brought about. An alert and a Finished are. A connection that
 * ends before Finished without a word may have been cut off by the network: no client that was measured
 * resets it, and whoever closes it does so every time. So among resets a close proves nothing, and
 * resets prove nothing where the same stack accepts the destination elsewhere.
 */
function clientsOwn({ key, acceptedByStackElsewhere }: Surroundings): Sighting<Attempt>[] {
  const count = (outcome: string) =>
    key.refusals.filter(({ fact }) => fact.outcome === outcome).length
  const resets = count("refused-reset")
  if (resets === 0) return key.refusals
  const isOneManner = count("refused-close") === 0
  if (isOneManner && !acceptedByStackElsewhere) return key.refusals
  return key.refusals.filter(
    ({ fact }) => fact.outcome === "refused-alert" || fact.outcome === "refused-after-handshake",
  )
}

interface Others {
  accepted: readonly Moment[]
  refused: readonly Moment[]
}

/** What the actor did at other domains than the judged one, under the stack of a refusal. */
function otherDomains({ key, conductAt }: Surroundings): (of: Sighting<Attempt>) => Others {
  const known = new Map<string | null, Others>()
  const isOther = ({ registrable }: Moment) => registrable !== key.group.registrable
  return (refusal) => {
    const { stack } = refusal.fact
    const others = known.get(stack)
    if (others) return others
    const conduct = stack === null ? undefined : conductAt(refusal)
    const found = {
      accepted: (conduct?.accepted ?? []).filter(isOther),
      refused: (conduct?.refused ?? []).filter(isOther),
    }
    known.set(stack, found)
    return found
  }
}

/**
 * Trust may be lost or won between two connections (a CA removed, a clock set, a leaf gone bad). So it is
 * proven by acceptances on both sides within `trust-within`; or by one on one side within `trust-near`, if
 * nothing else was refused from there to the acceptance, nor next on the other side.
 */
function isTrustedAt(
  { start }: Sighting<Attempt>,
  { accepted, refused }: Others,
  settings: ScopeSettings,
): boolean {
  const acceptedUpTo = rank(accepted, start, timeOf)
  const refusedUpTo = rank(refused, start, timeOf)
  const before = start - (accepted[acceptedUpTo - 1]?.start ?? Number.NEGATIVE_INFINITY)
  const after = (accepted[acceptedUpTo]?.start ?? Number.POSITIVE_INFINITY) - start
  const within = settings["trust-within"]
  if (before <= within && after <= within) return true
  const refusedBefore = start - (refused[refusedUpTo - 1]?.start ?? Number.NEGATIVE_INFINITY)
  const refusedAfter = (refused[refusedUpTo]?.start ?? Number.POSITIVE_INFINITY) - start
  const near = settings["trust-near"]
  const isAloneBefore = refusedBefore > Math.min(before, near)
  const isAloneAfter = refusedAfter > Math.min(after, near)
  return isAloneBefore && isAloneAfter && Math.min(before, after) <= near
}

/** How many other domains the actor accepted and refused within so long of these refusals. */
function around(
  proven: readonly Sighting<Attempt>[],
  others: (of: Sighting<Attempt>) => Others,
  withinMs: number,
): { accepted: number; refused: number } {
  const accepted = new Set<string>()
  const refused = new Set<string>()
  // All are sorted: what was looked at for one refusal need not be looked at for the next.
  const seen = new Map<readonly Moment[], number>()
  const add = (moments: readonly Moment[], start: number, to: Set<string>): void => {
    let at = seen.get(moments) ?? 0
    for (let moment = moments[at]; moment && moment.start <= start + withinMs; ) {
      if (moment.start >= start - withinMs) to.add(moment.registrable)
      at += 1
      moment = moments[at]
    }
    seen.set(moments, at)
  }
  for (const refusal of proven) {
    const { accepted: at, refused: but } = others(refusal)
    add(at, refusal.start, accepted)
    add(but, refusal.start, refused)
  }
  return { accepted: accepted.size, refused: refused.size }
}

function timeOf({ start }: Moment): number {
  return start
}
