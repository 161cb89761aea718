/** From what passed on a spliced connection to the flow that the sensor records. */
import type { Flow } from "../../../src/record/flow.ts"
import type { Random } from "../random.ts"
import type { Base } from "./attempt-of.ts"
import type { Exchange, Way } from "./exchange.ts"
import { opaqueOf } from "./opaque-records.ts"
import type { Stack } from "./stacks.ts"

export type Seen = Pick<Flow, "source" | "control" | "register_entry" | "network">

export function flowOf(
  base: Omit<Base, "leaf">,
  seen: Seen,
  stack: Stack,
  way: Way,
  exchange: Exchange,
  random: Random,
): Flow {
  const [how, by] = endOf(exchange, random)
  const { verdict, clientBytes, serverBytes } = opaqueOf(exchange, stack, way, { how, by })
  return {
    ...base,
    ...seen,
    verdict: verdict.verdict,
    reason: exchange.kind === "no-origin" ? exchange.reason : verdict.reason,
    strong: verdict.strong,
    estimated: verdict.estimated,
    tls_version: verdict.tlsVersion === null ? null : way.tls === "13" ? "TLSv1.3" : "TLSv1.2",
    cipher: null,
    client_bytes: clientBytes,
    server_bytes: serverBytes,
    duration_ms: Math.round(durationOf(exchange, way, random)),
    end: how,
    ended_by: by,
  }
}

/** A dial around the sensor that a firewall stopped: refused at once, or not answered. */
export function blockedFlow(base: Omit<Base, "leaf">, began: number, random: Random): Flow {
  const answered = random.chance(0.3)
  return {
    ...base,
    observed_at: new Date(Math.round(began)).toISOString(),
    client_port: random.int(32_768, 60_999),
    sni: null,
    source: "zeek",
    control: true,
    register_entry: null,
    network: "tcp",
    verdict: "direct-attempted",
    reason: answered ? "rejected" : "not answered",
    strong: false,
    estimated: false,
    tls_version: null,
    cipher: null,
    client_bytes: 0,
    server_bytes: 0,
    duration_ms: answered ? 20 : 7_000,
    end: answered ? "rst" : "timeout",
    ended_by: answered ? "origin" : null,
  }
}

function endOf(
  exchange: Exchange,
  random: Random,
): ["fin" | "rst" | "timeout", "client" | "origin" | "sensor"] {
  switch (exchange.kind) {
    case "used":
    case "unused":
      return ["fin", "client"]
    case "ended":
      return [random.pick(exchange.ending.ends), "client"]
    case "no-origin":
      return ["fin", "origin"]
    case "lost":
      return [exchange.how, exchange.how === "timeout" ? "sensor" : "client"]
  }
}

function durationOf(exchange: Exchange, { rttMs, slowness }: Way, random: Random): number {
  const handshake = 3 * rttMs + random.between(20, 120)
  switch (exchange.kind) {
    case "used":
    case "unused":
      return handshake + exchange.lastsMs
    case "ended":
      return handshake + random.spread(exchange.ending.ms) * slowness
    case "no-origin":
      return handshake + random.between(50, 3_000)
    case "lost":
      if (exchange.leftAfterMs !== undefined) return exchange.leftAfterMs
      return exchange.how === "timeout" ? random.between(8_000, 20_000) : random.between(300, 6_000)
  }
}
