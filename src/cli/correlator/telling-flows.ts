/**
 * Imported flows as they tell something: a session of ours that a tap saw, too, is told by us already. In: a
 * batch of facts, and the store for what was around them. Out: each flow as it counts, or null. A session of ours
 * that is stored only after the tap's flow was learned from is not known here; judging a device again knows it.
 */
import { listenersOf } from "../../config.ts"
import { OwnSessions } from "../../identity/own-sessions.ts"
import { joinSettings } from "../../identity/settings.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Flow } from "../../record/flow.ts"
import type { EvidenceParts, Span } from "./evidence-parts.ts"

type Parts = Pick<EvidenceParts, "config"> & {
  store: Pick<EvidenceParts["store"], "attemptsOf" | "flowsOf">
}

/** What is read is bounded by the batch: of each imported flow the seconds around it, of its client. */
export function tellingFlows(
  { store, config }: Parts,
  flows: readonly Flow[],
): (flow: Flow) => Flow | null {
  const imported = flows.filter(({ source }) => source !== "sensor")
  if (imported.length === 0) return (flow) => flow
  const skew = config.identity["flow-skew"]
  const around: { attempts: Attempt[]; flows: Flow[] } = { attempts: [], flows: [] }
  for (const [client, its] of Map.groupBy(imported, ({ client_ip }) => client_ip))
    for (const { from, to } of spansOf(its, skew)) {
      around.attempts.push(...store.attemptsOf(client, from, to))
      around.flows.push(...store.flowsOf(client, from, to))
    }
  const listeners = listenersOf(config).map(({ listen }) => listen)
  const own = new OwnSessions(around, joinSettings(config.identity, listeners))
  return (flow) => own.telling([flow])[0] ?? null
}

/** Times around flows, so that none is read twice. */
function spansOf(flows: readonly Flow[], skew: number): Span[] {
  const times = flows.map(({ observed_at }) => Date.parse(observed_at)).sort((a, b) => a - b)
  const spans: Span[] = []
  for (const time of times) {
    const last = spans.at(-1)
    const from = Math.max(0, time - skew)
    const to = Math.min(time + skew + 1, Number.MAX_SAFE_INTEGER)
    if (last && from <= last.to) last.to = to
    else spans.push({ from, to })
  }
  return spans
}
