/**
 * Which page is asked for next. In: how the mapping pages, and what the last answer said. Out: the
 * query of the next page, or the end; or a fault, where a server would have us read for ever.
 */
import { createHash } from "node:crypto"
import { z } from "zod"
import type { Fault } from "./field.ts"
import { isFault, readBoolean } from "./field.ts"
import type { ListCall, Paging } from "./mapping.ts"
import { at, pointerText } from "./pointer.ts"

/** Longer cursors and links are refused. */
const longestCursor = 4_096

/** Where a listing stands. */
export const ListPlace = z.strictObject({
  /** Pages and rows that were read. */
  pages: z.int().default(0),
  rows: z.int().default(0),
  /** The cursor, token or link that leads on; null at the first page. */
  next: z.string().nullable().default(null),
  /** Of the rows of the last page: a server that does not page gives them again. */
  print: z.string().default(""),
})
export type ListPlace = z.infer<typeof ListPlace>

/** What the paging adds to the query; a link stands in place of path and query. */
export function pageQuery(paging: Paging, place: ListPlace): Record<string, string> {
  const size =
    paging.kind === "none" || !paging.size
      ? {}
      : { [paging.size.parameter]: String(paging.size.rows) }
  switch (paging.kind) {
    case "none":
    case "link":
      return size
    case "page":
      return { ...size, [paging.parameter]: String(paging.first + place.pages) }
    case "offset":
      return { ...size, [paging.parameter]: String(paging.first + place.rows) }
    case "cursor":
    case "token":
      return place.next === null ? size : { ...size, [paging.parameter]: place.next }
  }
}

export interface ListPage {
  rows: readonly unknown[]
  /** How many there are in all, where the server says. */
  total: number | null
  /** Null: this was the last page. */
  next: ListPlace | null
}

/** Reads one answer. A page without its list of rows is a fault: an error page is no empty fleet. */
export function readPage(call: ListCall, place: ListPlace, answer: unknown): ListPage | Fault {
  const rows: unknown = at(answer, call.rows)
  if (!Array.isArray(rows))
    return { fault: `has no list at ${pointerText(call.rows) || "its top"}` }
  const total = call.total ? readCount(at(answer, call.total)) : null
  const more = call.more ? readBoolean(call.more, answer) : null
  if (isFault(more)) return { fault: `more: ${more.fault}` }
  const next = more === false ? null : nextOf(call.paging, place, rows, total, answer)
  return isFault(next) ? next : { rows, total, next }
}

function nextOf(
  paging: Paging,
  place: ListPlace,
  rows: readonly unknown[],
  total: number | null,
  answer: unknown,
): ListPlace | null | Fault {
  const print = printOf(rows)
  const read = { pages: place.pages + 1, rows: place.rows + rows.length, next: null, print }
  if (rows.length > 0 && place.pages > 0 && print === place.print)
    return { fault: "is the page before it again: it is not paged as the mapping says" }
  switch (paging.kind) {
    case "none":
      return null
    // Servers give less than the size that was asked for, so a short page is not the last one.
    case "page":
    case "offset":
      return rows.length === 0 || (total !== null && read.rows >= total) ? null : read
    case "cursor": {
      if (rows.length === 0) return null
      const next = readCursor(at(rows.at(-1), paging.from))
      if (isFault(next)) return next
      return next === null
        ? { fault: `has no ${pointerText(paging.from)} in its last row` }
        : { ...read, next }
    }
    case "token":
    case "link": {
      const next = readCursor(at(answer, paging.next))
      if (isFault(next)) return next
      return next === null ? null : { ...read, next }
    }
  }
}

function readCount(value: unknown): number | null {
  const count = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value
  return typeof count === "number" && Number.isSafeInteger(count) && count >= 0 ? count : null
}

/** Null where none stands: that is the end. What cannot be followed is no end, else devices were lost in silence. */
function readCursor(value: unknown): string | null | Fault {
  if (value === undefined || value === null || value === "" || value === false) return null
  const text = typeof value === "number" && Number.isFinite(value) ? String(value) : value
  if (typeof text !== "string") return { fault: "leads on to what is no text" }
  return text.length > longestCursor
    ? { fault: `leads on to a page of more than ${longestCursor} characters` }
    : text
}

function printOf(rows: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(rows)).digest("base64url").slice(0, 16)
}
