/** Small histories of an app at a destination: who used it on which day. */
import {
  dayMs,
  emptyPair,
  foldAttempt,
  foldFlow,
  type KeptOfPair,
} from "../../src/analytics/pair-profile.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import type { Attributed } from "../../src/record/attributed.ts"
import type { BaselineChange } from "../../src/record/baseline-change.ts"
import type { Flow } from "../../src/record/flow.ts"
import type { PairProfile } from "../../src/record/pair-profile.ts"
import { attempt, bank, by, dayStart, who, zeekFlow } from "../support/records.ts"
import { target } from "./worlds.ts"

export const kept: KeptOfPair = { devices: 6, days: 23, also: [] }

export type Seen = Attributed<Attempt> | Attributed<Flow>

/** A used session around us by each of these devices, on each of these days after `dayStart`. */
export function usedOn(days: readonly number[], devices: readonly string[], hour = 9): Seen[] {
  return days.flatMap((day) =>
    devices.map((device_id, nth) =>
      by(zeekFlow(target, day * dayMs + hour * 3_600_000 + nth * 1_000), who({ device_id })),
    ),
  )
}

export function attemptsOn(
  days: readonly number[],
  devices: readonly string[],
  outcome: Attempt["outcome"],
): Seen[] {
  return days.flatMap((day) =>
    devices.map((device_id) => by(attempt(target, day * dayMs, outcome), who({ device_id }))),
  )
}

export function pairOf(seen: readonly Seen[], how = kept): PairProfile {
  const pair = emptyPair(bank, target)
  for (const one of seen)
    if ("verdict" in one.fact) foldFlow(pair, one as Attributed<Flow>, how)
    else foldAttempt(pair, one as Attributed<Attempt>, how)
  return pair
}

/** Epoch milliseconds of a day after `dayStart`, at an hour. */
export function dayAt(day: number, hour = 12): number {
  return dayStart + day * dayMs + hour * 3_600_000
}

export function said(over: Partial<BaselineChange>): BaselineChange {
  return {
    tenant: "t1",
    site: "hq",
    sensor_id: "s1",
    v: 1,
    id: `bl-${over.what}-${over.observed_at}`,
    observed_at: new Date(dayStart).toISOString(),
    what: "added",
    app_id: bank,
    destination: target,
    owner: "netops",
    reason: "because",
    who: "anna@desk",
    expires_at: null,
    ...over,
  }
}
