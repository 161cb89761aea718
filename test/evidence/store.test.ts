import { fork } from "node:child_process"
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import fc from "fast-check"
import t from "tap"
import { canonicalJson } from "../../src/evidence/canonical.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import { kindNames } from "../../src/record/kinds.ts"
import { anyRecord } from "./any-record.ts"
import {
  app,
  appEvent,
  attempt,
  binding,
  device,
  iso,
  newDir,
  posture,
  registerEntry,
  ten,
} from "./fixtures.ts"

const minute = 60_000
const hour = 60 * minute

function newStore(t: Tap, options = {}): Store {
  const store = openStore(newDir(t), options)
  t.teardown(() => store.close())
  return store
}
type Tap = Parameters<typeof newDir>[0]

t.test("a new store is readable by its owner only", async (t) => {
  const dir = join(newDir(t), "var")
  const store = openStore(dir)
  store.append("attempts", [attempt("a")])
  t.equal(statSync(dir).mode & 0o777, 0o700)
  for (const file of ["evidence.sqlite", "evidence.sqlite-wal", "evidence.sqlite-shm"]) {
    t.equal(statSync(join(dir, file)).mode & 0o777, 0o600, file)
  }
  store.close()
})

t.test("several processes may open a new store at once", async (t) => {
  const dir = newDir(t)
  const module = join(import.meta.dirname, "append-child.ts")
  const children = [1, 2, 3].map((n) => fork(module, [dir, `p${n}`, "3"], { silent: true }))
  const codes = await Promise.all(
    children.map((child) => new Promise((resolve) => child.once("exit", resolve))),
  )
  t.same(codes, [0, 0, 0])
  const store = openStore(dir)
  t.equal(store.check().counts["attempts"], 3 * 3 * 20)
  t.equal(store.check().counts["migrations"], 1)
  store.close()
})

t.test("a database that cannot be used is refused with a way out", async (t) => {
  const text = newDir(t)
  writeFileSync(
    join(text, "evidence.sqlite"),
    "this is a text file and no database at all\n".repeat(99),
  )
  t.throws(() => openStore(text), /damaged or no database.*\.recover.*move it.*away/)

  const newer = newDir(t)
  openStore(newer).close()
  const db = new Database(join(newer, "evidence.sqlite"))
  db.exec("INSERT INTO migrations VALUES (99, 'of the future')")
  db.close()
  t.throws(() => openStore(newer), /newer pinsensor \(schema 99, this one knows \d+\)/)
  t.throws(() => openStore(newer, { readonly: true }), /newer pinsensor/)

  const other = newDir(t)
  const foreign = new Database(join(other, "evidence.sqlite"))
  foreign.exec("CREATE TABLE bookmarks (url TEXT)")
  foreign.close()
  t.throws(() => openStore(other), /another program/)

  t.throws(() => openStore(newDir(t), { readonly: true }), /start `pinsensor run` or import/)
  t.throws(() => openStore(join(text, "evidence.sqlite")), /EEXIST|ENOTDIR/)
})

t.test("a damaged page is found by check", async (t) => {
  const dir = newDir(t)
  const path = join(dir, "evidence.sqlite")
  const store = openStore(dir)
  store.append(
    "attempts",
    Array.from({ length: 200 }, (_, n) => attempt(`a${n}`)),
  )
  t.same([store.check().ok, store.check().problems], [true, []])
  store.close()
  const bytes = readFileSync(path)
  chmodSync(path, 0o600)
  bytes.fill(0xee, bytes.length - 8192)
  writeFileSync(path, bytes)
  const damaged = openStore(dir)
  t.equal(damaged.check().ok, false)
  t.ok(damaged.check().problems.length > 0)
  damaged.close()
})

t.test("a fact is stored once, and another content under its id is a conflict", async (t) => {
  const store = newStore(t)
  const count = (added: number, known: number, conflict_ids: string[] = []) => ({
    added,
    known,
    updated: 0,
    conflicts: conflict_ids.length,
    conflict_ids,
  })
  t.same(store.append("attempts", [attempt("a"), attempt("b")]), count(2, 0))
  t.same(store.append("attempts", [attempt("b"), attempt("c")]), count(1, 1))
  t.same(store.append("attempts", [attempt("a", ten + 1)]), count(0, 0, ["a"]))
  t.equal(store.get("attempts", "a")?.observed_at, iso(ten), "the stored one is kept")
})

t.test("an app event that comes again under another id is the same event", async (t) => {
  const store = newStore(t)
  store.append("app-events", [appEvent("by-webhook", "e-1")])
  t.match(store.append("app-events", [appEvent("by-import", "e-1")]), { added: 0, known: 1 })
  t.match(store.append("app-events", [appEvent("x", "e-2", ten + hour)]), { added: 1 })
  t.same(
    store.appEventsBetween(ten, ten + hour).map((event) => event.id),
    ["by-webhook"],
    "up to, not including",
  )
})

