import t from "tap"
import { asBound, cutNames, epochKey, epochs } from "../../src/analytics/epoch.ts"

const first = { issuing_ca: "aa", sensor_config: "c1" }
const second = { issuing_ca: "bb", sensor_config: "c1" }
const dated = (
  id: string,
  start: number,
  fact: { issuing_ca: string | null; sensor_config: string },
) => ({
  id,
  start,
  fact,
})

t.test("an imported flow belongs to the epoch in force at its time", async (t) => {
  const of = epochs([dated("1", 100, first), dated("2", 200, second)])
  const imported = { issuing_ca: null, sensor_config: "import" }
  const rows = [
    { name: "before everything", at: 50, epoch: first },
    { name: "in the first", at: 150, epoch: first },
    { name: "at the change", at: 200, epoch: second },
    { name: "after it", at: 900, epoch: second },
  ]
  for (const { name, at, epoch } of rows) t.same(of(dated("x", at, imported)), epoch, name)
  t.same(of(dated("y", 900, first)), first, "what carries a CA keeps it")
  t.same(epochs([])(dated("z", 1, imported)), imported, "nothing of ours to compare with")
})

t.test("CA, configuration and quality of binding each cut", async (t) => {
  const cutOf = cutNames()
  const cuts = [
    cutOf(first, "bound"),
    cutOf(second, "bound"),
    cutOf({ ...first, sensor_config: "c2" }, "bound"),
    cutOf(first, "ambiguous"),
  ]
  t.equal(new Set(cuts).size, cuts.length)
  t.equal(cutOf({ ...first }, "bound"), cuts[0])
  t.equal(asBound(cutOf(first, "ambiguous")), cuts[0])
  t.not(epochKey(first), epochKey({ ...first, issuing_ca: null }))
})
