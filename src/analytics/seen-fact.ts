/**
 * What the analytics read of an attempt or a flow, and nothing else: a device's day is kept in memory, and a
 * whole attempt takes 2 KiB. In: facts. Out: their part; attempts that agree in it share one object,
 * because a client comes back to the same places with the same stack.
 */
import { type Attempt, isRefusal } from "../record/attempt.ts"
import type { Flow } from "../record/flow.ts"

type Both =
  | "tenant"
  | "site"
  | "sensor_id"
  | "issuing_ca"
  | "sensor_config"
  | "sni"
  | "connect_host"
  | "ech_offered"
  | "stack"
  | "end"

export interface SeenAttempt extends Pick<Attempt, Both | "outcome" | "strength" | "alert"> {
  upstream: Pick<Attempt["upstream"], "status" | "public_trust">
}

export type SeenFlow = Pick<
  Flow,
  | Both
  | "source"
  | "decision"
  | "splice_cause"
  | "control"
  | "register_entry"
  | "verdict"
  | "strong"
  | "client_bytes"
  | "server_bytes"
  | "duration_ms"
  | "ended_by"
>

/** The part of a kind of fact. */
export type Seen<Fact extends Attempt | Flow> = Fact extends Attempt ? SeenAttempt : SeenFlow

/** Parts that are shared; beyond it all are forgotten, and those that are in use stay as they are. 800 bytes
 * each. */
const most = 20_000

/** Owned state: the parts that were met. */
export class SeenFacts {
  readonly #attempts = new Map<string, SeenAttempt>()

  attempt(fact: Attempt): SeenAttempt {
    const { upstream } = fact
    const { outcome, strength } = ofGoodLeaf(fact)
    const key =
      `${fact.sni}|${fact.stack}|${outcome}|${strength}|${fact.alert}|${fact.end}|` +
      `${upstream.status}|${upstream.public_trust}|${fact.connect_host}|${fact.ech_offered}|` +
      `${fact.issuing_ca}|${fact.sensor_config}|${fact.sensor_id}|${fact.site}|${fact.tenant}`
    const known = this.#attempts.get(key)
    if (known) return known
    if (this.#attempts.size >= most) this.#attempts.clear()
    const part = {
      ...both(fact),
      outcome,
      strength,
      alert: fact.alert,
      end: fact.end,
      upstream: { status: upstream.status, public_trust: upstream.public_trust },
    }
    this.#attempts.set(key, part)
    return part
  }

  flow(fact: Flow): SeenFlow {
    return {
      ...both(fact),
      source: fact.source,
      decision: fact.decision,
      splice_cause: fact.splice_cause,
      control: fact.control,
      register_entry: fact.register_entry,
      verdict: fact.verdict,
      strong: fact.strong,
      client_bytes: fact.client_bytes,
      server_bytes: fact.server_bytes,
      duration_ms: fact.duration_ms,
      end: fact.end,
      ended_by: fact.ended_by,
    }
  }
}

/** Whoever refuses a leaf that failed our own check is right to, pins or not: the sensor says so itself (outcome.ts),
 * records from elsewhere may not. */
function ofGoodLeaf({ outcome, strength, leaf_check }: Attempt) {
  if (leaf_check === null || leaf_check === "ok" || !isRefusal(outcome))
    return { outcome, strength }
  return { outcome: "validity", strength: null } as const
}

function both(fact: Attempt | Flow): Omit<Pick<Attempt | Flow, Both>, "end"> {
  return {
    tenant: fact.tenant,
    site: fact.site,
    sensor_id: fact.sensor_id,
    issuing_ca: fact.issuing_ca,
    sensor_config: fact.sensor_config,
    sni: fact.sni,
    connect_host: fact.connect_host,
    ech_offered: fact.ech_offered,
    stack: fact.stack,
  }
}