t.test(
  "a record of any kind comes back as it went in, whatever the order of its keys",
  async (t) => {
    for (const kind of kindNames) {
      fc.assert(
        fc.property(anyRecord(kind), (record) => {
          const shuffled = backwards(record)
          t.equal(canonicalJson(kind, shuffled), canonicalJson(kind, record))
          const parsed = JSON.parse(canonicalJson(kind, shuffled))
          if (canonicalJson(kind, parsed) !== canonicalJson(kind, record))
            throw new Error("changed")
        }),
        { numRuns: 10 },
      )
    }
  },
)

t.test("judgements keep their current version", async (t) => {
  const store = newStore(t)
  for (const kind of ["findings", "incidents"] as const) {
    const [one, other] = fc.sample(anyRecord(kind), { numRuns: 2, seed: 7 })
    if (!one || !other) throw new Error("no sample")
    const next = { ...other, id: one.id }
    t.match(store.append(kind, [one] as never), { added: 1, updated: 0 })
    t.match(store.append(kind, [next] as never), { added: 0, updated: 1 })
    t.match(store.append(kind, [next] as never), { known: 1, updated: 0 })
    t.same(store.get(kind, one.id), JSON.parse(JSON.stringify(next)))
    t.equal([...store.all(kind)].length, 1)
  }
})

t.test(
  "a follower reads each record once, in the order of commits, from where it stood",
  async (t) => {
    const store = newStore(t)
    t.equal(store.lastSeq("attempts"), 0)
    store.append("attempts", [attempt("late", ten), attempt("early", ten - hour)])
    const first = store.follow("attempts", store.cursor("correlator"), 1)
    t.same(
      first.map(({ record }) => record.id),
      ["late"],
    )
    store.saveCursor("correlator", first[0]?.seq ?? 0)
    t.same(
      store.follow("attempts", store.cursor("correlator"), 10).map(({ record }) => record.id),
      ["early"],
    )
    t.equal(store.lastSeq("attempts"), 2)
  },
)

t.test(
  "what is written in a transaction that fails is not there, its cursor neither",
  async (t) => {
    const store = newStore(t)
    t.throws(() =>
      store.transaction(() => {
        store.append("attempts", [attempt("a")])
        store.saveCursor("correlator", 5)
        throw new Error("stop")
      }),
    )
    t.same([store.lastSeq("attempts"), store.cursor("correlator")], [0, 0])
  },
)

t.test("a client's records are found by event time, whenever they arrived", async (t) => {
  const store = newStore(t)
  store.append("attempts", [
    attempt("2", ten + minute),
    attempt("other client", ten, "10.1.0.8"),
    attempt("1", ten),
    attempt("3", ten + 2 * minute),
  ])
  const ids = store.attemptsOf("10.1.0.7", ten, ten + 2 * minute).map((one) => one.id)
  t.same(ids, ["1", "2"], "from inclusive, to exclusive")
  t.same(store.flowsOf("10.1.0.7", 0, ten + hour), [])
  t.same(store.clientsSeen(ten, ten + 1), ["10.1.0.7", "10.1.0.8"])
  t.same(store.clientsSeen(ten + 1, ten + hour), ["10.1.0.7"])
  t.same(store.clientsSeen(ten + hour, ten + 2 * hour), [])
  t.same(
    [...store.all("attempts", ten + minute)].map((one) => one.id),
    ["2", "3"],
  )
  t.same([...store.all("attempts", ten + hour)], [])
})

t.test("the newest statement on a device, profile or app is the one in force", async (t) => {
  const store = newStore(t)
  store.append("devices", [
    device("new", "d-1", ten, "anna"),
    device("old", "d-1", ten - hour, "bert"),
    device("later", "d-1", ten, "cleo"),
    { ...device("other-tenant", "d-1", ten - hour, "dora"), tenant: "other" },
  ])
  t.same(
    store.current("devices").map((one) => one.user),
    ["cleo", "dora"],
  )
  t.same([store.isCurrent("devices", "new"), store.isCurrent("devices", "later")], [false, true])

  store.append("postures", [
    posture("p2", "d-1", ten),
    posture("p1", "d-1", ten - hour),
    posture("p3", "d-1", ten - minute, "work"),
  ])
  t.same(
    store.posturesOf("d-1").map((one) => one.id),
    ["p1", "p3", "p2"],
    "oldest first",
  )
  t.same(
    store.current("postures").map((one) => one.id),
    ["p2", "p3"],
  )

  store.append("apps", [
    app("u", "x", ten, null),
    app("u2", "x", ten + 1, null),
    app("s", "x", ten, "ab"),
  ])
  t.same(
    store.current("apps").map((one) => one.id),
    ["u2", "s"],
  )
})

t.test("bindings are half open, and one without an end lasts", async (t) => {
  const store = newStore(t)
  store.append("bindings", [
    binding("lasts", "10.1.0.7", ten, null),
    binding("ended", "10.1.0.7", ten - hour, ten),
    binding("other", "10.1.0.8", ten - hour, ten - minute),
  ])
  const ids = (from: number, to: number) => store.bindings(from, to).map((one) => one.id)
  t.same(ids(ten, ten + 1), ["lasts"])
  t.same(ids(ten - minute, ten), ["ended"])
  t.same(ids(ten - hour, ten + 1), ["ended", "other", "lasts"])
  t.same(ids(ten + 99 * hour, ten + 100 * hour), ["lasts"])
  t.same(
    store.bindingsOf("10.1.0.7").map((one) => one.id),
    ["ended", "lasts"],
  )
})

