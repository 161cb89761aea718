/** One world from its seed to its score, with the real correlator in it. */
import { live } from "./closed-loop.ts"
import { frameOf, WorldFiles } from "./open-loop.ts"
import { nameOf } from "./plan.ts"
import { scoreWorld, type WorldScore } from "./score/score-world.ts"
import { markDetectable } from "./simulate/detectable.ts"
import { switchesOf } from "./switches.ts"
import { makeWorld } from "./world/make-world.ts"

export interface Choice {
  world: string
  seed: string
  phones: number
  days: number
  pinShare: number | null
  /** How often the correlator looks, in milliseconds of the world. */
  slice: number
  /** Epoch milliseconds of ours after which no further slice is begun. */
  deadline: number
  /** Where its records, its truth and its findings go; null: nowhere. */
  out: string | null
}

export interface Ran {
  /** Worlds of one stratum are drawn again for one another. */
  stratum: string
  seed: string
  phones: number
  days: number
  cases: number
  /** Of CPU. */
  seconds: number
  /** Epoch milliseconds of the world where it stopped before its end; null where it did not. */
  stoppedAt: number | null
  troubles: { event: string; count: number; first: string }[]
  score: WorldScore
}

export function runWorld(choice: Choice): Ran {
  const { world: kind, seed, phones, days, pinShare, slice, deadline, out } = choice
  const world = makeWorld({ seed, phones, days, pinShare, switches: switchesOf(kind) })
  const began = process.cpuUsage()
  const files = out === null ? null : new WorldFiles(out)
  const options = { slice, deadline }
  const lived = live(world, files ? { ...options, onWritten: (w) => files.write(w) } : options)
  const { simulation, history, alerts, troubles, until } = lived
  const cases = simulation.book.all
  markDetectable(cases, world)
  const frame = frameOf(world)
  files?.finish({ frame, cases, history, alerts })
  const { user, system } = process.cpuUsage(began)
  return {
    stratum: nameOf({ world: kind, days }),
    seed,
    phones,
    days,
    cases: cases.length,
    seconds: (user + system) / 1e6,
    stoppedAt: until >= world.end ? null : until,
    troubles: [...troubles].map(([event, trouble]) => ({ event, ...trouble })),
    score: scoreWorld({ cases, history, alerts, ...frame }),
  }
}
