import { fork } from "node:child_process"
import { createHash } from "node:crypto"
import { join } from "node:path"
import Database from "better-sqlite3"
import t from "tap"
import { migrations } from "../../src/evidence/migrations.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import type { RegisterHit } from "../../src/evidence/tables.ts"
import type { Drift } from "../../src/record/drift.ts"
import { RegisterEntry } from "../../src/record/register-entry.ts"
import { iso, newDir, registerEntry, ten } from "./fixtures.ts"

const hour = 3_600_000
type Tap = Parameters<typeof newDir>[0]

function newStore(t: Tap, dir = newDir(t)): Store {
  const store = openStore(dir)
  t.teardown(() => store.close())
  return store
}

const bank = registerEntry("bank", "api.bank.example", ten + hour)
const push = registerEntry("push", "push.example", null)

const use = (
  event: "open" | "close",
  at_ms: number,
  bytes = 0,
  entry_id = "bank",
): RegisterHit => ({
  entry_id,
  at_ms,
  event,
  sensor_id: "s",
  connection_id: `c-${at_ms}`,
  bytes,
})

t.test(
  "a worker that polls sees each change of the register, and who made it is kept",
  async (t) => {
    const dir = newDir(t)
    const store = newStore(t, dir)
    const worker = openStore(dir, { readonly: true })
    t.teardown(() => worker.close())
    const version = worker.dataVersion()
    const revision = worker.registerAuditSeq()
    store.putRegister([bank, push], "anna", ten)
    t.not(worker.dataVersion(), version)
    t.equal(worker.registerAuditSeq(), revision + 2)
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
    t.equal(worker.registerAuditSeq(), revision + 2, "the same again is no change")
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

t.test("a worker reads only what changed, each entry as it stands now", async (t) => {
  const store = newStore(t)
  t.equal(store.registerAuditSeq(), 0)
  store.putRegister([bank, push], "anna", ten)
  t.same(
    store.registerChangesAfter(0, 10).map(({ seq, entry }) => [seq, entry?.id]),
    [
      [1, "bank"],
      [2, "push"],
    ],
  )
  store.putRegister([{ ...push, owner: "bert" }], "bert", ten)
  store.removeRegister("bank", "cleo", "no longer pinned", ten)
  store.putRegister([{ ...push, owner: "cleo" }], "cleo", ten)
  t.same(
    store
      .registerChangesAfter(2, 10)
      .map(({ seq, entry_id, entry }) => [seq, entry_id, entry?.owner ?? null]),
    [
      [4, "bank", null],
      [5, "push", "cleo"],
    ],
    "once each, in the order of the newest change; null is gone",
  )
  t.match(store.registerChangesAfter(2, 1), [
    { seq: 3, entry_id: "push", entry: { owner: "cleo" } },
  ])
  t.same([store.registerAuditSeq(), store.registerChangesAfter(5, 10)], [5, []])
})

t.test(
  "proposals and declared bypasses stand in the register, and nothing decides by them",
  async (t) => {
    const store = newStore(t)
    const proposed: RegisterEntry = { ...push, standing: "proposed" }
    const declared: RegisterEntry = { ...bank, id: "rule:bank", source: "rule", declared: "{}" }
    store.putRegister([bank, proposed, declared], "test", ten)
    const deciding = () => store.registerEntries(ten).map(({ id }) => id)
    t.same(deciding(), ["bank"])
    t.equal([...store.all("register")].length, 3)
    store.putRegister([{ ...proposed, standing: "in-force" }], "anna", ten, {
      what: "accepted",
      reason: "the vendor confirms it",
    })
    t.same(deciding(), ["bank", "push"])
    t.match(store.registerHistory("push"), [
      { what: "added", reason: "pinned by its vendor" },
      { what: "accepted", reason: "the vendor confirms it", before: { standing: "proposed" } },
    ])
  },
)

t.test("use is summed up beside the entry, and is no change of it", async (t) => {
  const store = newStore(t)
  store.putRegister([bank], "anna", ten)
  const revision = store.registerAuditSeq()
  store.useRegister([use("open", ten + 2), use("open", ten + 1), use("close", ten + 9, 4_000)])
  store.useRegister([use("close", ten + 5, 96), use("open", ten, 0, "nobody's")])
  t.same(
    store.registerUse(["bank", "nobody's"]),
    new Map([["bank", { hits: 2, bytes: 4_096, first_ms: ten + 1, last_ms: ten + 9 }]]),
  )
  const used = { hits: 2, bytes: 4_096, last_hit_at: iso(ten + 9) }
  t.match(store.get("register", "bank"), used)
  t.match([...store.all("register")], [used])
  t.match(JSON.parse([...store.bodies("register")][0] ?? ""), used, "exported")
  t.match(store.registerEntries(ten), [used])
  t.equal(store.registerAuditSeq(), revision)

  store.putRegister([{ ...bank, hits: 0, bytes: 0, owner: "bert" }], "bert", ten)
  t.same(
    store.registerHistory("bank").map((change) => change.use),
    [null, used],
    "the audit says beside it how much it had been used by then",
  )
  t.match(
    store.get("register", "bank"),
    { ...used, owner: "bert" },
    "a change leaves the use alone",
  )
  const [, changed] = store.registerHistory("bank")
  t.notMatch(JSON.stringify([changed?.before, changed?.after]), /"hits"|"bytes":4096/)
  t.same(store.putRegister([{ ...bank, owner: "bert", hits: 7 }], "x", ten), {
    added: 0,
    changed: 0,
    known: 1,
  })
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

t.test("what ended long ago may go, a few at a time; its audit and drifts stay", async (t) => {
  const store = newStore(t)
  const old = [1, 2, 3].map((n) => registerEntry(`old-${n}`, `${n}.example`, ten - hour + n))
  store.putRegister([...old, bank, push], "anna", ten - 2 * hour)
  store.putBypassProfile("old-1", { stacks: ["a"] }, ten)
  store.putBypassProfile("bank", { stacks: ["b"] }, ten)
  store.append("drifts", [drift("d-1", "old-1")])
  const removed = () => store.removeEndedRegister(ten - hour + 3, 1, "correlator", ten)
  t.same([removed(), removed(), removed()], [1, 1, 0])
  t.same(
    [...store.all("register")].map(({ id }) => id),
    ["old-3", "bank", "push"],
  )
  t.match(store.registerHistory("old-1").at(-1), {
    what: "removed",
    who: "correlator",
    after: null,
  })
  const trial = RegisterEntry.parse({ ...bank, id: "trial", kind: "trial", expires_at: iso(ten) })
  store.putRegister([trial, { ...trial, id: "no trial", kind: "operator" }], "anna", ten)
  t.equal(store.removeEndedRegister(ten + 1, 9, "correlator", ten, "trials"), 1)
  t.equal(store.get("register", "trial"), null)
  t.equal(store.bypassProfile("old-1"), null, "what was summed up of it goes with it")
  t.same(store.bypassProfile("bank"), { stacks: ["b"] })
  t.same(store.driftsOf(["old-1", "bank"]), [drift("d-1", "old-1")])
})

t.test("a review by a person counts as a look at an entry, a re-test does not", async (t) => {
  const store = newStore(t)
  const put = (owner: string, who: string, at: number, what: "reviewed" | "renewed" | "changed") =>
    store.putRegister([{ ...bank, owner }], who, at, { what, reason: "r" })
  store.putRegister([bank], "anna", ten)
  put("a", "correlator", ten + 1, "renewed")
  put("b", "config", ten + 2, "changed")
  t.same(store.registerReviews(["bank", "none"]), new Map([["bank", ten]]))
  put("c", "anna@hq", ten + 3, "renewed")
  t.equal(store.registerReviews(["bank"]).get("bank"), ten + 3)
  put("d", "anna@hq", ten + 4, "reviewed")
  t.equal(store.registerReviews(["bank"]).get("bank"), ten + 4)
})

t.test("the chain of hashes can be followed from the export alone", async (t) => {
  const store = newStore(t)
  store.putRegister([bank, { ...push, reason: 'ünï \u2028 "quoted"' }], "anna", ten)
  store.removeRegister("bank", "cleo", "no longer pinned", ten + 2)
  let hash = ""
  for (const body of store.bodies("register-changes")) {
    const said = JSON.parse(body).hash
    const text = body.replace(/,"hash":"[0-9a-f]{64}"\}$/, "}")
    hash = createHash("sha256").update(`${hash}\n${text}`).digest("hex")
    t.equal(said, hash)
  }
  t.match(store.check(), { ok: true, audit: { rows: 3, head: hash } })
})

t.test("two processes that change the register at once do not fork the chain", async (t) => {
  const dir = newDir(t)
  const store = newStore(t, dir)
  const child = fork(join(import.meta.dirname, "register-child.ts"), [dir, "child", "60"])
  const ended = new Promise((resolve) => child.once("exit", resolve))
  let done = false
  ended.then(() => {
    done = true
  })
  for (let n = 0; !done || n < 60; n += 1) {
    store.putRegister([registerEntry(`own-${n % 60}`, `${n}.example`, null)], "own", ten)
    // A pause in which the other gets the lock: who waits for it sleeps between its tries.
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  t.equal(await ended, 0)
  const { ok, problems, audit } = store.check()
  t.same([ok, problems], [true, []])
  t.ok(audit.rows >= 120)
  const writers = store.registerAudit(0, 100_000).map(({ who }) => who)
  t.ok(
    writers.lastIndexOf("own") > writers.indexOf("child") &&
      writers.indexOf("own") < writers.lastIndexOf("child"),
    "they took turns",
  )
})

t.test(
  "whoever edits the file finds the audit closed, and is found past its triggers",
  async (t) => {
    const cases: [name: string, tamper: string, expected: RegExp][] = [
      [
        "a row altered",
        "UPDATE register_audit SET who = 'nobody' WHERE seq = 2",
        /^register_audit: row 2 \(push added by nobody\) is not what was written/,
      ],
      [
        "a time altered",
        "UPDATE register_audit SET at_ms = at_ms - 1 WHERE seq = 3",
        /^register_audit: row 3 \(bank changed by bert\) is not what was written/,
      ],
      [
        "an entry in it altered",
        "UPDATE register_audit SET after = replace(after, 'netops', 'x') WHERE seq = 1",
        /^register_audit: row 1 /,
      ],
      [
        "no text of an entry any more",
        "UPDATE register_audit SET after = 'x' WHERE seq = 3",
        /^register_audit: row 3 /,
      ],
      [
        "rows taken out in the middle",
        "DELETE FROM register_audit WHERE seq IN (2, 3)",
        /^register_audit: rows 2 to 3 were taken out$/,
      ],
      [
        "the newest row taken out",
        "DELETE FROM register_audit WHERE seq = 5",
        /^register_audit: row 5 was taken out of its end$/,
      ],
      [
        "all rows taken out",
        "DELETE FROM register_audit",
        /^register_audit: rows 1 to 5 were taken out of its end$/,
      ],
      [
        "a hash taken out",
        "UPDATE register_audit SET hash = NULL WHERE seq <= 2",
        /^register_audit: row 1 .* has lost its hash$/,
      ],
      [
        "a bypass put in past the audit",
        `INSERT INTO register (id, observed_ms, expires_ms, revision, body)
        SELECT 'evil', observed_ms, expires_ms, 1, replace(body, 'push', 'evil') FROM register
        WHERE id = 'push'`,
        /^register: evil is not what its audit says$/,
      ],
      [
        "a bypass widened past the audit",
        `UPDATE register SET body = replace(body, '"push.example"', 'null') WHERE id = 'push'`,
        /^register: push is not what its audit says$/,
      ],
      [
        "a bypass taken out past the audit",
        "DELETE FROM register WHERE id = 'push'",
        /^register: push was taken out past its audit$/,
      ],
      [
        "a bypass lengthened past the audit",
        `UPDATE register SET expires_ms = expires_ms + 1 WHERE id = 'last'`,
        /^register: the columns of last say other than the entry$/,
      ],
      [
        "a proposal put in force past the audit",
        "UPDATE register SET decides = 1 WHERE id = 'proposal'",
        /^register: the columns of proposal say other than the entry$/,
      ],
    ]
    for (const [name, tamper, expected] of cases) {
      const dir = newDir(t)
      const store = newStore(t, dir)
      const last = registerEntry("last", "last.example", ten + hour + 123)
      store.putRegister([bank, push], "anna", ten)
      store.putRegister([{ ...bank, owner: "b" }], "bert", ten)
      const proposal: RegisterEntry = { ...push, id: "proposal", standing: "proposed" }
      store.putRegister([last, proposal], "anna", ten)
      t.ok(store.check().ok, name)
      const db = new Database(join(dir, "evidence.sqlite"))
      if (tamper.includes("register_audit")) {
        t.throws(() => db.exec(tamper), /only grows/, `${name}: refused`)
        db.exec("DROP TRIGGER register_audit_stays; DROP TRIGGER register_audit_keeps")
      }
      db.exec(tamper)
      db.close()
      const { ok, problems } = store.check()
      t.equal(ok, false, name)
      t.match(problems[0], expected, name)
    }
  },
)

t.test("a database of schema 1 comes over with its entries, its audit and its hits", async (t) => {
  const dir = newDir(t)
  const db = new Database(join(dir, "evidence.sqlite"))
  const [first] = migrations
  db.exec(`CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT`)
  db.exec(first?.sql ?? "")
  db.exec("INSERT INTO migrations VALUES (1, 'records, register, outbox, cursors')")
  const { source, standing, declared, hits, bytes, last_hit_at, learned, ...oldBank } = bank
  const body = JSON.stringify(oldBank)
  const insert = `INSERT INTO register (id, observed_ms, expires_ms, revision, body)
    VALUES ('bank', ?, ?, 1, ?)`
  db.prepare(insert).run(ten, ten + hour, body)
  const audit = `INSERT INTO register_audit (at_ms, who, entry_id, what, reason, before, after)
    VALUES (?, ?, ?, ?, ?, ?, ?)`
  const gone = body.replace('"bank"', '"gone"')
  db.prepare(audit).run(ten, "anna", "gone", "added", "r", null, gone)
  db.prepare(audit).run(ten + 1, "anna", "bank", "added", "r", null, body)
  db.prepare(audit).run(ten + 2, "bert", "gone", "removed", "no more", gone, null)
  db.exec("UPDATE meta SET value = 3 WHERE name = 'register_revision'")
  db.exec(`INSERT INTO register_hits (entry_id, at_ms, event, sensor_id, connection_id, bytes)
    VALUES ('bank', ${ten}, 'open', 's', 'c', 0)`)
  db.close()

  const store = newStore(t, dir)
  t.same(store.registerEntries(ten), [bank], "what it had not yet is filled in")
  t.same(
    store.registerAudit(0, 9).map(({ id, who, what, hash }) => [id, who, what, hash]),
    [
      ["1", "anna", "added", null],
      ["2", "anna", "added", null],
      ["3", "bert", "removed", null],
    ],
  )
  t.equal(store.registerAudit(0, 9)[1]?.after?.standing, "in-force")
  t.match(store.followHits(0, 9), [{ seq: 1, hit: { entry_id: "bank", event: "open" } }])
  t.equal(store.registerAuditSeq(), 3)
  t.match(store.check(), { ok: true, audit: { rows: 3, head: null } })

  t.match(store.putRegister([bank], "anna", ten), { known: 1 }, "the same in more words")
  store.putRegister([{ ...bank, owner: "bert" }], "bert", ten + 3)
  t.match(store.registerAudit(3, 9), [
    { id: "4", before: { owner: "netops" }, hash: /^[0-9a-f]{64}$/ },
  ])
  t.match(store.check(), { ok: true, problems: [] }, "the chain begins after what was before it")

  const later = new Database(join(dir, "evidence.sqlite"))
  later.exec("DROP TRIGGER register_audit_keeps; DELETE FROM register_audit WHERE seq = 1")
  later.close()
  t.match(store.check().problems, ["register_audit: row 1 was taken out"])
})

function drift(id: string, entry_id: string): Drift {
  return {
    tenant: "acme",
    site: "hq",
    sensor_id: "sensor-1",
    v: 1,
    id,
    observed_at: iso(ten),
    entry_id,
    sign: "stack",
    was: "1 stack",
    now: "t13d1516h2_8daaf6152771_02713d6af862",
    device_id: null,
    evidence_ids: ["f-1"],
  }
}