t.test(
  "a worker that polls sees each change of the register, and who made it is kept",
  async (t) => {
    const dir = newDir(t)
    const store = openStore(dir)
    const worker = openStore(dir, { readonly: true })
    t.teardown(() => [store, worker].map((one) => one.close()))
    const version = worker.dataVersion()
    const revision = worker.registerRevision()
    const bank = registerEntry("bank", "api.bank.example", ten + hour)
    store.putRegister([bank, registerEntry("push", "push.example", null)], "anna", ten)
    t.not(worker.dataVersion(), version)
    t.equal(worker.registerRevision(), revision + 2)
    t.same(
      worker.registerEntries(ten).map((one) => one.id),
      ["bank", "push"],
    )
    t.same(
      worker.registerEntries(ten + hour).map((one) => one.id),
      ["push"],
      "expired at its time",
    )

    t.same(store.putRegister([bank], "anna", ten), { added: 0, changed: 0, known: 1 })
    t.equal(worker.registerRevision(), revision + 2, "the same again is no change")
    store.putRegister([{ ...bank, owner: "bert" }], "bert", ten + 1)
    t.equal(store.removeRegister("bank", "cleo", "no longer pinned", ten + 2), true)
    t.equal(store.removeRegister("bank", "cleo", "twice", ten + 3), false)
    t.same(
      worker.registerEntries(ten).map((one) => one.id),
      ["push"],
    )
    t.same(
      store
        .registerAudit(0, 10)
        .map(({ who, what, reason, before, after }) => [
          who,
          what,
          reason,
          before?.owner ?? null,
          after?.owner ?? null,
        ]),
      [
        ["anna", "added", "pinned by its vendor", null, "netops"],
        ["anna", "added", "pinned by its vendor", null, "netops"],
        ["bert", "changed", "pinned by its vendor", "netops", "bert"],
        ["cleo", "removed", "no longer pinned", "bert", null],
      ],
    )
    t.throws(() => worker.putRegister([bank], "worker", ten), /readonly/)
  },
)

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

t.test("retention forgets old facts in small steps, and keeps what is in force", async (t) => {
  const store = newStore(t)
  store.append("attempts", [
    ...Array.from({ length: 5 }, (_, n) => attempt(`old ${n}`, ten - hour)),
    attempt("young", ten),
  ])
  t.same(
    [1, 2, 3].map(() => store.retain("attempts", ten, 2)),
    [2, 2, 1],
  )
  t.equal(store.retain("attempts", ten, 2), 0)
  t.same(
    [...store.all("attempts")].map((one) => one.id),
    ["young"],
  )

  t.equal(store.retain("attempts", ten + 1, 9), 0, "the newest row stays: its seq is a cursor's")
  store.append("attempts", [attempt("next", ten)])
  t.equal(store.lastSeq("attempts"), 7)

  store.append("devices", [
    device("1", "d-1", ten - hour, "a"),
    device("2", "d-1", ten - minute, "b"),
  ])
  store.append("devices", [device("3", "d-2", ten - hour, "c")])
  t.equal(store.retain("devices", ten, 9), 1)
  t.same(
    store.current("devices").map((one) => one.id),
    ["2", "3"],
  )

  store.append("bindings", [
    binding("ended", "10.1.0.7", ten - 2 * hour, ten - hour),
    binding("lasts", "10.1.0.7", ten - 2 * hour, null),
  ])
  t.equal(store.retain("bindings", ten, 9), 1)
  t.same(
    store.bindingsOf("10.1.0.7").map((one) => one.id),
    ["lasts"],
  )
})

t.test("a use of a register entry is counted once, however often it is sent", async (t) => {
  const store = newStore(t)
  const open = { kind: "register-hits", values: ["e", ten, "open", "s", "c-1", 0] } as const
  const close = {
    kind: "register-hits",
    values: ["e", ten + 5, "close", "s", "c-1", 4096],
  } as const
  const rows = [open, close, open].map((row) => ({ ...row, values: [...row.values] }))
  t.match(store.appendSerialised(rows), { added: 2, known: 1 })
  t.same(store.followHits(1, 10), [
    {
      seq: 2,
      hit: {
        entry_id: "e",
        at_ms: ten + 5,
        event: "close",
        sensor_id: "s",
        connection_id: "c-1",
        bytes: 4096,
      },
    },
  ])
})

function backwards<T>(value: T): T {
  if (Array.isArray(value)) return value.map(backwards) as T
  if (typeof value !== "object" || value === null) return value
  const fields = Object.entries(value).reverse()
  return Object.fromEntries(fields.map(([key, field]) => [key, backwards(field)])) as T
}
