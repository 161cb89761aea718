/** What reading the evidence of devices needs, live and in replay. */
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import type { Inventory } from "../../identity/inventory.ts"
import type { Unusable } from "./unusable.ts"

export interface EvidenceParts {
  store: Pick<
    Store,
    | "attemptsOf"
    | "flowsOf"
    | "beginOfNewest"
    | "appEventsBetween"
    | "appEventsNaming"
    | "appEventCount"
  >
  config: Config
  inventory: { readonly current: Inventory }
  unusable: Unusable
}

/** Half open, in epoch milliseconds of event time. */
export interface Span {
  from: number
  to: number
}

/** How long before a connection an app event may still tell of it, and how long after, in milliseconds. */
export function eventReach({ identity }: Config): { before: number; after: number } {
  const after = identity["connect-tolerance"]
  return { before: identity["lookup-before"] + after, after }
}

/** Those that meet as one. */
export function merged(spans: readonly Span[]): Span[] {
  const found: Span[] = []
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = found.at(-1)
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to)
    else found.push({ ...span })
  }
  return found
}
