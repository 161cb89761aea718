/** Flows of taps around a finding that the join did not count, and why: sessions of ours, and what may be. */
import type { Store } from "../../evidence/store.ts"
import { OwnSessions, ownSessionReach, type Standing } from "../../identity/own-sessions.ts"
import { type JoinSettings, joinDefaults } from "../../identity/settings.ts"
import type { Finding } from "../../record/finding.ts"

/** Records of one client that are looked at; the newest count. */
const mostRecords = 5_000

export interface LeftOut {
  is: Exclude<Standing["is"], "direct">
  count: number
  /** Of the last of them. */
  at: string
  because: string
}

export function leftOut(
  store: Pick<Store, "attemptsOf" | "flowsOf">,
  { first_seen, last_seen, tenant }: Finding,
  clients: readonly string[],
  settings: JoinSettings = joinDefaults,
): LeftOut[] {
  const { before, after } = ownSessionReach(settings.flowSkewMs)
  const [from, to] = [Date.parse(first_seen) - before, Date.parse(last_seen) + after + 1]
  const ours = ({ tenant: of }: { tenant: string }) => of === tenant
  const attempts = clients.flatMap((ip) => store.attemptsOf(ip, from, to, mostRecords).filter(ours))
  const flows = clients.flatMap((ip) => store.flowsOf(ip, from, to, mostRecords).filter(ours))
  const own = new OwnSessions({ attempts, flows }, settings)
  const found = new Map<string, LeftOut>()
  for (const flow of flows) {
    if (flow.source === "sensor" || flow.observed_at < first_seen || flow.observed_at > last_seen)
      continue
    const standing = own.standing(flow)
    if (standing.is === "direct") continue
    const { is, because } = standing
    const known = found.get(is)
    const count = (known?.count ?? 0) + 1
    const isLast = known === undefined || flow.observed_at >= known.at
    found.set(is, isLast ? { is, count, at: flow.observed_at, because } : { ...known, count })
  }
  return [...found.values()].sort((a, b) => (a.is < b.is ? -1 : 1))
}
