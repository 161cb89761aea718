import t from "tap"
import { RegisterMemory } from "../../../src/cli/correlator/register-memory.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { RegisterEntry } from "../../../src/record/register-entry.ts"
import { iso, newDir, registerEntry, ten } from "../../evidence/fixtures.ts"

const hour = 3_600_000
const day = 24 * hour

t.test("it is known of what was learned whether a person has ended it", (t) => {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  const learned = (id: string, expires: number): RegisterEntry => ({
    ...registerEntry(id, "a.example", expires),
    kind: "learned",
    learned: { device_ids: [], retest: null, renewals: 0 },
  })
  const ids = ["removed", "rejected", "changed", "renewed"] as const
  store.putRegister(
    ids.map((id) => learned(id, ten + day)),
    "correlator",
    ten,
  )
  const memory = new RegisterMemory(store, day)
  t.equal(memory.learned(ten).length, 4)
  t.notOk(ids.some((id) => memory.endedByHand(id)))
  for (const what of ids) {
    const end = what === "renewed" ? ten + 2 * day : ten
    store.putRegister([learned(what, end)], "anna@hq", ten, { what, reason: "r" })
  }
  // The clock of a pass may stand a little before what it reads.
  for (const known of [memory, new RegisterMemory(store, day)]) {
    known.learned(ten - 1)
    t.strictSame(
      ids.filter((id) => known.endedByHand(id)),
      ["removed", "rejected"],
    )
  }
  store.putRegister([learned("removed", ten + 3 * day)], "anna@hq", ten, {
    what: "renewed",
    reason: `until ${iso(ten + 3 * day)}`,
  })
  memory.learned(ten)
  t.notOk(memory.endedByHand("removed"), "put in force again, it is not")
  t.end()
})

t.test("a trial is known for as long as its refusals are, and for a day at least", (t) => {
  const rows: [string, number, number, boolean][] = [
    ["within the day", day, 20 * hour, true],
    ["after the day", day, 25 * hour, false],
    ["after the day, the window is three", 3 * day, 25 * hour, true],
    ["after three days, the window is three", 3 * day, 73 * hour, false],
    ["within the day, the window is an hour", hour, 20 * hour, true],
  ]
  for (const [name, window, later, expected] of rows) {
    const store = openStore(newDir(t))
    t.teardown(() => store.close())
    const trial: RegisterEntry = { ...registerEntry("trial", "a.example", ten), kind: "trial" }
    store.putRegister([trial], "correlator", ten - hour)
    const memory = new RegisterMemory(store, window + 7 * day, window)
    t.equal(memory.trials(ten + later).length, expected ? 1 : 0, name)
    t.equal(memory.entries(ten + later).length, 1, `${name}: it explains evidence for longer`)
  }
  t.end()
})
