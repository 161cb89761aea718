/** `pinsensor bypass remove|renew|review`: what a person does with a bypass that stands. */
import { parseArgs } from "node:util"
import { hasEnded } from "../../policy/register/register-health.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { ownerFrom } from "./add.ts"
import { readEnd, readReview } from "./end-time.ts"
import { refuseTwin, standingEntry } from "./find-entry.ts"
import { actOptions, atDesk, oneId } from "./open-register.ts"

export function remove(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: actOptions,
    allowPositionals: true,
  })
  const id = oneId("remove", positionals)
  atDesk(values, ({ store, who, reason, now }) => {
    const entry = standingEntry(store, id)
    if (hasEnded(entry, now))
      throw new Error(`${id} ended ${entry.expires_at}; there is nothing to do`)
    store.putRegister([endedNow(entry, now)], who, now, { what: "removed", reason })
    return { said: `${id} has ended, and workers cut what it splices within a second` }
  })
}

export function renew(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      ...actOptions,
      expires: { type: "string" },
      review: { type: "string" },
      owner: { type: "string" },
    },
    allowPositionals: true,
  })
  const id = oneId("renew", positionals)
  const { expires } = values
  if (expires === undefined) throw new Error("say until when with --expires, as in 30d")
  atDesk(values, ({ store, who, reason, now }) => {
    const entry = standingEntry(store, id)
    const end = readEnd(expires, now)
    const owner = values.owner ?? ownerOf(entry)
    const renewed = {
      ...entry,
      owner: ownerFrom(owner),
      expires_at: new Date(end).toISOString(),
      review_at: new Date(readReview("--review", values.review, end, now)).toISOString(),
      // A person has looked: the re-tests of a learned entry may lengthen it from here again.
      learned: entry.learned && { ...entry.learned, renewals: 0 },
    }
    refuseTwin(store, renewed, now)
    store.putRegister([renewed], who, now, { what: "renewed", reason })
    return {
      said: `${id} is in force until ${renewed.expires_at}, and is to be reviewed ${renewed.review_at}`,
    }
  })
}

export function review(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...actOptions, next: { type: "string" } },
    allowPositionals: true,
  })
  const id = oneId("review", positionals)
  atDesk(values, ({ store, who, reason, now }) => {
    const entry = standingEntry(store, id)
    const end = entry.expires_at === null ? null : Date.parse(entry.expires_at)
    if (end !== null && end <= now)
      throw new Error(`${id} ended ${entry.expires_at}; \`renew\` puts it in force again`)
    const next = readReview("--next", values.next, end, now)
    const reviewed = { ...entry, review_at: new Date(next).toISOString() }
    store.putRegister([reviewed], who, now, { what: "reviewed", reason })
    return { said: `${id} stands; the next review is due ${reviewed.review_at}` }
  })
}

/** It stays among the ended ones, so that what still closes is counted and it is not learned anew at
 * once; after 400 days it is taken out. */
export function endedNow(entry: RegisterEntry, now: number): RegisterEntry {
  return { ...entry, expires_at: new Date(now).toISOString() }
}

/** What the sensor owns gets an owner with the first renewal by hand. */
function ownerOf({ id, owner }: RegisterEntry): string {
  if (owner !== "pinsensor") return owner
  throw new Error(`${id} was learned and nobody answers for it yet; say who with --owner`)
}
