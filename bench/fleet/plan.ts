/**
 * The worlds of a proof, by stratum: what is drawn again when bounds are drawn. Numbers are chosen so that each
 * class of confounders has 30,000 cases without effect (with none of them confirmed the upper bound is 1e-4), and
 * so that more than 120 incidents are sent.
 */
export interface Stratum {
  world: string
  worlds: number
  phones: number
  days: number
  /** How often the correlator looks, in seconds of the world; a real one looks within a second. Less often in
   * mixes, where cases are what counts: later trials are no easier on the judgement, and show fewer pins. */
  slice: number
}

/** A world to run. */
export interface Job extends Omit<Stratum, "worlds"> {
  seed: string
}

const mix = { phones: 40, days: 1, slice: 3_600 }
const fleet = { phones: 20, days: 2, slice: 300 }

export const plan: readonly Stratum[] = [
  { world: "mix-trust", worlds: 35, ...mix },
  { world: "mix-identity", worlds: 31, ...mix },
  { world: "mix-network", worlds: 35, ...mix },
  { world: "mix-origins", worlds: 98, ...mix, phones: 60 },
  { world: "mix-apps", worlds: 37, ...mix },
  { world: "bad-leaf", worlds: 20, ...mix, phones: 27 },
  { world: "silent-bad-leaf", worlds: 20, ...mix, phones: 27 },
  { world: "ca-rotated", worlds: 20, ...mix, phones: 27 },
  { world: "plain", worlds: 12, ...fleet },
  { world: "base", worlds: 12, ...fleet },
  { world: "hostile", worlds: 12, ...fleet },
  { world: "base", worlds: 2, ...fleet, phones: 10, days: 14, slice: 3_600 },
]

/** Seeds that the judgement was tuned with begin at 1, those that are run once at 3001. Worlds from 1001 and from 2001
 * on were begun, and looked at, before rules changed (trials that follow their devices; what a review found); that is
 * why they are not used. */
export const firstSeeds = { tune: 1, frozen: 3_001 } as const
export type Seeds = keyof typeof firstSeeds

/** All strata come forward alike: where a run is cut off, each has its share. `part`: of the worlds. */
export function jobsOf(seeds: Seeds, strata: readonly Stratum[] = plan, part = 1): Job[] {
  return strata
    .flatMap(({ worlds, ...stratum }) => {
      const count = Math.max(1, Math.round(worlds * part))
      return Array.from({ length: count }, (_, i) => ({
        due: (i + 0.5) / count,
        job: { ...stratum, seed: String(firstSeeds[seeds] + i) },
      }))
    })
    .sort((a, b) => a.due - b.due)
    .map(({ job }) => job)
}

export function nameOf({ world, days }: Pick<Job, "world" | "days">): string {
  return days === 1 ? world : `${world}, ${days} days`
}
