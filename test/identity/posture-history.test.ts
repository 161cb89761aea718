import t from "tap"
import { PostureHistory } from "../../src/identity/posture-history.ts"
import type { Posture } from "../../src/record/posture.ts"
import { posture } from "../support/records.ts"

const tenant = "t1"
const at = (minutes: number) => Date.UTC(2026, 10, 21, 0, minutes)
const iso = (minutes: number) => new Date(at(minutes)).toISOString()
const told = (device_id: string, minutes: number, over: Partial<Posture> = {}) =>
  posture({ id: `${device_id}-${minutes}`, device_id, observed_at: iso(minutes), ...over })

/** Postures as a store has them, and how often each device was read. */
function stored(all: Posture[]) {
  const reads: string[] = []
  const read = (deviceId: string) => {
    reads.push(deviceId)
    return all.filter(({ device_id }) => device_id === deviceId)
  }
  return { all, reads, read }
}

t.test(
  "what is read when it is asked for is what would be held: any order, any instant",
  async (t) => {
    const all = [7, 3, 11, 5, 1, 9, 13, 2, 4, 12].flatMap((minutes) => [
      told("a", minutes),
      told("a", minutes, { id: `w-${minutes}`, profile: "work", compliant: false }),
    ])
    const given = new PostureHistory(all, tenant)
    const asked = new PostureHistory(stored(all).read, tenant)
    const some = new PostureHistory(stored(all.slice(0, 6)).read, tenant)
    for (let minutes = 0; minutes < 15; minutes++)
      t.strictSame(asked.inForce("a", at(minutes)), given.inForce("a", at(minutes)))
    t.strictSame(asked.of("a"), given.of("a"))
    t.strictSame(
      some.inForce("a", at(8)).map(({ id }) => id),
      ["a-7", "w-7"],
      "few are looked through, with the same answer",
    )
  },
)

t.test("a device is read once, and what is told later is added once", async (t) => {
  const { all, reads, read } = stored([told("a", 1)])
  const history = new PostureHistory(read, tenant)
  history.add(told("b", 1))
  t.strictSame(reads, [], "of what nobody asked for nothing is held")
  t.equal(history.inForce("a", at(5))[0]?.id, "a-1")
  all.push(told("a", 3))
  history.add(told("a", 3))
  history.add(told("a", 3))
  t.strictSame(
    history.of("a").map(({ id }) => id),
    ["a-1", "a-3"],
  )
  t.strictSame(reads, ["a"])
})

t.test("beyond the limit those that were not asked for longest are read again", async (t) => {
  const { reads, read } = stored([told("a", 1), told("b", 1), told("c", 1)])
  const history = new PostureHistory(read, tenant, 2)
  for (const device of ["a", "b", "a", "c", "a", "nobody", "b"]) history.of(device)
  t.strictSame(reads, ["a", "b", "c", "nobody", "b"])
})

t.test("one who has no posture until later costs no more room then", async (t) => {
  const { reads, read } = stored([told("b", 1)])
  const history = new PostureHistory(read, tenant, 2)
  history.of("a")
  history.of("b")
  history.add(told("a", 2))
  history.of("b")
  t.equal(history.of("a").length, 1)
  t.strictSame(reads, ["a", "b"])
})

t.test("postures of other tenants say nothing", async (t) => {
  const { read } = stored([told("a", 1, { tenant: "other" })])
  t.strictSame(new PostureHistory(read, tenant).of("a"), [])
})
