import fc from "fast-check"
import t from "tap"
import { emptyPair, mostOfPair, tellsOfPair } from "../../src/analytics/pair-profile.ts"
import { attempt, bank, by, dayStart, flow, HOUR, someone, who } from "../support/records.ts"
import { attemptsOn, kept, pairOf, type Seen, usedOn } from "./pairs.ts"
import { target } from "./worlds.ts"

const devices = Array.from({ length: 9 }, (_, nth) => `d${nth}`)

t.test("a profile is the same for any order of the same connections", async (t) => {
  const signers = ["aa".repeat(32), "bb".repeat(32)]
  const some: Seen[] = [
    ...usedOn([0, 1, 2, 5, 9], devices),
    ...attemptsOn([0, 3], ["d1", "d2", "d8"], "accepted"),
    ...attemptsOn([4], ["d7", "d5", "d1"], "refused-alert"),
    ...Array.from({ length: 20 }, (_, nth) =>
      by(
        attempt(target, nth * HOUR, "accepted", { stack: `t13d_${nth % 18}` }),
        who({ device_id: `d${nth % 4}`, app_signer: signers[nth % 2] ?? null }),
      ),
    ),
  ]
  const few = { devices: 3, days: 4, also: [] }
  const want = [pairOf(some), pairOf(some, few)]
  fc.assert(
    fc.property(fc.shuffledSubarray(some, { minLength: some.length }), (order) => {
      t.strictSame([pairOf(order), pairOf(order, few)], want)
    }),
    { numRuns: 40 },
  )
  t.equal(want[1]?.days.length, 4, "the newest days stay")
})

t.test("what is our own doing, or no use, teaches nothing", async (t) => {
  const d2 = who({ device_id: "d2" })
  const rows: [string, Seen, number][] = [
    ["a session around us", usedOn([0], ["d2"])[0] as Seen, 1],
    ["an acceptance", by(attempt(target, 0, "accepted"), d2), 1],
    ["a splice that the operator declared", by(splice("operator"), d2), 1],
    ["a splice for a client certificate", by(splice("client-certificate"), d2), 1],
    ["a trial", by(splice("trial"), d2), 0],
    ["what a trial led to", by(splice("learned"), d2), 0],
    ["an overload", by(splice("overload"), d2), 0],
    ["a session that failed", by(flow(target, 0, { verdict: "failed", source: "zeek" }), d2), 0],
    ["a refusal", by(attempt(target, 0, "refused-alert"), d2), 0],
    ["an unused socket", by(attempt(target, 0, "idle"), d2), 0],
  ]
  for (const [name, seen, used] of rows) {
    const [day] = pairOf([seen]).days
    t.equal(day?.used.length, used, name)
    t.equal(day?.connections, 1, `${name} is traffic`)
  }
})

t.test("only an observed app on a device that is known tells anything", async (t) => {
  t.ok(tellsOfPair(who()))
  t.notOk(tellsOfPair(who({ app: "inferred" })))
  t.notOk(tellsOfPair(who({ device: "absent", device_id: "address:10.0.0.1" })))
  t.notOk(tellsOfPair(who({ device: "shared" })))
  t.notOk(tellsOfPair(someone()))
})

t.test("days before a freeze stay, however many come after", async (t) => {
  const also = [{ from: dayStart, to: dayStart + 30 * HOUR }]
  const days = Array.from({ length: 60 }, (_, nth) => nth)
  const found = pairOf(usedOn(days, ["d1"]), { ...kept, also }).days.map(({ day }) => day)
  const first = dayStart / (24 * HOUR)
  t.equal(found.length, kept.days + 2)
  t.strictSame(found.slice(0, 2), [first, first + 1])
  t.equal(found.at(-1), first + 59)
})

t.test("a profile stays small", async (t) => {
  const stacks = Array.from({ length: 100 }, (_, nth) =>
    by(attempt(target, nth * HOUR, "accepted", { stack: `t13d_${nth}` }), who()),
  )
  const pair = pairOf([...stacks, ...usedOn([0, 1, 2, 3, 4, 5, 6, 7], devices)])
  t.equal(pair.stacks.length, mostOfPair.stacks)
  t.equal(pair.stacks[0]?.what, "t13d_0", "those seen first stay")
  t.equal(Math.max(...pair.days.map(({ used }) => used.length)), kept.devices)
  t.equal(emptyPair(bank, target).days.length, 0)
})

function splice(
  splice_cause: "operator" | "trial" | "learned" | "overload" | "client-certificate",
) {
  return flow(target, 0, { splice_cause, control: splice_cause === "trial" })
}
