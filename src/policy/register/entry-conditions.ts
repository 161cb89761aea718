/**
 * What must hold for a register entry beside its scope: its end, a trial's caps, a re-test.
 *
 * In: parts of an entry and how control stands. Out: conditions. It must not know scopes or their order.
 */
import type { RegisterEntry } from "../../record/register-entry.ts"
import type { Condition } from "../conditions.ts"
import type { ControlSettings } from "../settings.ts"
import type { TrialUse } from "../trial/trial-use.ts"

export function notExpired(expiresAt: string | null): Condition {
  // An end that cannot be read has passed.
  const end = expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt)
  return {
    holds: (_view, now) => now < end,
    asks: expiresAt === null ? "it does not expire" : `it is before ${expiresAt}`,
    shows: (_view, now) => new Date(now).toISOString(),
  }
}

/** A trial is about what a ClientHello said; a CONNECT host alone is not its key. */
export const sniIsSaid: Condition = {
  holds: ({ sni }) => sni !== null,
  asks: "the ClientHello has an SNI",
  shows: ({ sni }) => sni ?? "none",
}

/** Time and caps of a trial, by the register's count and by this worker's own. */
export function withinTrial(
  { id, trial }: RegisterEntry,
  control: ControlSettings,
  use: TrialUse | null,
): Condition {
  const first = trial?.first_splice_at ? Date.parse(trial.first_splice_at) : null
  const end = first === null ? Number.POSITIVE_INFINITY : first + control["splice-for"]
  const spent =
    trial === null || trial.connections >= control.connections || trial.bytes >= control.bytes
  return {
    holds: (_view, now) => !spent && now < end && !(use?.exhausted(id, now, control) ?? false),
    asks: "the trial's time and caps are not used up",
    shows: () => `${trial?.connections ?? 0} connections and ${trial?.bytes ?? 0} bytes so far`,
  }
}

/** The one device is inspected again; for the others the bypass goes on. */
export function notRetested({ device_id, since }: { device_id: string; since: string }): Condition {
  return {
    holds: ({ facts }) => facts.device_id !== device_id,
    asks: `device is not ${device_id}, on which the bypass is tested again since ${since}`,
    shows: ({ facts }) => facts.device_id ?? "not known",
  }
}

/**
 * A group that has left control (`mode: off`) leaves what the sensor made at once, whatever the
 * correlator has yet to end; null where no group has. As controlOf, at the cost of the device's groups.
 */
export function controlAllows({ groups }: ControlSettings): Condition | null {
  if (!groups.some(({ mode }) => mode === "off")) return null
  const places = new Map<string, { at: number; off: boolean }>()
  for (const [at, { group, mode }] of groups.entries())
    if (!places.has(group)) places.set(group, { at, off: mode === "off" })
  const off = (of: readonly string[]): boolean => {
    let first: { at: number; off: boolean } | undefined
    for (const group of of) {
      const place = places.get(group)
      if (place && (first === undefined || place.at < first.at)) first = place
    }
    return first?.off ?? false
  }
  return {
    holds: ({ facts }) => !off(facts.device_groups),
    asks: "control.mode is not off for the device's group",
    shows: ({ facts }) => facts.device_groups.join(", ") || "no group",
  }
}
