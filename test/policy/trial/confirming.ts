/** Trials that are decided, one step at a time, and what the register holds after it. */
import type { ControlSettings } from "../../../src/policy/settings.ts"
import type { TrialStep } from "../../../src/policy/trial/trial-step.ts"
import { common, control, hour, iso, minute, noon, trial } from "../given.ts"
import { about, type Register } from "./stepping.ts"

export const day = 24 * hour
export const sni = "api.example.org"
export const ca1 = { issuing_ca: "ca", sensor_config: "c1" }
export const ca2 = { issuing_ca: "ca2", sensor_config: "c1" }

export const learning = (given: Partial<ControlSettings["learn"]> = {}): ControlSettings => ({
  ...control,
  mode: "learn",
  learn: { ...control.learn, ...given },
})

/** The trial of a device is decided: one step with a register. */
export function confirm(
  register: Register,
  device_id: string,
  given: Partial<TrialStep> = {},
  epoch = ca1,
  tenant = common.tenant,
) {
  const now = given.now ?? noon
  const waiting = trial(
    { state: "re-inspecting", since: iso(now - minute), first_splice_at: iso(now - hour), epoch },
    {
      tenant,
      id: `trial-${device_id}-${now}`,
      scope: { device_id, stack: "t13-okhttp", sni },
      created_at: iso(now - hour),
      expires_at: iso(now + day),
    },
  )
  register.entries.set(waiting.id, waiting)
  const judgement = about(device_id, sni, {
    verdict: "confirmed",
    control_strong: ["f1", "f2"],
    epoch,
    last_ms: now,
  })
  return register.step({ judgements: [judgement], ...given, now })
}

export const scopes = (register: Register, now: number) =>
  register.inForce(now).map(({ scope }) => scope.device_group ?? scope.device_id)
