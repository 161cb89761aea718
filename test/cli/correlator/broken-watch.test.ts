import t from "tap"
import { BrokenWatch } from "../../../src/cli/correlator/broken-watch.ts"
import type { BrokenApp } from "../../../src/policy/trial/broken.ts"
import { dayStart, HOUR, MINUTE } from "../../support/records.ts"

const broken = (name: string, due_ms = dayStart): BrokenApp => ({
  key: name,
  device_id: `phone-${name}`,
  stack: null,
  sni: "api.example",
  app_id: null,
  verdict: "suspected",
  since_ms: dayStart - 12 * HOUR,
  due_ms,
  why: "for a test",
})

function watch() {
  const told: object[] = []
  return { told, one: new BrokenWatch((_, event, fields) => told.push({ event, ...fields })) }
}

t.test("an app is told once a day, and not before its time", async (t) => {
  const { told, one } = watch()
  one.note([broken("a", dayStart + HOUR)], dayStart)
  t.same(told, [])
  for (let now = dayStart + HOUR; now < dayStart + 26 * HOUR; now += 10 * MINUTE)
    one.note([broken("a", dayStart + HOUR)], now)
  t.match(told, [{ event: "app-broken-long", device_id: "phone-a" }, { device_id: "phone-a" }])
  t.equal(told.length, 2)
})

t.test("a device is looked at again when the time of its app is over, once", async (t) => {
  const { one } = watch()
  one.note([broken("a", dayStart + HOUR), broken("b", dayStart + 2 * HOUR)], dayStart)
  t.same(one.due(dayStart + HOUR - 1), [])
  t.same(one.due(dayStart + HOUR), ["phone-a"])
  t.same(one.due(dayStart + HOUR + 1), [])
  t.same(one.due(dayStart + 3 * HOUR), ["phone-b"])
})

t.test("many at once are told in examples, the others in the hours after", async (t) => {
  const { told, one } = watch()
  const all = Array.from({ length: 250 }, (_, index) => broken(`${index}`))
  one.note(all, dayStart)
  one.note(all, dayStart + MINUTE)
  t.equal(told.length, 100)
  one.note(all, dayStart + HOUR)
  t.equal(told.length, 200)
})
