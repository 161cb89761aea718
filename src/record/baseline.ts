/** What a judgement may ask of the fleet's baseline: what an app is known to talk to. */
import type { PairSeen } from "./pair-seen.ts"

export interface PairQuestion {
  app_id: string
  destination: string
  /** The app's signer as it was seen; null where no source tells. */
  signer: string | null
}

export interface PairStanding {
  /** Part of the baseline, and by what: learned from the fleet, or added by a person; or not, because
   * a person removed it or because something is missing. */
  is: "learned" | "added" | "removed" | "missing"
  /** In words: by whom, or from how many devices and days, or what is missing. */
  why: string
}

/** As it was at the judged time, and without the device that is judged. */
export interface Baselines {
  standing(question: PairQuestion): PairStanding
  /** What the fleet knew of the pair before it drifted; null: too little to compare with. `stacks` and
   * `signer` are what is seen now. */
  before(question: PairQuestion & { stacks: readonly string[] }): PairBefore | null
}

export interface PairBefore {
  seen: PairSeen
  /** Of all devices, on the judged day. */
  bytes_today: number
  connections_today: number
}
