/** What persons said of the baselines of a tenant, as the store has it. */
import { BaselineStatements } from "../../analytics/baseline-statements.ts"
import type { Store } from "../../evidence/store.ts"

export function statementsIn(store: Pick<Store, "all">, tenant: string): BaselineStatements {
  const said = new BaselineStatements()
  for (const change of store.all("baseline-changes")) if (change.tenant === tenant) said.add(change)
  return said
}
