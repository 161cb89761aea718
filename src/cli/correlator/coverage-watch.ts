/**
 * Counts what coverage asks for, and tells once an hour which gaps are past their thresholds. In:
 * attributed connections and app events as they come, each once. Out: operational findings.
 *
 * Counts are written in the commit that moves the cursor over what was counted.
 */

import type { Gap } from "../../analytics/coverage.ts"
import { type Counted, countAttempt, countFlow } from "../../analytics/coverage-counts.ts"
import { coverageFinding } from "../../analytics/coverage-finding.ts"
import type { Config } from "../../config.ts"
import type { Activity, CountRow } from "../../evidence/coverage.ts"
import type { Store } from "../../evidence/store.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Attributed } from "../../record/attributed.ts"
import type { Finding } from "../../record/finding.ts"
import type { Flow } from "../../record/flow.ts"
import { coverageSteps } from "../coverage/coverage-now.ts"

const hour = 3_600_000

export interface CoverageParts {
  store: Store
  config: Config
  clock: () => number
}

export class CoverageWatch {
  readonly #parts: CoverageParts
  /** Of the news that are not committed: at most so many hours and words as these have. */
  readonly #counts = new Map<number, Map<string, CountRow>>()
  readonly #activity = new Map<string, Activity>()
  /** Findings as last told, by id; one for each gap and part. */
  readonly #told: Map<string, Finding>
  /** What was found and is not stored yet. */
  #due: Finding[] = []
  #lookAt: number
  /** A look that is under way, and when it began. */
  #looking: { steps: Iterator<undefined, Gap[]>; now: number } | null = null

  /** `open`: findings of an earlier life that nobody has closed. */
  constructor(parts: CoverageParts, open: readonly Finding[]) {
    this.#parts = parts
    this.#told = new Map(open.map((finding) => [finding.id, finding]))
    // Not at once: at its first start nothing is counted yet.
    this.#lookAt = parts.clock() + hour
  }

  noteAttempt(attempt: Attributed<Attempt>): void {
    this.#note(attempt, countAttempt(attempt))
  }

  noteFlow(flow: Attributed<Flow>): void {
    this.#note(flow, countFlow(flow))
  }

  /** An agent told something of a device. The device's clock says when: one that is ahead counts as now, or a
   * single event would make an agent look alive for years. */
  noteEvent(deviceId: string | null, observedAt: string): void {
    if (deviceId === null) return
    const seen = this.#of(deviceId)
    const at = Math.min(Date.parse(observedAt), this.#parts.clock())
    seen.event_ms = Math.max(seen.event_ms ?? 0, at)
  }

  /** To be called in the commit; the answer after it. */
  store(): () => void {
    const { store, config } = this.#parts
    const counts = [...this.#counts.values()].flatMap((ofHour) => [...ofHour.values()])
    store.coverage.addCounts(config.tenant, counts)
    store.coverage.addActivity(config.tenant, this.#activity.values())
    return () => this.rollBack()
  }

  /** What was counted since the last commit comes again. */
  rollBack(): void {
    this.#counts.clear()
    this.#activity.clear()
  }

  /** What is to be stored now: gaps that opened, closed or moved. Looks once an hour, a step at a time. */
  findings(now: number): Finding[] {
    const { store, config } = this.#parts
    // A clock that was set back must not make it wait.
    const isDue = now >= this.#lookAt || this.#lookAt - now > hour
    if (!this.#looking && !isDue) return this.#due
    if (!this.#looking) {
      this.#lookAt = now + hour
      store.coverage.forgetCounts(now)
      this.#looking = { steps: coverageSteps(store, config, now), now }
    }
    const looked = this.#step(this.#looking.steps)
    if (looked) {
      this.#due = this.#changed(looked, this.#looking.now)
      this.#looking = null
    }
    return this.#due
  }

  /** Null while there is more of it. A look that failed is not gone on with: the next hour has its own. */
  #step(steps: Iterator<undefined, Gap[]>): Gap[] | null {
    try {
      const { value, done } = steps.next()
      return done ? value : null
    } catch (error) {
      this.#looking = null
      throw error
    }
  }

  #changed(gaps: readonly Gap[], now: number): Finding[] {
    const { config } = this.#parts
    const { tenant, site } = config
    const common = { tenant, site, sensor_id: config["sensor-id"], v: 1 as const }
    const since = now - config.analytics.coverage.window
    const found = gaps.map((gap) => coverageFinding(gap, { common, now, since }))
    const still = new Set(found.map(({ id }) => id))
    const gone = [...this.#told.values()].filter(
      ({ id, state }) => state === "open" && !still.has(id),
    )
    const closed = gone.map((finding) => ({ ...finding, state: "closed" as const }))
    return [...found, ...closed].flatMap((finding) => this.#news(finding))
  }

  /** After the commit. */
  stored(findings: readonly Finding[]): void {
    for (const finding of findings) this.#told.set(finding.id, finding)
    this.#due = this.#due.filter((finding) => !findings.includes(finding))
  }

  #news(finding: Finding): Finding[] {
    const before = this.#told.get(finding.id)
    if (!before) return finding.state === "open" ? [finding] : []
    const same = before.state === finding.state && before.reasons[0] === finding.reasons[0]
    return same ? [] : [{ ...finding, first_seen: before.first_seen }]
  }

  /** Those of another tenant, as an import may bring them, are that tenant's to count. */
  #note({ fact, who }: Attributed<Attempt> | Attributed<Flow>, { words, bytes }: Counted): void {
    if (fact.tenant !== this.#parts.config.tenant) return
    const at = Date.parse(fact.observed_at)
    const hour_ms = Math.floor(at / hour) * hour
    const ofHour = this.#counts.get(hour_ms) ?? new Map<string, CountRow>()
    this.#counts.set(hour_ms, ofHour)
    for (const word of words) {
      const row = ofHour.get(word) ?? { hour_ms, word, connections: 0, bytes: 0 }
      row.connections += 1
      row.bytes += bytes
      ofHour.set(word, row)
    }
    if (words.length === 0 || who.device !== "bound") return
    const seen = this.#of(who.device_id)
    seen.traffic_ms = Math.max(seen.traffic_ms ?? 0, Math.min(at, this.#parts.clock()))
  }

  #of(deviceId: string): Activity {
    const known = this.#activity.get(deviceId)
    if (known) return known
    const seen = { device_id: deviceId, traffic_ms: null, event_ms: null }
    this.#activity.set(deviceId, seen)
    return seen
  }
}
