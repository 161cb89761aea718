/**
 * From what passed on an inspected connection to the attempt that the sensor records: phase facts with
 * times and bytes, and the outcome that the sensor's own rule gives to them. It must not know why the
 * client did it.
 */
import { outcomeOf } from "../../../src/observe/outcome.ts"
import { attemptToken } from "../../../src/observe/token.ts"
import type { Attempt, AttemptFacts, Phase } from "../../../src/record/attempt.ts"
import type { Random } from "../random.ts"
import type { Exchange, Way } from "./exchange.ts"
import type { Stack } from "./stacks.ts"

type PhaseFacts = Pick<
  AttemptFacts,
  | "phases"
  | "alert"
  | "alert_level"
  | "alert_from"
  | "alert_after_finished"
  | "close_notify_from"
  | "end"
  | "ended_by"
  | "client_app_bytes"
  | "client_turns"
  | "delivered_app_bytes"
  | "h2_headers"
>

/** What the connection is, beside what passed on it. */
export type Base = Omit<
  AttemptFacts,
  | keyof PhaseFacts
  | "alpn_chosen"
  | "tls_version"
  | "cipher"
  | "group"
  | "hello_fault"
  | "rtt_ms"
  | "retransmits"
  | "leaf_check"
  | "upstream"
>

/** An accepted connection is written so long after the acceptance, open or not. */
const writtenAfterMs = 5_000

export function attemptOf(
  base: Base,
  stack: Stack,
  way: Way,
  exchange: Exchange,
  random: Random,
): Attempt {
  const { tls } = way
  const alpn = stack.alpn[0] ?? null
  const shown = exchange.kind !== "no-origin" && !isBeforeCertificate(exchange)
  const facts: AttemptFacts = {
    ...base,
    ...phaseFacts(stack, way, exchange, random),
    alpn_chosen: shown ? alpn : null,
    tls_version: shown ? (tls === "13" ? "TLSv1.3" : "TLSv1.2") : null,
    cipher: shown ? cipherOf(stack, way) : null,
    group: shown ? "X25519" : null,
    hello_fault: null,
    rtt_ms: round(way.rttMs),
    retransmits: isLostOnTheWay(exchange) ? random.int(1, 4) : 0,
    leaf_check: shown ? "ok" : null,
    upstream: upstreamOf(exchange, way, alpn),
  }
  return { ...facts, ...outcomeOf(facts), token: attemptToken(facts) }
}

function isLostOnTheWay(exchange: Exchange): boolean {
  return exchange.kind === "lost" && exchange.leftAfterMs === undefined
}

function isBeforeCertificate(exchange: Exchange): boolean {
  return exchange.kind === "lost" && exchange.before !== "finished"
}

function cipherOf(stack: Stack, { tls }: Way): string {
  if (tls === "12") return "ECDHE-ECDSA-AES128-GCM-SHA256"
  return stack.finishedRecord === 53 ? "TLS_AES_128_GCM_SHA256" : "TLS_AES_256_GCM_SHA384"
}

function upstreamOf(exchange: Exchange, way: Way, alpn: string | null): AttemptFacts["upstream"] {
  const good = exchange.kind !== "no-origin"
  return {
    status:
      exchange.kind === "no-origin"
        ? exchange.status
        : way.firstContact
          ? "verified"
          : "remembered",
    reason: exchange.kind === "no-origin" ? exchange.reason : null,
    leaf: good ? "d4".repeat(32) : null,
    issuer: good ? "CN=Public CA" : null,
    tls_version: good ? "TLSv1.3" : null,
    alpn: good ? alpn : null,
    client_certificate: good
      ? "none"
      : exchange.status === "wants-client-certificate"
        ? "required"
        : null,
    public_trust: good ? true : exchange.status === "untrusted" ? false : null,
  }
}

