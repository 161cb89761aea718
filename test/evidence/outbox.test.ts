import fc from "fast-check"
import t from "tap"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import { anyRecord } from "./any-record.ts"
import { newDir, ten } from "./fixtures.ts"

const minute = 60_000

function newStore(t: Parameters<typeof newDir>[0], options = {}): Store {
  const store = openStore(newDir(t), options)
  t.teardown(() => store.close())
  return store
}

t.test("the outbox keeps the order, waits for the head, and sends an alert once", async (t) => {
  const store = newStore(t)
  const alerts = fc.sample(anyRecord("alerts"), { numRuns: 3, seed: 3 }).map((alert, n) => ({
    ...alert,
    id: `alert-${n}`,
  }))
  store.append("alerts", alerts)
  t.throws(() => store.enqueue("no such alert", "syslog", ten), /FOREIGN KEY/)
  for (const { id } of alerts) t.equal(store.enqueue(id, "syslog", ten), true)
  t.equal(store.enqueue("alert-0", "syslog", ten), false, "enqueued once")
  const due = (at: number) => store.dueOutbox("syslog", at, 10).map((row) => row.alert.id)
  t.same(due(ten), ["alert-0", "alert-1", "alert-2"])
  const [head] = store.dueOutbox("syslog", ten, 1)
  t.same(head?.alert, JSON.parse(JSON.stringify(alerts[0])))
  store.markFailed(head?.seq ?? 0, ten + minute, "ECONNREFUSED")
  t.same(due(ten), [], "nothing overtakes the head")
  t.same(due(ten + minute), ["alert-0", "alert-1", "alert-2"])
  t.equal(store.dueOutbox("syslog", ten + minute, 1)[0]?.attempts, 1)
  store.markSent(head?.seq ?? 0, ten + minute)
  t.same(due(ten + minute), ["alert-1", "alert-2"])
  t.same(store.outboxDepth(), [{ sink: "syslog", pending: 2, sent: 1, dead: 0 }])
})

t.test("a full outbox gives up its oldest alerts and counts them", async (t) => {
  const store = newStore(t, { outboxLimit: 2 })
  const [sample] = fc.sample(anyRecord("alerts"), { numRuns: 1, seed: 3 })
  if (!sample) throw new Error("no sample")
  for (const id of ["a", "b", "c"]) {
    store.append("alerts", [{ ...sample, id }])
    store.enqueue(id, "syslog", ten)
    store.enqueue(id, "file", ten)
  }
  t.same(
    store.dueOutbox("syslog", ten, 10).map((row) => row.alert.id),
    ["b", "c"],
  )
  t.same(store.outboxDepth(), [
    { sink: "file", pending: 2, sent: 0, dead: 1 },
    { sink: "syslog", pending: 2, sent: 0, dead: 1 },
  ])
})
