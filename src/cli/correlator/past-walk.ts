/**
 * The walk through the past of one device, in event time and with the looks of `replay`. In: from when on
 * something is known now that was not, and where the device was seen. Out: its findings as they stand now, after the
 * looks of the past and the one of the present.
 */
import type { FleetMemory } from "../../analytics/fleet-memory.ts"
import type { Store } from "../../evidence/store.ts"
import { joinSettings } from "../../identity/settings.ts"
import type { JudgementContext, LookUp } from "../../record/attributed.ts"
import type { Drift } from "../../record/drift.ts"
import type { Finding } from "../../record/finding.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import type { PastRegister } from "../replay/past-register.ts"
import type { BaselineMemory } from "./baseline-memory.ts"
import type { EvidenceParts } from "./evidence-parts.ts"
import { joinInput } from "./join-inputs.ts"
import type { LabelMemory } from "./label-memory.ts"
import { lookBack, spanOf, usualSpan } from "./past-look.ts"
import type { RegisterMemory } from "./register-memory.ts"
import { type Suspect, Suspects } from "./suspects.ts"

const day = 86_400_000

export interface PastParts extends EvidenceParts {
  store: EvidenceParts["store"] & Pick<Store, "inTime">
  fleet: FleetMemory
  /** Learns of the fleet from this time on, where that was not done; a batch at a time. */
  learnFrom: (since: number) => Generator<void>
  baselines: BaselineMemory
  labels: LabelMemory
  register: RegisterMemory
  drifts: LookUp<Drift[]>
  clock: () => number
}

/** Whose past, and from when on, in epoch milliseconds of event time. */
export interface Past {
  device_id: string
  since: number
  /** What is open or held of it. */
  standing: readonly Finding[]
  /** The register over time, with entries that have ended for so long. */
  registers: (keptForMs: number) => PastRegister
  /** The device as it was seen last, which may be later with every step. */
  now: () => Suspect
}

/** Begins a window before: what had been found until then settles what is found next. The last step is the look of the
 * present, so that what the walk comes to is true when it ends. */
export function* walkPast(parts: PastParts, past: Past): Generator<void, Finding[]> {
  const { config, register, clock } = parts
  const { window, "allowed-lateness": lateness } = config.analytics.scope
  const since = Math.max(past.since, past.now().latest - lateness)
  const start = spanOf(since - window)
  // What the fleet showed counts for its window and for the next.
  yield* parts.learnFrom(start - 2 * window)
  const registers = past.registers(Math.max(window + lateness, day))
  // Nothing up to a device's newest record lies ahead.
  const suspects = new Suspects(Number.POSITIVE_INFINITY)
  const findings = new Map(stoodAt(past.standing, start).map((finding) => [finding.id, finding]))
  const look = (suspect: Suspect, entries: RegisterEntry[]) => {
    const context = contextAt(parts, suspect, entries)
    const before = [...findings.values()]
    const labels = parts.labels.current
    for (const finding of lookBack(parts, { suspect, context, before, labels }))
      findings.set(finding.id, finding)
  }
  let now = past.now()
  // Who refused in its window is looked at for whatever it does.
  concernedBy(parts, suspects, now, { from: start - window, to: start })
  for (let from = start; from < spanOf(now.latest); from += usualSpan) {
    const span = { from, to: from + usualSpan }
    const suspect = concernedBy(parts, suspects, now, span)
    if (suspect) look(suspect, registers.at(span.to))
    yield
    now = past.now()
  }
  look(now, register.entries(clock()))
  return [...findings.values()].filter(({ key }) => key.device_id === past.device_id)
}

/** What rests on older evidence than all that the walk looks at: it was there when it begins. */
function stoodAt(standing: readonly Finding[], start: number): Finding[] {
  return standing.filter(({ last_seen }) => Date.parse(last_seen) < start)
}

/** The device as of its newest record of a span, if that concerns judgements. */
function concernedBy(
  parts: PastParts,
  suspects: Suspects,
  device: Suspect,
  span: { from: number; to: number },
): Suspect | undefined {
  const { attempts, flows, app_events } = joinInput(parts, device, span)
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
    .find(({ device_id }) => device_id === device.device_id)
}

/** As it was known then. What is learned of the baseline later is told to the present alone. */
function contextAt(
  { inventory, fleet, baselines, drifts }: PastParts,
  { device_id, latest }: Suspect,
  register: RegisterEntry[],
): JudgementContext {
  return {
    apps: inventory.current.appRegister,
    register,
    accepted_elsewhere: fleet.acceptedElsewhere(device_id, latest),
    stack_devices: fleet.stackDevices(device_id, latest),
    baselines: baselines.of(device_id, latest, "once"),
    drifts,
    // It is not walked while a fault lasts, and of faults that are over nothing is remembered.
    sensor_fault: new Set(),
    now: latest,
  }
}
