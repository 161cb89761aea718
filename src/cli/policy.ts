/** `pinsensor policy list` and `pinsensor policy test`: what policy is, and what it does. */
import { policyList } from "./policy/list.ts"
import { policyTest } from "./policy/test.ts"

const usage =
  "say: pinsensor policy list [--json] [flags of run], or pinsensor policy test --client IP [--sni NAME] [--address IP] [--connect-host HOST] ... [flags of run]"

/** Ends with 2, and a word about what to do next, if it was asked wrongly. */
export async function policy(args: readonly string[]): Promise<void> {
  const [what, ...flags] = args
  try {
    if (what === "list") await policyList(flags)
    else if (what === "test") await policyTest(flags)
    else throw new Error(usage)
  } catch (error) {
    process.stderr.write(`pinsensor policy: ${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 2
  }
}
