/** What a kind of client is: what it does, how often, and what must be recorded of it. */
import type { Way } from "../../../src/intercept/ways.ts"
import type { Stage } from "./visit.ts"

export interface Kind {
  name: string
  /** How often it comes, beside the others. */
  weight: number
  /** How its socket is accounted for. */
  way: Way
  /** Outcomes of its attempts, or verdicts of its flows: the first is the rule, the others may happen
   * now and then because two events race. */
  records: readonly string[]
  visit: (stage: Stage) => Promise<void>
}
