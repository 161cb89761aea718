/**
 * App events by the names of the device that they are about: of a fleet's events a judgement reads those that
 * may be of its device, and no others. Whether they are, the join decides.
 */
import type { Database } from "better-sqlite3"
import type { AppEvent, DeviceNames } from "../record/app-event.ts"
import { prepared } from "./prepared.ts"

/** The names of a device, of which any may be missing. An address names none. */
export type EventNames = Omit<DeviceNames, "ip">

const named = `SELECT event_seq AS seq, observed_ms AS ms FROM app_event_names
  WHERE name = ? AND observed_ms >= ? AND observed_ms < ? ORDER BY observed_ms DESC LIMIT ?`
const bodyOf = "SELECT body FROM app_events WHERE seq = ?"
const counted = `SELECT count(*) FROM (SELECT 1 FROM app_events
  WHERE observed_ms >= ? AND observed_ms < ? LIMIT ?)`

/** Events within [from, to) that carry one of these names, oldest first; of more than `limit` the newest. */
export function appEventsNaming(
  db: Database,
  names: EventNames,
  from: number,
  to: number,
  limit: number,
): AppEvent[] {
  const found = new Map<number, number>()
  for (const name of lookedUp(names))
    for (const { seq, ms } of prepared(db, named).all(name, from, to, limit) as Found[])
      found.set(seq, ms)
  return [...found]
    .sort(([a, first], [b, second]) => first - second || a - b)
    .slice(-limit)
    .map(([seq]) => JSON.parse(prepared(db, bodyOf).pluck().get(seq) as string))
}

interface Found {
  seq: number
  ms: number
}

/** How many events lie within [from, to); counts no further than `most`. */
export function appEventCount(db: Database, from: number, to: number, most: number): number {
  return prepared(db, counted).pluck().get(from, to, most) as number
}

/** As the schema writes them (migrations/04-judging.ts). */
function lookedUp(names: EventNames): string[] {
  return Object.entries(names).flatMap(([kind, value]) =>
    value ? [`${kind}:${lookedUpValue(kind, value)}`] : [],
  )
}

function lookedUpValue(kind: string, value: string): string {
  if (/[^ -~]/.test(value)) return "*"
  return kind === "wifi_mac" ? value.toLowerCase().replace(/[:.-]/g, "") : value.toLowerCase()
}
