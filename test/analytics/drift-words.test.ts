import t from "tap"
import { driftReasons, driftWords } from "../../src/analytics/drift-words.ts"
import { Drift } from "../../src/record/drift.ts"
import { at } from "../support/records.ts"

const drift = (given: Partial<Drift>) =>
  Drift.parse({
    tenant: "t1",
    site: "hq",
    sensor_id: "s1",
    v: 1,
    id: "drift-1",
    observed_at: at(0),
    entry_id: "e1",
    sign: "stack",
    was: "1 stack: app",
    now: "curl",
    device_id: "d1",
    evidence_ids: ["f1"],
    ...given,
  })

t.test("a drift is told with what was before and the flows that showed it", async (t) => {
  t.strictSame(driftWords([drift({})], "d1"), [
    "Since the bypass began: a stack not seen before, curl (before: 1 stack: app; flow f1).",
  ])
  t.match(driftWords([drift({ sign: "volume", evidence_ids: ["f1", "f2"] })], "d1"), [
    /much more traffic.*flows f1, f2/,
  ])
})

t.test("that another device showed it is said", async (t) => {
  t.match(driftWords([drift({ device_id: "d2" })], "d1"), [/by another device/])
  t.notMatch(driftWords([drift({ device_id: null })], "d1"), [/another device/])
})

t.test("of many the latest are told, and the number of the others", async (t) => {
  const many = Array.from({ length: 8 }, (_, n) => drift({ now: `stack-${n}` }))
  const words = driftWords(many, "d1")
  t.equal(words.at(0), "Since the bypass began: 3 earlier drifts.")
  t.match(words.at(1), /stack-3/)
})

t.test("among other reasons they are found again", async (t) => {
  const words = driftWords([drift({})], "d1")
  t.strictSame(driftReasons(["It refused.", ...words]), words)
})
