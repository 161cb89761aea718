/**
 * What the rules of other tools say of a connection (SIGNATURES.md, sections a.3 and c.1), kept with its
 * case. They see the same connections; IMC's second run without interception is what the world knows
 * would have come of it.
 */

import type { Exchange, Way } from "../wire/exchange.ts"
import { stacks } from "../wire/stacks.ts"
import type { Case } from "./case-book.ts"

/** "unknown ca", "bad certificate", "certificate unknown". */
const mitmproxyAlerts: ReadonlySet<number> = new Set([42, 46, 48])
/** "alert certificate ...", "alert bad certificate", "alert unknown ca". */
const mockttpAlerts: ReadonlySet<number> = new Set([42, 44, 45, 46, 48])

/** By case, for IMC: some stream was used; some was closed by the client. Kept with the case itself. */
const streams = new WeakMap<Case, { used: boolean; closed: boolean; works: boolean }>()

export function claimsOf(known: Case, exchange: Exchange, way: Way, works: boolean): void {
  const { claims } = known
  if (exchange.kind === "ended") {
    const { alert, finished } = exchange.ending
    if (alert !== null && mitmproxyAlerts.has(alert)) claims.mitmproxy = true
    if (alert !== null && mockttpAlerts.has(alert)) claims.mockttp = true
    if (finished && alert === null && endedFast(exchange.ending.ms[1] * way.slowness, way))
      claims.mockttp = true
  }
  // An h2 preface counts as an acceptance there.
  if (exchange.kind === "unused" && !exchange.preface && endedFast(exchange.lastsMs, way))
    claims.mockttp = true
  imc(known, exchange, way, works)
}

/** Within max(10 x TLS setup time, 100 ms). */
function endedFast(ms: number, { rttMs }: Way): boolean {
  return ms <= Math.max(100, 10 * (2 * rttMs + 10))
}

/** Pinned: never used and closed by the client under interception, and used without it. */
function imc(known: Case, exchange: Exchange, { tls }: Way, works: boolean): void {
  const seen = streams.get(known) ?? { used: false, closed: false, works: false }
  streams.set(known, seen)
  if (exchange.kind === "no-origin") return
  seen.works ||= works
  if (exchange.kind === "lost")
    seen.closed ||= exchange.before === "finished" && exchange.how !== "timeout"
  else {
    seen.closed = true
    seen.used ||= isUsed(recordsOf(exchange, tls), tls)
  }
  known.claims.imc = !seen.used && seen.closed && seen.works
}

/** TLS 1.2: one data record; TLS 1.3: more than two, or two and the second is not of 19 bytes. */
function isUsed(records: readonly number[], tls: Way["tls"]): boolean {
  if (tls === "12") return records.length >= 1
  return records.length > 2 || (records.length === 2 && records[1] !== 19)
}

/** Lengths of the client's data records: in TLS 1.3 those of Finished and of alerts, too. */
function recordsOf(
  exchange: Exclude<Exchange, { kind: "lost" | "no-origin" }>,
  tls: Way["tls"],
): readonly number[] {
  if (exchange.kind === "ended") return exchange.ending.records
  const sent = exchange.kind === "used" ? [exchange.asked + 17] : exchange.preface ? [110] : []
  return tls === "12" ? sent : [stacks.conscrypt.finishedRecord, ...sent, 19]
}
