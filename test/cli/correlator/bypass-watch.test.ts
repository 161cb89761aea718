import t from "tap"
import { BypassWatch } from "../../../src/cli/correlator/bypass-watch.ts"
import { Correlator } from "../../../src/cli/correlator/pass.ts"
import { loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { Store } from "../../../src/evidence/store.ts"
import type { Flow } from "../../../src/record/flow.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { entry } from "../../policy/given.ts"
import { dayStart, flow, HOUR } from "../../support/records.ts"

const day = 24 * HOUR
const learned = { splice_cause: "learned" as const, control: false, register_entry: "e1" }

interface Event {
  event: string
  [field: string]: unknown
}

function world(t: { teardown(fn: () => void): void }) {
  const dir = newDir(t)
  const store = openStore(dir)
  t.teardown(() => store.close())
  const config = loadConfig(null, { tenant: "t1", site: "hq", data: dir })
  const events: Event[] = []
  const parts = {
    store,
    config,
    clock: () => dayStart + 6 * day,
    log: (_: string, event: string, fields: object) => events.push({ event, ...fields }),
  }
  store.putRegister([entry({ id: "e1", kind: "learned" })], "alice@test", dayStart)
  return { store, parts, events, correlator: () => new Correlator(parts) }
}

const daily = (days: number) =>
  Array.from({ length: days }, (_, n) => flow("api.example.org", n * day, learned))
const other = () => flow("api.example.org", 5 * day, { ...learned, id: "odd", stack: "curl" })

function settled(correlator: Correlator): void {
  while (correlator.pass());
}

const driftsIn = (store: Store) => store.driftsOf(["e1"]).map(({ sign, now }) => [sign, now])
const named = (events: Event[]) => events.filter(({ event }) => event === "bypass-drift")
const whoever = { device_id: "d1", device: "bound" } as never
const noted = (watch: BypassWatch, flows: Flow[]) => {
  for (const fact of flows) watch.note({ fact, who: whoever })
}

t.test("a stack that comes to a bypass later is stored, logged, and told once", (t) => {
  const { store, events, correlator } = world(t)
  store.append("flows", daily(5))
  const first = correlator()
  settled(first)
  t.strictSame(driftsIn(store), [])
  store.append("flows", [other()])
  settled(first)
  t.strictSame(driftsIn(store), [["stack", "curl"]])
  t.match(store.driftsOf(["e1"]), [
    { tenant: "t1", site: "hq", entry_id: "e1", evidence_ids: ["odd"], device_id: null },
  ])
  t.match(named(events), [{ entry_id: "e1", sign: "stack", now: "curl" }])
  store.append("flows", [{ ...other(), id: "odd-2" }])
  settled(correlator())
  t.equal(named(events).length, 1, "also after a restart, which goes on with the same profile")
  t.end()
})

t.test("what one correlator learned, the next one goes on with", (t) => {
  const { store, correlator } = world(t)
  store.append("flows", daily(5))
  settled(correlator())
  store.append("flows", [other()])
  settled(correlator())
  t.strictSame(driftsIn(store), [["stack", "curl"]])
  t.end()
})

t.test("flows of an entry that is gone are nobody's to watch", (t) => {
  const { store, correlator } = world(t)
  store.removeRegister("e1", "alice@test", "not needed", dayStart)
  store.append("flows", [...daily(5), other()])
  settled(correlator())
  t.strictSame(driftsIn(store), [])
  t.equal(store.bypassProfile("e1"), null)
  t.end()
})

t.test("a commit that fails loses no drift, and one that comes again counts nothing twice", (t) => {
  const { store, parts, events } = world(t)
  const watch = new BypassWatch(parts)
  noted(watch, [...daily(5), other()])
  t.throws(
    () =>
      store.transaction(() => {
        watch.store()
        throw new Error("disk full")
      }),
    /disk full/,
  )
  t.strictSame(driftsIn(store), [])
  store.transaction(() => watch.store())()
  t.strictSame(driftsIn(store), [["stack", "curl"]])
  t.match(store.bypassProfile("e1"), { days: [{}, {}, {}, {}, {}, { connections: 1 }] })
  t.equal(named(events).length, 1)
  t.end()
})

t.test("flows that are read again after a fault are counted once", (t) => {
  const { store, parts } = world(t)
  const watch = new BypassWatch(parts)
  noted(watch, daily(1))
  watch.get("e1")
  watch.rollBack()
  noted(watch, daily(1))
  store.transaction(() => watch.store())()
  t.match(store.bypassProfile("e1"), { days: [{ connections: 1 }] })
  t.end()
})

t.test("a judgement sees the drifts of the news that it is made from", (t) => {
  const { parts } = world(t)
  const watch = new BypassWatch(parts)
  noted(watch, [...daily(5), other()])
  t.match(watch.get("e1"), [{ sign: "stack", now: "curl" }])
  parts.store.transaction(() => watch.store())()
  t.equal(watch.get("e1").length, 1, "stored, they are not told beside themselves")
  t.strictSame(watch.get("e2"), [])
  t.end()
})

t.test("a stored profile of another shape is told, and learned anew", (t) => {
  const { store, parts, events } = world(t)
  store.putBypassProfile("e1", { version: 0 }, dayStart)
  const watch = new BypassWatch(parts)
  noted(watch, daily(3))
  store.transaction(() => watch.store())()
  t.match(events, [{ event: "bypass-profile-unusable", entry_id: "e1" }])
  t.match(store.bypassProfile("e1"), { days: [{}, {}, {}] })
  t.end()
})
