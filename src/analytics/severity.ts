/** How urgent a finding is: its confidence, the device's risk and its exposure, each on its own. */
import type { Confidence, Severity } from "../record/finding.ts"
import type { Posture } from "../record/posture.ts"

const scale: readonly Severity[] = ["informational", "low", "medium", "high", "critical"]
const base: Record<Confidence, number> = { record: 0, low: 1, medium: 2, high: 3 }

/** MDM says that the device is out of policy or jailbroken. Not known is no risk. */
export function isAtRisk(posture: Posture | null): boolean {
  return posture?.jailbroken === true || posture?.compliant === false
}

/**
 * One step up for a device at risk and one for exposure; `critical` asks for a device at risk. What is
 * only recorded is informational, whatever stands beside it.
 */
export function severityOf(confidence: Confidence, atRisk: boolean, exposed: boolean): Severity {
  if (confidence === "record") return "informational"
  const wanted = base[confidence] + (atRisk ? 1 : 0) + (exposed ? 1 : 0)
  return scale[Math.min(wanted, atRisk ? 4 : 3)] ?? "informational"
}

/** So many steps up, or down where negative. */
export function stepSeverity(severity: Severity, steps: number): Severity {
  const at = Math.max(0, Math.min(scale.indexOf(severity) + steps, scale.length - 1))
  return scale[at] ?? severity
}

export function severer(one: Severity, other: Severity): Severity {
  return scale.indexOf(other) > scale.indexOf(one) ? other : one
}
