/** `pinsensor finding show ID`: one finding in short, with all that was said of it. `explain` tells the rest. */
import { parseArgs } from "node:util"
import { labelScopeText } from "../../analytics/label-scope.ts"
import { labelled } from "../../analytics/labels.ts"
import type { Finding } from "../../record/finding.ts"
import type { Label } from "../../record/label.ts"
import { readRegister, tell } from "../bypass/open-register.ts"
import { dataConfig, dataFlags } from "../data-flags.ts"
import { findingNamed, labelsOf, oneFinding, toldOf } from "./known-findings.ts"
import { labelText } from "./list.ts"

interface Seen {
  finding: Finding
  told: string | null
  /** Every statement that covers it or takes such a one back, in the order they came. */
  labels: Label[]
}

export function show(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { ...dataFlags, json: { type: "boolean" } },
    allowPositionals: true,
  })
  const id = oneFinding("show", positionals)
  const config = dataConfig(values)
  const seen = readRegister(values, (store): Seen => {
    const labels = labelsOf(store)
    const finding = labelled(findingNamed(store, id), labels, config.analytics.labels)
    const covering = new Set(labels.covering(finding).map((label) => label.id))
    const said = [...store.all("labels")].filter(
      (label) => covering.has(label.id) || label.finding_id === finding.id,
    )
    const back = new Set(said.map((label) => label.id))
    const withdrawn = [...store.all("labels")].filter(
      ({ withdraws }) => withdraws !== null && back.has(withdraws),
    )
    return {
      finding,
      told: toldOf(store, finding),
      labels: [...new Map([...said, ...withdrawn].map((label) => [label.id, label])).values()],
    }
  })
  if (values.json) tell(JSON.stringify(seen))
  else for (const line of linesOf(seen)) tell(line)
}

function linesOf({ finding, told, labels }: Seen): string[] {
  const { id, key, label } = finding
  const fields: [string, string][] = [
    [id, `${finding.analytic} ${finding.verdict}, ${finding.state}`],
    ["confidence", `${finding.confidence}, severity ${finding.severity}`],
    ["device", `${key.device_id} (${finding.device_attribution}), profile ${key.profile}`],
    [
      "app",
      `${key.app_id ?? "unknown"} ${key.app_version ?? ""} (${finding.app_attribution}), signer ${finding.app_signer ?? "unknown"}`,
    ],
    ["stack", key.stack ?? "unknown"],
    ["to", `${key.destination} (${finding.registrable_domain})`],
    ["seen", `${finding.first_seen} to ${finding.last_seen}, ${finding.refusals} tries refused`],
    ["told", told ?? "nothing"],
    ["label", label ? labelText(label) : "none"],
  ]
  return [
    ...fields.map(([name, text]) => `${name.padEnd(10)}  ${text}`),
    ...(label?.why ?? []).map((why) => `${"".padEnd(10)}  ${why}`),
    ...(labels.length > 0 ? ["", "said of it:"] : []),
    ...labels.map(saidLine),
    "",
    `why it is so: pinsensor explain ${id}`,
  ]
}

function saidLine({
  id,
  act,
  label,
  scope,
  who,
  owner,
  reason,
  observed_at,
  ...rest
}: Label): string {
  if (act === "withdrawn")
    return `  ${observed_at}  ${rest.withdraws} (${label}) was taken back by ${who}: ${reason}`
  const until = rest.expires_at === null ? "without end" : `until ${rest.expires_at}`
  return `  ${observed_at}  ${id} ${label} ${until} by ${who}, owner ${owner}: ${labelScopeText(scope)}: ${reason}`
}
