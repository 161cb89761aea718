/** `pinsensor finding unmark ID`: takes a label back. It stays in the audit, and so does who took it back and why. */
import { randomBytes } from "node:crypto"
import { parseArgs } from "node:util"
import { labelScopeText } from "../../analytics/label-scope.ts"
import type { Store } from "../../evidence/store.ts"
import type { Label } from "../../record/label.ts"
import { actOptions, atDesk } from "../bypass/open-register.ts"
import { findingNamed, labelsOf, oneFinding } from "./known-findings.ts"

export function unmark(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: actOptions,
    allowPositionals: true,
  })
  const id = oneFinding("unmark", positionals)
  atDesk(values, ({ store, config, who, reason, now }) => {
    const label = labelNamed(store, id)
    const back: Label = {
      ...label,
      site: config.site,
      sensor_id: config["sensor-id"],
      id: `l-${randomBytes(6).toString("hex")}`,
      observed_at: new Date(now).toISOString(),
      act: "withdrawn",
      reason,
      who,
      expires_at: null,
      marked: null,
      withdraws: label.id,
    }
    store.putLabels([back], who)
    return { said: `${label.id} is taken back: ${label.label}, ${labelScopeText(label.scope)}` }
  })
}

/** By its own id, or by a finding that stands under this one label. */
function labelNamed(store: Store, id: string): Label {
  const labels = labelsOf(store)
  const own = labels.all().find((label) => label.id === id)
  if (own) return own
  if (store.get("labels", id) !== null)
    throw new Error(`${id} was taken back already, or takes back another; there is nothing to do`)
  const finding = findingNamed(store, id)
  const [label, ...more] = labels.covering(finding)
  if (!label) throw new Error(`no label covers ${finding.id}; there is nothing to do`)
  if (more.length > 0)
    throw new Error(
      `several labels cover ${finding.id}; name one: ${[label, ...more].map((one) => `${one.id} (${one.label})`).join(", ")}`,
    )
  return label
}
