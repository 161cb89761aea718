import t from "tap"
import { postureAt } from "../../src/analytics/posture-at.ts"
import { at, dayStart, HOUR, posture } from "../support/records.ts"

const early = posture({ id: "early" })
const late = posture({ id: "late", observed_at: at(2 * HOUR) })
const work = posture({ id: "work", profile: "work", observed_at: at(HOUR) })

t.test("the posture in force is the last one not after the time, of the profile", async (t) => {
  const rows = [
    { name: "before the first", ms: -1, profile: "device", id: undefined },
    { name: "at the first", ms: 0, profile: "device", id: "early" },
    { name: "between", ms: 2 * HOUR - 1, profile: "device", id: "early" },
    { name: "at the second", ms: 2 * HOUR, profile: "device", id: "late" },
    { name: "of the work profile", ms: 3 * HOUR, profile: "work", id: "work" },
    { name: "work before MDM knew it", ms: 1, profile: "work", id: "early" },
    { name: "never of a personal profile", ms: 3 * HOUR, profile: "personal", id: undefined },
  ] as const
  for (const { name, ms, profile, id } of rows)
    for (const postures of [
      [early, work, late],
      [late, work, early],
    ])
      t.equal(postureAt(postures, dayStart + ms, profile)?.id, id, name)
})
