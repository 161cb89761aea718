/**
 * One sweep over an MDM: page by page into the store, each with its place.
 *
 * In: a connector and the place to go on from. Out: the place after the sweep. A device that is not
 * in it stays as it is. It must not know when sweeps are due, nor what a row looks like.
 */
import { createHash } from "node:crypto"
import { setImmediate as breathe } from "node:timers/promises"
import type { SourceParts } from "../../source/source.ts"
import type { DeviceSaid, MdmConnector, Page } from "./connector.ts"
import { MdmFault } from "./mdm-fault.ts"
import type { MdmPlace, SweepPlace } from "./place.ts"
import { recordsOf } from "./records.ts"
import { rejectedOnce } from "./rejections.ts"
import { afterSweep } from "./schedule.ts"

/** Rows that are committed at once: with 50 apps each about 1 MB. */
const commitRows = 200
/** Pages without a row, one after another, before a server counts as one that never ends. */
const mostEmptyPages = 20
/** Pages in which no device is new, for each with one: a second round has one, going back after rows that
 * moved another. A server that gives the same rows under ever new addresses has more. */
const mostKnownPages = 2
/** Bytes of a cursor: the place as a whole may have 64 KiB. */
const longestCursor = 16 * 1024
/** Between two tellings of progress, in milliseconds: each is a write. */
const tellEvery = 2_000

export interface SweepParts extends Pick<SourceParts, "keeper" | "common" | "clock" | "name"> {
  connector: MdmConnector
  /** Rows of one sweep at most. */
  maxDevices: number
}

export interface Swept {
  place: MdmPlace
  devices: number
  added: number
}

/** Throws what kept it from its end; what was committed until then stays, and so does its place. */
export async function sweep(
  from: MdmPlace,
  due: SweepPlace,
  parts: SweepParts,
  signal: AbortSignal,
): Promise<Swept> {
  const { connector, keeper } = parts
  const { since } = due
  /** Ids of this run, to see whether rows that the API counts were never given. Bounded by `maxDevices`. */
  const seen = new Set<string>()
  /** Hashes of the places of this round: a server that leads in a circle never ends. Some 100 bytes a page. */
  const cursors = new Set<string>()
  const resumed = due.cursor !== null
  let repeated = false
  let place: MdmPlace = { ...from, sweep: due }
  let added = 0
  let emptyPages = 0
  let newPages = 0
  let knownPages = 0
  let toldAt = Number.NEGATIVE_INFINITY
  await connector.begin({ since }, signal)
  for (;;) {
    const { cursor } = place.sweep as SweepPlace
    const page = await connector.page({ cursor, since }, signal).catch((error: unknown) => {
      if (resumed && cursor !== null && seen.size === 0 && isLapsed(error)) return null
      throw error
    })
    // A server that no longer knows the place of a killed sweep is read from the begin.
    if (page === null) {
      place = { ...place, sweep: { ...(place.sweep as SweepPlace), cursor: null, done: 0 } }
      continue
    }
    checkCursor(page.next, cursor, cursors)
    emptyPages = page.rows.length === 0 ? emptyPages + 1 : 0
    if (emptyPages > mostEmptyPages) throw endless("page after page without a row")
    const { done: before } = place.sweep as SweepPlace
    if (before + page.rows.length > parts.maxDevices * 2) throw tooMany(parts.maxDevices)
    const known = seen.size
    const taken = await takeRows(page, place, seen, parts, signal)
    if (seen.size > known) newPages++
    else if (page.rows.length > 0 && ++knownPages > newPages * mostKnownPages + mostEmptyPages)
      throw endless("page after page of devices that it gave before")
    place = taken.place
    added += taken.added
    const { done } = place.sweep as SweepPlace
    if (seen.size > parts.maxDevices) throw tooMany(parts.maxDevices)
    if (parts.clock() - toldAt > tellEvery || parts.clock() < toldAt) {
      toldAt = parts.clock()
      keeper.tell({ progress: { done, of: page.of } })
    }
    if (page.next !== null) continue
    const lacking = resumed || page.of === null ? 0 : Math.max(0, page.of - seen.size)
    // Rows moved between pages while they were read: what fell through is in another place now.
    if (lacking > 0 && lacking !== from.lacking && !repeated) {
      repeated = true
      cursors.clear()
      place = { ...place, sweep: { ...(place.sweep as SweepPlace), cursor: null } }
      continue
    }
    if (!resumed) place = { ...place, lacking }
    const devices = (place.sweep as SweepPlace).done
    place = afterSweep(place, place.sweep as SweepPlace)
    keeper.keep({ place })
    return { place, devices, added }
  }
}

/** Commits the rows of a page; the place moves on with the last of them. */
async function takeRows(
  page: Page,
  from: MdmPlace,
  seen: Set<string>,
  { connector, keeper, common, clock }: SweepParts,
  signal: AbortSignal,
): Promise<{ place: MdmPlace; added: number }> {
  const at = from.sweep as SweepPlace
  let place = from
  let added = 0
  let { newest } = at
  for (let start = 0; start < page.rows.length || start === 0; start += commitRows) {
    signal.throwIfAborted()
    const rows = page.rows.slice(start, start + commitRows)
    const now = clock()
    const all = new Map<string, DeviceSaid>()
    for (const [index, row] of rows.entries()) {
      const read = connector.read(row)
      if ("rejected" in read) {
        place = { ...place, ...rejectedOnce(place, read.rejected) }
        seen.add(`rejected ${at.done + start + index}`)
        continue
      }
      const { said } = read
      all.set(said.mdm_id, said)
      seen.add(said.mdm_id)
      if (said.synced_at !== null && said.synced_at <= now)
        newest = Math.max(newest ?? said.synced_at, said.synced_at)
    }
    const context = { common, connector, beganAt: at.began_at, now }
    const last = start + commitRows >= page.rows.length
    const moved = { ...at, newest, cursor: page.next as never, done: at.done + page.rows.length }
    // After the last page the sweep is not at its begin again: its end is committed by itself.
    if (last) place = { ...place, sweep: moved }
    const batch = recordsOf([...all.values()], context)
    const { added: more } = keeper.keep(last && page.next !== null ? { ...batch, place } : batch)
    added += more
    if (!last) await breathe()
  }
  return { place, added }
}

function checkCursor(next: unknown, before: unknown, earlier: Set<string>): void {
  if (next === null) return
  const text = JSON.stringify(next)
  if (text.length > longestCursor)
    throw new MdmFault(
      "lasting",
      `the next page has an address of more than ${longestCursor} bytes`,
    )
  if (text === JSON.stringify(before)) throw endless("a next page that is the page itself")
  const hash = createHash("sha256").update(text).digest("base64url").slice(0, 16)
  if (earlier.has(hash)) throw endless("a next page that was read in this sweep")
  earlier.add(hash)
}

function endless(what: string): MdmFault {
  return new MdmFault("lasting", `the MDM never ends: ${what}`)
}

function tooMany(maxDevices: number): MdmFault {
  return endless(`more than ${maxDevices} devices (max-devices)`)
}

/** The server does not know the page that we ask for. */
function isLapsed(error: unknown): boolean {
  return error instanceof MdmFault && [400, 404, 410].includes(error.status ?? 0)
}
