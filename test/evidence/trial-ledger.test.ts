import { type ChildProcess, fork } from "node:child_process"
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import Database from "better-sqlite3"
import fc from "fast-check"
import t from "tap"
import { openTrialLedger, type TrialCaps, trialsFile } from "../../src/evidence/trial-ledger.ts"

const noon = Date.UTC(2026, 2, 1, 12)
const day = 86_400_000
const caps: TrialCaps = { connections: 3, bytes: 1_000, lasts_ms: 120_000, kept_ms: 30 * day }

const root = mkdtempSync(join(tmpdir(), "pinsensor-trials-"))
t.teardown(() => rmSync(root, { recursive: true, force: true }))
const folder = () => mkdtempSync(join(root, "d-"))

interface Closing {
  teardown(fn: () => unknown): void
}

/** Ledgers of so many workers over one file, and what they complained of. */
function workers(t: Closing, count: number, dir = folder()) {
  const troubles: string[] = []
  const ledgers = Array.from({ length: count }, () =>
    openTrialLedger(dir, { busyTimeoutMs: 20, onTrouble: (because) => troubles.push(because) }),
  )
  t.teardown(() => {
    for (const ledger of ledgers) ledger.close()
  })
  return { dir, file: join(dir, trialsFile), ledgers, troubles }
}

t.test("a trial has its connections, bytes and time once, however many workers ask", async (t) => {
  const { ledgers, troubles } = workers(t, 3)
  const [a, b, c] = ledgers
  t.same(a?.admit("t", noon, caps), { first_ms: noon })
  t.same(b?.admit("t", noon + 1_000, caps), { first_ms: noon }, "the first of any worker")
  t.same(c?.admit("t", noon + 2_000, caps), { first_ms: noon })
  for (const one of ledgers) t.equal(one.admit("t", noon + 2_000, caps), "spent")
  t.equal(a?.lease("t", noon, 600, caps), 600)
  t.equal(b?.lease("t", noon, 600, caps), 400, "what is left")
  t.equal(c?.lease("t", noon, 1, caps), 0)
  t.same(c?.admit("other", noon, caps), { first_ms: noon })
  t.equal(c?.lease("never-admitted", noon, 1, caps), 0)
  t.equal(b?.admit("other", noon + caps.lasts_ms, caps), "spent", "its time is over")
  t.equal(b?.lease("other", noon + caps.lasts_ms, 1, caps), 0)
  t.same(troubles, [])
})

t.test("whatever workers ask in whatever order, they never get more than the caps", async (t) => {
  const { ledgers } = workers(t, 4)
  const ask = fc.record({
    worker: fc.nat(3),
    at: fc.integer({ min: -5_000, max: 150_000 }),
    wanted: fc.option(fc.nat(400), { nil: null }),
  })
  let trial = 0
  let admitted = 0
  fc.assert(
    fc.property(fc.array(ask, { minLength: 1, maxLength: 40 }), (asks) => {
      const id = `trial-${trial++}`
      const times: number[] = []
      const firsts = new Set<number>()
      let bytes = 0
      for (const { worker, at, wanted } of asks) {
        const ledger = ledgers[worker]
        if (wanted !== null) bytes += ledger?.lease(id, noon + at, wanted, caps) ?? 0
        else {
          const answer = ledger?.admit(id, noon + at, caps)
          if (typeof answer !== "object") continue
          times.push(noon + at)
          firsts.add(answer.first_ms)
        }
      }
      admitted += times.length
      const first = [...firsts][0] ?? 0
      return (
        times.length <= caps.connections &&
        bytes <= caps.bytes &&
        firsts.size <= 1 &&
        times.every((at) => at < first + caps.lasts_ms)
      )
    }),
    { numRuns: 150 },
  )
  t.ok(admitted > 50, `${admitted} were admitted`)
})

t.test("three processes that hammer one trial get its caps, exactly", async (t) => {
  const dir = folder()
  const hard: TrialCaps = { ...caps, connections: 20, bytes: 500_000 }
  const children = [0, 1, 2].map((seed) => hammer(t, dir, hard, seed))
  await Promise.all(children.map(said))
  const answers = children.map(said)
  for (const child of children) child.send("go")
  const got = (await Promise.all(answers)) as { [key: string]: number }[]
  const sum = (key: string) => got.reduce((total, one) => total + (one[key] ?? 0), 0)
  t.equal(sum("connections"), hard.connections)
  t.equal(sum("bytes"), hard.bytes)
  t.equal(sum("unavailable"), 0, "each had its turn")
})

function hammer(t: Closing, dir: string, of: TrialCaps, seed: number): ChildProcess {
  const file = new URL("./hammer-trial.ts", import.meta.url)
  const child = fork(file, [dir, "t", JSON.stringify(of), `${seed}`], { execArgv: [] })
  t.teardown(() => void child.kill("SIGKILL"))
  return child
}

function said(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once("message", resolve)
    child.once("exit", (code) => reject(new Error(`it ended with ${code}`)))
  })
}