function phaseFacts(stack: Stack, way: Way, exchange: Exchange, random: Random): PhaseFacts {
  const { rttMs, tls, slowness } = way
  const upstreamMs = way.firstContact ? random.skewed(60, 1.7) : random.between(0.5, 3)
  const tickets = tls === "13" ? 510 : 0
  const flight = random.int(1_050, 1_800)
  const hello = point(rttMs + random.between(0.2, 1), stack.helloBytes, 0)
  const certificate = point(hello.ms + upstreamMs, stack.helloBytes, flight)
  const delivered = point(certificate.ms + rttMs, stack.helloBytes, flight)
  const finishedIn = stack.helloBytes + stack.finishedBytes[tls]
  const finishedMs = delivered.ms + random.between(2, 9) * slowness
  const finished = point(finishedMs, finishedIn, flight)
  const shown = { hello, certificate, delivered }
  switch (exchange.kind) {
    case "used": {
      const firstMs = finished.ms + random.between(0.3, 8) * slowness
      const endMs = firstMs + exchange.lastsMs
      const open = exchange.lastsMs > writtenAfterMs
      const bytes_in = finishedIn + exchange.asked + 22 * exchange.turns
      return {
        ...quiet,
        phases: {
          ...shown,
          finished,
          first_data: point(firstMs, finishedIn + exchange.asked, flight + tickets),
          closed: open ? null : point(endMs, bytes_in, flight + tickets + exchange.answered),
        },
        close_notify_from: open ? null : "client",
        end: open ? "none" : "fin",
        ended_by: open ? null : "client",
        client_app_bytes: exchange.asked,
        client_turns: exchange.turns,
        delivered_app_bytes: exchange.answered,
        h2_headers: stack.alpn.includes("h2") ? true : null,
      }
    }
    case "ended": {
      const { ending } = exchange
      const tookMs = random.spread(ending.ms) * slowness
      const closedMs = certificate.ms + rttMs + tookMs
      // The Finished came a part of the way: what the check itself took is the rest.
      const done = point(
        Math.min(finishedMs, certificate.ms + rttMs + tookMs * random.between(0.2, 0.8)),
        finishedIn,
        flight,
      )
      const read = (ending.finished ? finishedIn : stack.helloBytes) + ending.bytes
      const end = random.pick(ending.ends)
      return {
        ...quiet,
        phases: {
          ...shown,
          finished: ending.finished ? done : null,
          first_data: null,
          closed: point(closedMs, read, flight + (ending.finished ? tickets : 0)),
        },
        alert: ending.alert,
        alert_level: ending.alert === null ? null : "fatal",
        alert_from: ending.alert === null ? null : "client",
        alert_after_finished: ending.alert === null ? null : (ending.alertAfter ?? false),
        close_notify_from: ending.closeNotify ? "client" : null,
        end: ending.finished && tls === "12" && end === "rst" ? "fin" : end,
        ended_by: "client",
      }
    }
    case "unused": {
      const preface = exchange.preface ? 93 : 0
      const said = {
        client_app_bytes: preface,
        h2_headers: stack.alpn.includes("h2") ? false : null,
      }
      return {
        ...quiet,
        ...said,
        phases: {
          ...shown,
          finished,
          first_data: exchange.preface
            ? point(finished.ms + 1, finishedIn + preface, flight)
            : null,
          closed: point(
            finished.ms + exchange.lastsMs,
            finishedIn + preface + 24,
            flight + tickets,
          ),
        },
        client_turns: exchange.preface ? 1 : 0,
        close_notify_from: "client",
        end: tls === "13" && random.chance(0.3) ? "rst" : "fin",
        ended_by: "client",
      }
    }
    case "no-origin":
      return {
        ...quiet,
        phases: {
          ...unreached,
          hello,
          closed: point(hello.ms + upstreamMs * 3, stack.helloBytes, 0),
        },
        end: "fin",
        ended_by: "sensor",
      }
    case "lost":
      return exchange.leftAfterMs === undefined
        ? lost(exchange, shown, way, random)
        : left(exchange, exchange.leftAfterMs, shown, way, random)
  }
}

/** Retransmitted for some seconds, then given up by either side. */
function lost(
  { before, how }: Extract<Exchange, { kind: "lost" }>,
  shown: Pick<AttemptFacts["phases"], "hello" | "certificate" | "delivered">,
  { rttMs }: Way,
  random: Random,
): PhaseFacts {
  const afterMs = how === "timeout" ? random.between(8_000, 20_000) : random.between(300, 6_000)
  const phases = {
    ...unreached,
    hello: before === "hello" ? null : shown.hello,
    certificate: before === "finished" ? shown.certificate : null,
    // Half of what is lost then was delivered: it was the way back that broke.
    delivered: before === "finished" && random.chance(0.5) ? shown.delivered : null,
  }
  return {
    ...quiet,
    phases: { ...phases, closed: point(rttMs + afterMs, shown.hello?.bytes_in ?? 0, 0) },
    end: how,
    ended_by: how === "timeout" ? "sensor" : "client",
  }
}

/** Dropped by the client: before our Certificate was sent, or while that was under way or being checked. */
function left(
  { before, how }: Extract<Exchange, { kind: "lost" }>,
  afterMs: number,
  shown: Record<"hello" | "certificate" | "delivered", Phase>,
  { rttMs }: Way,
  random: Random,
): PhaseFacts {
  const { hello, certificate, delivered } = shown
  const isShown = before === "finished"
  const closedMs = isShown
    ? Math.max(afterMs, certificate.ms + rttMs * random.between(0.5, 2))
    : Math.max(afterMs, hello.ms)
  return {
    ...quiet,
    phases: {
      ...unreached,
      hello,
      certificate: isShown ? certificate : null,
      delivered: isShown && closedMs >= delivered.ms ? delivered : null,
      closed: point(closedMs, hello.bytes_in, isShown ? certificate.bytes_out : 0),
    },
    end: how,
  }
}

const unreached = {
  hello: null,
  certificate: null,
  delivered: null,
  finished: null,
  first_data: null,
  closed: null,
}

const quiet: Omit<PhaseFacts, "phases"> = {
  alert: null,
  alert_level: null,
  alert_from: null,
  alert_after_finished: null,
  close_notify_from: null,
  end: "fin",
  ended_by: "client",
  client_app_bytes: 0,
  client_turns: 0,
  delivered_app_bytes: 0,
  h2_headers: null,
}

function point(ms: number, bytes_in: number, bytes_out: number): Phase {
  return { ms: round(ms), bytes_in: Math.round(bytes_in), bytes_out: Math.round(bytes_out) }
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
