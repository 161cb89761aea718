/**
 * What of each connection coverage counts. In: an attributed attempt or flow. Out: words, each to be
 * counted once for the connection, with its bytes. Counts of hours can be added up in any order.
 */
import type { Attempt } from "../record/attempt.ts"
import type { Attributed, Attribution } from "../record/attributed.ts"
import type { Flow } from "../record/flow.ts"

export interface Counted {
  words: string[]
  bytes: number
}

/**
 * Bytes of an attempt are those up to its record, which of a long connection is written seconds after its
 * acceptance: what was inspected is more than it says, never less.
 */
export function countAttempt({ fact, who }: Attributed<Attempt>): Counted {
  const words = ["all", ...ofConnection(fact), ...ofWho(who)]
  if (fact.decision === "inspect") words.push("inspected")
  if (fact.decision === "block") words.push("blocked")
  return { words, bytes: fact.client_app_bytes + fact.delivered_app_bytes }
}

/** Flows that others saw are of interest where they went around the sensor; else they are our own. */
export function countFlow({ fact, who }: Attributed<Flow>): Counted {
  const bytes = fact.client_bytes + fact.server_bytes
  if (fact.source !== "sensor" && !fact.control) return { words: [], bytes }
  const words = ["all", ...ofConnection(fact), ...ofWho(who)]
  if (fact.network === "quic") words.push("quic")
  words.push(`opaque:${fact.source === "sensor" ? (fact.splice_cause ?? "unknown") : "direct"}`)
  return { words, bytes }
}

function ofConnection(fact: Attempt | Flow): string[] {
  // GREASE looks like the extension; another name outside than inside does not.
  const hidden = fact.ech_offered && fact.name_agrees === false
  return [...(fact.sni === null ? ["no-sni"] : []), ...(hidden ? ["ech"] : [])]
}

function ofWho(who: Attribution): string[] {
  return [...(who.device === "bound" ? [] : [who.device]), `app:${who.app}`]
}
