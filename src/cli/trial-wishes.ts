/**
 * Who wants a trial, read back from what is stored: open findings that wait for a control flow, and
 * the evidence that they name. So the verb says the same whether the sensor runs or not.
 */
import { echCeiling } from "../analytics/scope.ts"
import type { Store } from "../evidence/store.ts"
import type { Wish } from "../policy/trial/why-not-armed.ts"
import type { Finding } from "../record/finding.ts"

/** Findings looked at: each costs a read for each record of its evidence, 10 us. */
const most = 500

export interface StoredWish {
  tenant: string
  wish: Wish
  /** First evidence that was looked at. */
  since: string
}

export function wishes(store: Store): StoredWish[] {
  const found: StoredWish[] = []
  for (const finding of store.all("findings")) {
    if (finding.state !== "open") continue
    if (finding.verdict !== "suspected" && finding.verdict !== "probable") continue
    const { tenant, first_seen: since } = finding
    found.push({ tenant, wish: wishOf(finding, store), since })
    if (found.length === most) break
  }
  return found
}

function wishOf(finding: Finding, store: Store): Wish {
  const { key, verdict, device_attribution: device, reasons, evidence_ids } = finding
  const attempts = evidence_ids.flatMap((id) => store.get("attempts", id) ?? [])
  const flows = evidence_ids.flatMap((id) => store.get("flows", id) ?? [])
  const refusals = attempts
    .filter(({ strength }) => strength !== null)
    .sort((a, b) => (a.observed_at < b.observed_at ? -1 : 1))
  const strong = refusals.findLast(({ strength }) => strength === "strong")
  const last = refusals.at(-1)
  return {
    key,
    verdict,
    device,
    // Of many names of one domain none comes again.
    sni: key.destination.startsWith("*.") ? null : (last?.sni ?? null),
    // No finding stores it; those that are looked at need none.
    app_accepts: 0,
    upstream_verified: refusals.some(({ upstream }) =>
      ["verified", "remembered"].includes(upstream.status),
    ),
    ceilings: reasons.filter((reason) => reason === echCeiling),
    control_strong: flows.filter((flow) => flow.control && flow.strong).map(({ id }) => id),
    last_refusal_ms: strong ? Date.parse(strong.observed_at) : null,
  }
}
