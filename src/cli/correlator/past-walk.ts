/**
 * The walk through the past of one device, in event time and with the looks of `replay`. In: from when on
 * something came late, and where the device was seen. Out: its findings as they stand at the end of the walk.
 */
import type { FleetMemory } from "../../analytics/fleet-memory.ts"
import type { Store } from "../../evidence/store.ts"
import { joinSettings } from "../../identity/settings.ts"
import type { JudgementContext, LookUp } from "../../record/attributed.ts"
import type { Drift } from "../../record/drift.ts"
import type { Finding } from "../../record/finding.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { PastRegister } from "../replay/past-register.ts"
import type { BaselineMemory } from "./baseline-memory.ts"
import type { EvidenceParts } from "./evidence-parts.ts"
import { joinInput } from "./join-inputs.ts"
import type { LabelMemory } from "./label-memory.ts"
import { lookBack, usualSpan } from "./past-look.ts"
import type { RegisterMemory } from "./register-memory.ts"
import { type Suspect, Suspects } from "./suspects.ts"

const day = 86_400_000

export interface PastParts extends EvidenceParts {
  store: EvidenceParts["store"] & Pick<Store, "all" | "inTime">
  fleet: FleetMemory
  /** Learns of the fleet from this time on, where that was not done; a batch at a time. */
  learnFrom: (since: number) => Generator<void>
  baselines: BaselineMemory
  labels: LabelMemory
  register: RegisterMemory
  drifts: LookUp<Drift[]>
  clock: () => number
}

/** From when on, in epoch milliseconds of event time. */
export interface Past extends Suspect {
  since: number
}

/** Begins a window before what came late: what had been found until then settles what is found next. */
export function* walkPast(parts: PastParts, past: Past): Generator<void, Finding[]> {
  const { config, register, clock } = parts
  const { window, "allowed-lateness": lateness } = config.analytics.scope
  const { device_id, latest } = past
  const since = Math.max(past.since, latest - lateness)
  const start = Math.floor((since - window) / usualSpan) * usualSpan
  yield* parts.learnFrom(start - window)
  const registers = new PastRegister(parts.store, Math.max(window + lateness, day))
  const suspects = new Suspects()
  const findings = new Map<string, Finding>()
  for (let from = start; from <= latest; from += usualSpan) {
    const to = Math.min(from + usualSpan, latest + 1)
    const suspect = concernedBy(parts, suspects, past, { from, to })
    if (suspect) {
      const entries = to > latest ? register.entries(clock()) : registers.at(to)
      const context = contextAt(parts, suspect, entries)
      const before = [...findings.values()]
      const labels = parts.labels.current
      for (const finding of lookBack(parts, { suspect, context, before, labels }))
        findings.set(finding.id, finding)
    }
    yield
  }
  return [...findings.values()].filter(({ key }) => key.device_id === device_id)
}

/** The device as of its newest record of a span, if that concerns judgements. */
function concernedBy(
  parts: PastParts,
  suspects: Suspects,
  past: Suspect,
  span: { from: number; to: number },
): Suspect | undefined {
  const { attempts, flows, app_events } = joinInput(parts, past, span)
  const isWithin = ({ observed_at }: { observed_at: string }) => {
    const at = Date.parse(observed_at)
    return at >= span.from && at < span.to
  }
  suspects.take(
    { attempts, flows, app_events: app_events.filter(isWithin) },
    {
      inventory: parts.inventory.current,
      settings: joinSettings(parts.config.identity),
      events: app_events,
      old: false,
      attempt: () => {},
      flow: () => {},
      unusable: (id, error) => parts.unusable.record(id, error),
    },
  )
  return suspects
    .next(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
    .find(({ device_id }) => device_id === past.device_id)
}

/** As it was known then; who asks about the past is not told again what came since. */
function contextAt(
  { inventory, fleet, baselines, drifts }: PastParts,
  { device_id, latest }: Suspect,
  register: RegisterEntry[],
): JudgementContext {
  return {
    apps: inventory.current.appRegister,
    register,
    accepted_elsewhere: fleet.acceptedElsewhere(device_id, latest, "once"),
    stack_devices: fleet.stackDevices(device_id, latest, "once"),
    baselines: baselines.of(device_id, latest, "once"),
    drifts,
    sensor_fault: false,
    now: latest,
  }
}
