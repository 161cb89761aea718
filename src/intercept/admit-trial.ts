/**
 * The last question before a trial splices: whether there is room, over all workers. Comes in: a decision
 * to splice; goes out: that decision with the time at which it is cut, or the one without the trial.
 *
 * Fails closed: without an answer of the ledger the connection is inspected.
 */
import { type Decision, nameDisagrees } from "../policy/decide.ts"
import type { SensorDeps } from "./sensor-deps.ts"

/** Nothing comes after trials in the order of policy but the default. */
const withoutTrial: Decision = Object.freeze({ ...nameDisagrees, rule: "default" })

export function admitTrial(
  decision: Decision,
  { trials, clock, policy, log }: Pick<SensorDeps, "trials" | "clock" | "policy" | "log">,
): Decision {
  const { register_entry, splice_cause, splice_until } = decision
  if (splice_cause !== "trial" || register_entry === null) return decision
  const admitted = trials.admit(register_entry, clock(), policy().control)
  if (typeof admitted === "string") {
    log("debug", "trial-not-granted", { register_entry, because: admitted })
    return withoutTrial
  }
  const { until } = admitted
  return { ...decision, splice_until: Math.min(until, splice_until ?? until) }
}
