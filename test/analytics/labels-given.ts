/** Labels as a person makes them of a finding. */
import { markedOf } from "../../src/analytics/label-drift.ts"
import { scopeOf } from "../../src/analytics/label-scope.ts"
import type { Finding } from "../../src/record/finding.ts"
import { Label, type LabelScopeKind } from "../../src/record/label.ts"

export function labelOn(
  finding: Finding,
  { kind = "finding", ...over }: Partial<Omit<Label, "scope">> & { kind?: LabelScopeKind } = {},
): Label {
  return Label.parse({
    tenant: finding.tenant,
    site: "hq",
    sensor_id: "desk",
    v: 1,
    id: "l-1",
    observed_at: "2026-11-21T02:00:00.000Z",
    act: "marked",
    label: "expected",
    scope: scopeOf(kind, finding),
    reason: "it pins by design",
    owner: "soc",
    who: "ana@desk",
    expires_at: "2027-02-21T00:00:00.000Z",
    finding_id: finding.id,
    marked: markedOf(finding, [finding]),
    ...over,
  })
}

export function withdrawalOf(label: Label): Label {
  return Label.parse({
    ...label,
    id: `${label.id}-back`,
    act: "withdrawn",
    marked: null,
    withdraws: label.id,
  })
}
