/**
 * From the phase facts of an attempt to what we call it. Comes in: AttemptFacts; goes out: the
 * outcome and how much it counts. Pure, so that replay can judge stored facts with other windows.
 * It must not know host names, TLS stacks or earlier attempts.
 */
import { type Attempt, type AttemptFacts, isRefusal, type Outcome } from "../record/attempt.ts"
import { alertMeaning } from "./alert-names.ts"

/**
 * How soon after its Finished a client must close, without a byte either way, to have refused:
 * `factor` times the handshake (ServerHello to Finished), within `min` and `max` milliseconds.
 */
export interface FastWindow {
  factor: number
  min: number
  max: number
}

export const defaultFastWindow: FastWindow = { factor: 10, min: 500, max: 2_000 }

export type OutcomeJudgement = Pick<Attempt, "outcome" | "strength" | "mark">

/** The outcome of an attempt by the table of docs/outcomes.md. */
export function outcomeOf(
  facts: AttemptFacts,
  window: FastWindow = defaultFastWindow,
): OutcomeJudgement {
  if (facts.decision === "block") return plain("blocked")
  if (facts.hello_fault !== null) return plain("not-tls")
  if (!facts.phases.hello) return plain(facts.end === "timeout" ? "timed-out" : "abandoned")
  const judged =
    ofOrigin(facts) ??
    ofData(facts) ??
    ofAlert(facts) ??
    (facts.phases.finished ? ofSilence(facts, window) : ofInterruption(facts))
  return judged.strength !== null && ownLeafBad(facts) ? plain("validity") : judged
}

/** The leaf failed our own check (expired with its CA, a name that no certificate can hold): whoever
 * refuses it is right to, pins or not. */
function ownLeafBad({ leaf_check }: AttemptFacts): boolean {
  return leaf_check !== null && leaf_check !== "ok"
}

/** The origin's fault is nothing the client did, whatever it did afterwards. */
function ofOrigin(facts: AttemptFacts): OutcomeJudgement | null {
  switch (facts.upstream.status) {
    case "wants-client-certificate":
      return plain("origin-wants-client-certificate")
    case "unreachable":
    case "untrusted":
    case "changed":
    case "failed":
      return plain("origin-failed")
    case "not-contacted":
    case "verified":
    case "remembered":
      return null
  }
}

/** Decrypted application data proves acceptance; on h2 only a request does (RFC 9113 section 3.4:
 * preface and SETTINGS may leave before the application looked at the certificate). */
function ofData(facts: AttemptFacts): OutcomeJudgement | null {
  if (facts.client_app_bytes === 0) return null
  if (facts.alpn_chosen === "h2" && facts.h2_headers === false)
    return ofAlert(facts) ?? plain("idle", "preface_only")
  const small = facts.client_turns === 1 && facts.ended_by === "client"
  return plain("accepted", small ? "accepted_small" : null)
}

function ofAlert(facts: AttemptFacts): OutcomeJudgement | null {
  if (facts.alert_from === "sensor") return plain("not-negotiated")
  if (facts.alert === null) return null
  const meaning = alertMeaning(facts.alert)
  if (meaning === "closing") return null
  if (!facts.phases.certificate || meaning === "negotiation") return plain("not-negotiated")
  if (meaning === "validity") return plain("validity")
  return refusal("refused-alert", facts)
}

/** Finished, and not one byte of the application. */
function ofSilence(facts: AttemptFacts, window: FastWindow): OutcomeJudgement {
  const { certificate, finished, closed } = facts.phases
  if (!certificate || !finished || !closed) return plain("idle")
  if (facts.ended_by !== "client" || facts.delivered_app_bytes > 0) return plain("idle")
  const handshake = finished.ms - certificate.ms
  const limit = Math.min(window.max, Math.max(window.min, window.factor * handshake))
  if (closed.ms - finished.ms > limit) return plain("idle")
  return refusal("refused-after-handshake", facts)
}

/** Ended before the client's Finished, without an alert that says why. */
function ofInterruption(facts: AttemptFacts): OutcomeJudgement {
  const { certificate, delivered, closed } = facts.phases
  if (facts.end === "timeout") return plain("timed-out")
  if (!certificate || !delivered || !closed || facts.ended_by !== "client")
    return plain("abandoned")
  // Nobody can have judged a certificate sooner than it takes to arrive and be answered.
  if (closed.ms - certificate.ms < (facts.rtt_ms ?? 0)) return plain("abandoned")
  return refusal(facts.end === "rst" ? "refused-reset" : "refused-close", facts)
}

function refusal(outcome: Outcome, facts: AttemptFacts): OutcomeJudgement {
  return { outcome, strength: strengthOf(outcome, facts), mark: null }
}

/** How much an outcome counts against our certificate, by whatever it was called so; null if it does not. */
export function strengthOf(
  outcome: Outcome,
  { alert, transport }: Pick<AttemptFacts, "alert" | "transport">,
): Attempt["strength"] {
  if (!isRefusal(outcome)) return null
  if (outcome === "refused-alert")
    return alert !== null && alertMeaning(alert) === "strong-refusal" ? "strong" : "weak"
  // Behind something that ends TCP a close or a reset may be its own doing.
  return transport === "relayed" ? "weak" : "strong"
}

function plain(outcome: Outcome, mark: OutcomeJudgement["mark"] = null): OutcomeJudgement {
  return { outcome, strength: null, mark }
}
