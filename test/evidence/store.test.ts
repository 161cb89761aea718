import { fork } from "node:child_process"
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import fc from "fast-check"
import t from "tap"
import { canonicalJson } from "../../src/evidence/canonical.ts"
import { migrations } from "../../src/evidence/migrations.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import { kindNames } from "../../src/record/kinds.ts"
import { anyRecord } from "./any-record.ts"
import { app, appEvent, attempt, binding, device, iso, newDir, posture, ten } from "./fixtures.ts"

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
  const { attempts, migrations: steps } = store.check().counts
  t.same([attempts, steps], [3 * 3 * 20, migrations.length])
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

t.test("a record of any kind has one text, whatever the order of its keys", async (t) => {
  for (const kind of kindNames) {
    const different = fc
      .sample(anyRecord(kind), { numRuns: 8, seed: 1 })
      .filter((record) => canonicalJson(kind, backwards(record)) !== canonicalJson(kind, record))
    t.same(different, [], kind)
  }
  t.match(canonicalJson("attempts", backwards(attempt("a"))), /^{"tenant":"acme","site":"hq",/)
})

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
  const [newest, ...rest] = store.attemptsOf("10.1.0.7", ten, ten + 2 * minute, 1)
  t.same([newest?.id, rest], ["2", []], "of more than asked for the newest")
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

t.test("a use of the register is forgotten only once it was summed up", async (t) => {
  const store = newStore(t)
  const uses = [1, 2, 3, 4].map((n) => ({
    kind: "register-hits" as const,
    values: ["e", ten - hour + n, "open", "s", `c-${n}`, 0],
  }))
  store.appendSerialised(uses)
  t.equal(store.retain("register-hits", ten, 9), 0, "nobody has read them")
  store.saveCursor("correlator/hits", 3)
  t.equal(store.retain("register-hits", ten - hour + 2, 9), 1, "the first is old enough")
  t.equal(store.retain("register-hits", ten, 1), 1, "a bounded number at a time")
  store.saveCursor("correlator/hits", 4)
  t.equal(store.retain("register-hits", ten, 9), 1, "the newest row stays")
  t.same(
    store.followHits(0, 9).map(({ seq }) => seq),
    [4],
  )
})

function backwards<T>(value: T): T {
  if (Array.isArray(value)) return value.map(backwards) as T
  if (typeof value !== "object" || value === null) return value
  const fields = Object.entries(value).reverse()
  return Object.fromEntries(fields.map(([key, field]) => [key, backwards(field)])) as T
}

t.test("news that a clock of the future has put off is owed at once", async (t) => {
  const store = newStore(t)
  store.putAlertState("past", {}, ten - hour)
  store.putAlertState("tonight", {}, ten + hour)
  store.putAlertState("next year", {}, ten + 365 * 24 * hour)
  store.putAlertState("nothing owed", {}, null)
  t.strictSame(store.dueAlertStates(ten, 10, 24 * hour), ["past", "next year"])
})
