/**
 * Whether a sensor itself is at fault, watched over the fleet of one tenant. In: attributed attempts as they
 * come. Out: the faults, each while it lasts, and the operational findings that follow from them.
 */
import { destinationOf } from "../../analytics/destination.ts"
import { epochKey } from "../../analytics/epoch.ts"
import { type SensorFault, sensorFaultFinding, sensorFaults } from "../../analytics/sensor-fault.ts"
import type { Config } from "../../config.ts"
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
  /** Evidence of two tenants is never joined: what another one's sensors saw tells nothing of ours. */
  readonly #tenant: string
  /** A fault is over when no refusal of it is younger: what a sensor that was shut down saw last never changes. */
  readonly #windowMs: number
  #faults: readonly SensorFault[] = []
  #lasting: readonly SensorFault[] = []
  #silent: ReadonlySet<string> = new Set()
  /** Event time of the newest attempt, in epoch milliseconds. */
  #newest = Number.NEGATIVE_INFINITY
  #changed = false
  #lookedAt = Number.NEGATIVE_INFINITY

  /** `open`: findings of an earlier life that nobody has closed. */
  constructor(
    { tenant, analytics }: Pick<Config, "tenant" | "analytics">,
    open: readonly Finding[],
  ) {
    this.#tenant = tenant
    this.#windowMs = analytics.scope.window
    for (const finding of open) this.#open.set(finding.id, finding)
  }

  note(attempt: Attributed<Attempt>): void {
    const { fact } = attempt
    if (fact.tenant !== this.#tenant) return
    this.#newest = Math.max(this.#newest, Date.parse(fact.observed_at))
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

  /** The faults that last, as they were last looked for. */
  get lasting(): readonly SensorFault[] {
    return this.#lasting
  }

  /** The sensors and epochs (`faultKey`) of these, and of those that ended only because they were heard of no more:
   * what a device refused there last still says nothing of it. */
  get silent(): ReadonlySet<string> {
    return this.#silent
  }

  /** Looks for them, at most once a second; `now` in epoch milliseconds. True when less is silent than before. */
  look(now: number): boolean {
    const before = this.#silent
    // A clock that was set back must not make it wait.
    if (this.#changed && Math.abs(now - this.#lookedAt) >= lookEvery) {
      this.#faults = sensorFaults(this.#attempts())
      this.#silent = new Set(this.#faults.map(({ key }) => key))
      this.#changed = false
      this.#lookedAt = now
    }
    // One record that is dated in the future must not end them.
    const since = Math.min(this.#newest, now) - this.#windowMs
    this.#lasting = this.#faults.filter(({ last_refused_ms }) => last_refused_ms > since)
    return [...before].some((key) => !this.#silent.has(key))
  }

  /** What is to be stored now: the finding of the fault, and others closed. */
  findings(): Finding[] {
    const current = this.#lasting.map(sensorFaultFinding)
    const ids = new Set(current.map(({ id }) => id))
    const over = [...this.#open.values()].filter(({ id }) => !ids.has(id))
    return [...current, ...over.map((one) => ({ ...one, state: "closed" as const }))]
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
