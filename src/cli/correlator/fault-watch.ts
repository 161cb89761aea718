/**
 * Whether the sensor itself is at fault, watched over the fleet. In: attributed attempts as they
 * come. Out: the fault while it lasts, and the operational findings that follow from it.
 */
import { destinationOf } from "../../analytics/destination.ts"
import { epochKey } from "../../analytics/epoch.ts"
import { type SensorFault, sensorFault, sensorFaultFinding } from "../../analytics/sensor-fault.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Attributed } from "../../record/attributed.ts"
import type { Finding } from "../../record/finding.ts"
import { PairSample } from "./pair-sample.ts"

/** Of each sensor the two newest epochs are kept, of each a sample of some 6 MB at most. */
const mostSensors = 16
const mostEpochs = 2
/** Looking costs some milliseconds while there are two epochs. */
const lookEvery = 1_000

interface SeenEpoch {
  latest: string
  pairs: PairSample
}

export class FaultWatch {
  readonly #sensors = new Map<string, Map<string, SeenEpoch>>()
  /** Findings that are open; one for each sensor and epoch. */
  readonly #open = new Map<string, Finding>()
  #fault: SensorFault | null = null
  #changed = false
  #lookedAt = Number.NEGATIVE_INFINITY

  /** `open`: findings of an earlier life that nobody has closed. */
  constructor(open: readonly Finding[]) {
    for (const finding of open) this.#open.set(finding.id, finding)
  }

  note(attempt: Attributed<Attempt>): void {
    const { fact } = attempt
    const refused = fact.strength === "strong"
    if (!refused && fact.outcome !== "accepted") return
    const epoch = this.#epoch(fact)
    if (fact.observed_at > epoch.latest) epoch.latest = fact.observed_at
    epoch.pairs.note(destinationOf(fact), refused, attempt)
    this.#changed = true
  }

  /** Pairs that are remembered. */
  get size(): number {
    return [...this.#sensors.values()]
      .flatMap((epochs) => [...epochs.values()])
      .reduce((all, { pairs }) => all + pairs.size, 0)
  }

  /** The fault that lasts, as it was last looked for. */
  get fault(): SensorFault | null {
    return this.#fault
  }

  /** Looks for it, at most once a second; `now` in epoch milliseconds. */
  look(now: number): void {
    // A clock that was set back must not make it wait.
    if (!this.#changed || Math.abs(now - this.#lookedAt) < lookEvery) return
    this.#fault = sensorFault(this.#attempts())
    this.#changed = false
    this.#lookedAt = now
  }

  /** What is to be stored now: the finding of the fault, and others closed. */
  findings(): Finding[] {
    const current = this.#fault && sensorFaultFinding(this.#fault)
    const over = [...this.#open.values()].filter(({ id }) => id !== current?.id)
    return [
      ...(current ? [current] : []),
      ...over.map((one) => ({ ...one, state: "closed" as const })),
    ]
  }

  /** After the commit. */
  stored(findings: readonly Finding[]): void {
    for (const finding of findings)
      if (finding.state === "closed") this.#open.delete(finding.id)
      else this.#open.set(finding.id, finding)
  }

  #epoch(fact: Attempt): SeenEpoch {
    const epochs = this.#sensors.get(fact.sensor_id) ?? new Map<string, SeenEpoch>()
    this.#sensors.set(fact.sensor_id, epochs)
    if (this.#sensors.size > mostSensors) forgetFirst(this.#sensors)
    const key = epochKey(fact)
    const known = epochs.get(key)
    if (known) return known
    const epoch = { latest: fact.observed_at, pairs: new PairSample() }
    epochs.set(key, epoch)
    if (epochs.size > mostEpochs) forgetOldest(epochs)
    return epoch
  }

  /** Those of sensors that changed: with one epoch there is nothing to compare. */
  #attempts(): Attributed<Attempt>[] {
    return [...this.#sensors.values()]
      .filter((epochs) => epochs.size > 1)
      .flatMap((epochs) => [...epochs.values()])
      .flatMap(({ pairs }) => pairs.attempts())
  }
}

function forgetFirst(memory: Map<string, unknown>): void {
  const [first] = memory.keys()
  if (first !== undefined) memory.delete(first)
}

function forgetOldest(epochs: Map<string, SeenEpoch>): void {
  const [oldest] = [...epochs].sort(([, a], [, b]) => (a.latest < b.latest ? -1 : 1))
  if (oldest) epochs.delete(oldest[0])
}
