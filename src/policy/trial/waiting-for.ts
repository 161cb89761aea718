/** What a trial is waiting for, in words for `pinsensor trials`. */
import type { ControlSettings } from "../settings.ts"
import type { Trial } from "./trial-key.ts"
import type { Use } from "./trial-step.ts"

const second = 1_000
const mebibyte = 1_048_576

/** `now` in epoch milliseconds. */
export function waitingFor(
  { trial, expires_at }: Trial,
  use: Use | null,
  settings: ControlSettings,
  now: number,
): string {
  const end = expires_at ?? "for ever"
  const over = expires_at !== null && Date.parse(expires_at) <= now
  switch (trial.state) {
    case "armed":
      return over ? "nothing: nobody came" : `the device's next connection, until ${end}`
    case "splicing":
      return over ? "its end" : `its end: ${left(end, now)} left, ${spent(trial, use, settings)}`
    case "re-inspecting":
      return `a refusal (or acceptance) of the next inspected connection, until ${end}`
    case "holding":
      return over
        ? "a refusal, which begins anew: its hold is over"
        : `nothing: confirmed, ${held(trial.hold)} until ${end}`
    case "cooling":
      return over ? "another refusal" : `cooling until ${end}, then another refusal`
  }
}

function left(end: string, now: number): string {
  return `${Math.max(0, Math.ceil((Date.parse(end) - now) / second))} s`
}

function spent(trial: Trial["trial"], use: Use | null, settings: ControlSettings): string {
  const connections = use?.hits ?? trial.connections
  const bytes = use?.bytes ?? trial.bytes
  const mib = (count: number) => Math.round((count / mebibyte) * 10) / 10
  return `${connections} of ${settings.connections} connections, ${mib(bytes)} of ${mib(settings.bytes)} MiB`
}

function held(hold: Trial["trial"]["hold"]): string {
  switch (hold) {
    case "splice":
      return "spliced by a learned entry"
    case "block":
      return "blocked"
    case "inspect":
    case null:
      return "inspected on"
  }
}