t.test("what was granted stays granted over restarts and the death of a worker", async (t) => {
  const dir = folder()
  const wide = { ...caps, connections: 1_000, bytes: 1_000_000_000 }
  const child = hammer(t, dir, wide, 0)
  await said(child)
  const answer = said(child)
  child.send("go")
  const { connections, bytes } = (await answer) as { connections: number; bytes: number }
  const gone = new Promise((resolve) => child.once("exit", resolve))
  child.kill("SIGKILL")
  await gone
  const [ledger] = workers(t, 1, dir).ledgers
  const now = Date.now()
  t.equal(ledger?.admit("t", now, { ...wide, connections }), "spent")
  t.equal(ledger?.lease("t", now, 10, { ...wide, bytes: bytes + 3 }), 3)
  t.match(ledger?.admit("t", now, wide), { first_ms: Number })
})

t.test("a clock that is set back lengthens no trial", async (t) => {
  const { ledgers } = workers(t, 1)
  ledgers[0]?.admit("t", noon, caps)
  ledgers[0]?.lease("t", noon + 119_000, 1, caps)
  t.equal(ledgers[0]?.admit("t", noon + 121_000, caps), "spent")
  ledgers[0]?.admit("u", noon, caps)
  t.match(ledgers[0]?.admit("u", noon + 110_000, caps), { first_ms: noon })
  t.match(ledgers[0]?.admit("u", noon - 3_600_000, caps), { first_ms: noon }, "as if at 110 s")
  t.equal(ledgers[0]?.lease("u", noon + 120_000, 1, caps), 0)
})

t.test("trials are forgotten when none of them can be granted any more", async (t) => {
  const { ledgers, file } = workers(t, 1)
  for (const id of ["a", "b"]) ledgers[0]?.admit(id, noon, caps)
  ledgers[0]?.admit("b", noon + 100_000, caps)
  ledgers[0]?.admit("c", noon + 30 * day + 1_000, caps)
  const db = new Database(file, { readonly: true })
  t.same(db.prepare("SELECT entry_id FROM trials ORDER BY 1").pluck().all(), ["b", "c"])
  db.close()
})

t.test(
  "fails closed: of a file that cannot be used nothing is granted, and it is said once",
  async (t) => {
    await t.test("held by another longer than a connection may wait", async (t) => {
      const { ledgers, file, troubles } = workers(t, 1)
      t.match(ledgers[0]?.admit("t", noon, caps), { first_ms: noon })
      const holder = new Database(file)
      holder.exec("BEGIN IMMEDIATE")
      const began = performance.now()
      for (let n = 0; n < 3; n++) t.equal(ledgers[0]?.admit("t", noon, caps), "unavailable")
      t.equal(ledgers[0]?.lease("t", noon, 10, caps), 0)
      const waited = performance.now() - began
      t.ok(waited < 1_000, `${waited} ms for four questions of 20 ms each`)
      t.same(troubles.length, 1)
      holder.exec("ROLLBACK")
      holder.close()
      t.match(ledgers[0]?.admit("t", noon, caps), { first_ms: noon }, "afterwards it goes on")
    })
    await t.test("taken away while it is open", async (t) => {
      const { ledgers, file, troubles } = workers(t, 2)
      ledgers[0]?.admit("t", noon, caps)
      renameSync(file, `${file}.gone`)
      t.equal(ledgers[0]?.admit("t", noon, caps), "unavailable")
      t.equal(ledgers[1]?.lease("t", noon, 10, caps), 0)
      t.throws(() => statSync(file), "it is not made anew: that would grant all once more")
      t.equal(troubles.length, 2, "once by each worker")
      renameSync(`${file}.gone`, file)
      t.match(ledgers[0]?.admit("t", noon + 2_000, caps), { first_ms: noon })
    })
    await t.test("damaged, another program's, or of another version", async (t) => {
      const files: Record<string, (file: string) => void> = {
        damaged: (file) => writeFileSync(file, "no database at all ".repeat(1_000)),
        "of another version": (file) => {
          const db = new Database(file)
          db.pragma("user_version = 7")
          db.close()
        },
        "of another program": (file) => {
          const db = new Database(file)
          db.exec("CREATE TABLE trials (other TEXT); PRAGMA user_version = 1")
          db.close()
        },
      }
      for (const [name, spoil] of Object.entries(files)) {
        const dir = folder()
        writeFileSync(join(dir, trialsFile), "")
        spoil(join(dir, trialsFile))
        const { ledgers, troubles } = workers(t, 1, dir)
        t.equal(ledgers[0]?.admit("t", noon, caps), "unavailable", name)
        t.equal(troubles.length, 1, name)
      }
    })
    await t.test("a folder that is not there, and one that is no folder", async (t) => {
      const dir = folder()
      writeFileSync(join(dir, "file"), "")
      const { ledgers, troubles } = workers(t, 1, join(dir, "file", "below"))
      t.equal(ledgers[0]?.admit("t", noon, caps), "unavailable")
      t.equal(troubles.length, 1)
    })
  },
)

t.test("the file is for its owner only", async (t) => {
  const { file } = workers(t, 1)
  t.equal(statSync(file).mode & 0o777, 0o600)
})
