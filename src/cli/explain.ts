/** `pinsensor explain FINDING [--json] [--data DIR]`: what a finding rests on, for a human. */
import { parseArgs } from "node:util"
import { openStore } from "../evidence/open.ts"
import type { Store } from "../evidence/store.ts"
import type { Attempt } from "../record/attempt.ts"
import type { Finding } from "../record/finding.ts"
import type { Flow } from "../record/flow.ts"
import { dataConfig, dataFlags } from "./data-flags.ts"

export function explain(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...dataFlags, json: { type: "boolean" } },
    allowPositionals: true,
  })
  const [id] = positionals
  if (id === undefined) throw new Error("name a finding: its id stands in findings and alerts")
  const store = openStore(dataConfig(values).data)
  try {
    const finding = store.get("findings", id)
    if (!finding)
      throw new Error(`there is no finding ${id}; list them with: pinsensor export findings`)
    const evidence = evidenceOf(finding, store)
    process.stdout.write(
      values.json ? `${JSON.stringify({ finding, evidence }, null, 2)}\n` : text(finding, evidence),
    )
  } finally {
    store.close()
  }
}

/** Attempts and flows behind it, in the order of time. */
function evidenceOf(finding: Finding, store: Store): (Attempt | Flow)[] {
  return finding.evidence_ids
    .flatMap((id) => store.get("attempts", id) ?? store.get("flows", id) ?? [])
    .sort((a, b) => (a.observed_at < b.observed_at ? -1 : 1))
}

function text(finding: Finding, evidence: readonly (Attempt | Flow)[]): string {
  const { key } = finding
  return `${[
    `${finding.analytic} ${finding.analytic_version}: ${finding.verdict}, confidence ${finding.confidence}, severity ${finding.severity}, ${finding.state}`,
    `device       ${key.device_id} (${finding.device_attribution}), profile ${key.profile}, ${finding.platform}`,
    `app          ${key.app_id ?? "unknown"} ${key.app_version ?? ""} (${finding.app_attribution}), stack ${key.stack ?? "unknown"}`,
    `destination  ${key.destination}`,
    ...section("Why", finding.reasons),
    ...section(
      "Channels",
      finding.channels.map(
        ({ channel, log_source, state, why }) =>
          `${channel} (${log_source ?? "our own"}): ${state}. ${why}`,
      ),
    ),
    ...section("Ruled out", finding.confounders_ruled_out),
    ...section("Would raise it", finding.would_raise),
    ...section("Would refute it", finding.would_refute),
    ...section("Evidence", evidence.map(line)),
  ].join("\n")}\n`
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((each) => `  ${each}`)]
}

function line(fact: Attempt | Flow): string {
  const where = `${fact.client_ip} -> ${fact.sni ?? fact.destination_ip ?? "?"}`
  return "outcome" in fact
    ? `${fact.observed_at}  attempt  ${where}  ${fact.outcome}  ${fact.token}  ${fact.id}`
    : `${fact.observed_at}  flow     ${where}  ${fact.verdict}${fact.strong ? " strongly" : ""} (${fact.splice_cause ?? fact.source})  ${fact.id}`
}
