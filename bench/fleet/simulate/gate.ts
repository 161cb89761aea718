/**
 * What decides whether a connection is inspected: the sensor's own policy over a register that the
 * correlator writes (closed loop), or trials that the world gives by itself (open loop).
 */

import type { ConnectionFacts } from "../../../src/policy/connection-view.ts"
import { decide } from "../../../src/policy/decide.ts"
import { type Policy, preparePolicy } from "../../../src/policy/prepare.ts"
import type { PolicySettings } from "../../../src/policy/settings.ts"
import type { SpliceCause } from "../../../src/record/common.ts"
import type { RegisterEntry } from "../../../src/record/register-entry.ts"
import { minute } from "../world/model.ts"

export interface Passage {
  do: "inspect" | "splice" | "block"
  rule: string
  cause: SpliceCause | null
  entry: string | null
  /** The splice is cut then; epoch milliseconds. */
  until: number
}

export interface Gate {
  decide(facts: ConnectionFacts, at: number): Passage
  /** A splice began: so many bytes will pass by its end. */
  spliced(entry: string, at: number, bytes: number): void
  /** A try was refused; only a gate with trials of its own listens. */
  refused(facts: ConnectionFacts, at: number): void
}

export const inspect: Passage = {
  do: "inspect",
  rule: "default",
  cause: null,
  entry: null,
  until: Number.POSITIVE_INFINITY,
}

interface Use {
  since: number
  connections: number
  bytes: number
}

/** A worker's view of the register, with its own count of each trial: the correlator's comes with the
 * next slice. Bounded by the trials of the world. */
export class RegisterGate implements Gate {
  readonly #settings: PolicySettings
  readonly #uses = new Map<string, Use>()
  #policy: Policy

  constructor(settings: PolicySettings) {
    this.#settings = settings
    this.#policy = preparePolicy(settings, [])
  }

  /** The register changed. */
  take(entries: readonly RegisterEntry[]): void {
    this.#policy = preparePolicy(this.#settings, entries)
  }

  decide(facts: ConnectionFacts, at: number): Passage {
    const decision = decide(facts, this.#policy, at)
    const passage = {
      do: decision.do,
      rule: decision.rule,
      cause: decision.splice_cause,
      entry: decision.register_entry,
      until: decision.splice_until ?? Number.POSITIVE_INFINITY,
    }
    const use = passage.cause === "trial" ? this.#uses.get(passage.rule) : undefined
    if (!use) return passage
    const { control } = this.#settings
    const until = Math.min(passage.until, use.since + control["splice-for"])
    const spent = use.connections >= control.connections || use.bytes >= control.bytes
    return spent || at >= until ? inspect : { ...passage, until }
  }

  spliced(entry: string, at: number, bytes: number): void {
    const use = this.#uses.get(entry) ?? { since: at, connections: 0, bytes: 0 }
    this.#uses.set(entry, {
      ...use,
      connections: use.connections + 1,
      bytes: use.bytes + bytes,
    })
  }

  refused(): void {}
}

interface OwnTrial {
  refusals: number[]
  /** When its two minutes began; null while it waits. */
  since: number | null
}

/** Three refusals in two minutes apart earn one trial of two minutes, as in DESIGN section 6 and 9. */
export class OwnTrials implements Gate {
  /** One for each device, stack and name: bounded by the world. */
  readonly #trials = new Map<string, OwnTrial>()

  decide(facts: ConnectionFacts, at: number): Passage {
    const key = keyOf(facts)
    const trial = this.#trials.get(key)
    if (!trial || trial.refusals.length < 3) return inspect
    trial.since ??= at
    const until = trial.since + 2 * minute
    if (at >= until) return inspect
    const entry = `trial-${Buffer.from(key).toString("hex").slice(-40)}`
    return { do: "splice", rule: entry, cause: "trial", entry, until }
  }

  spliced(): void {}

  refused(facts: ConnectionFacts, at: number): void {
    const trial = this.#trials.get(keyOf(facts)) ?? { refusals: [], since: null }
    this.#trials.set(keyOf(facts), trial)
    const last = trial.refusals.at(-1)
    const bucket = (time: number) => Math.floor(time / minute)
    if (last === undefined || bucket(last) !== bucket(at) || trial.refusals.length < 2)
      trial.refusals.push(at)
  }
}

function keyOf({ device_id, client_ip, stack, sni }: ConnectionFacts): string {
  return JSON.stringify([device_id ?? client_ip, stack, sni])
}
