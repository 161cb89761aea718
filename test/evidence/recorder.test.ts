import { rmSync } from "node:fs"
import { join } from "node:path"
import type { Worker } from "node:worker_threads"
import Database from "better-sqlite3"
import t from "tap"
import { openStore } from "../../src/evidence/open.ts"
import { Recorder, type RecorderTrouble } from "../../src/evidence/recorder.ts"
import { attempt, binding, newDir, ten } from "./fixtures.ts"

t.test(
  "records of all kinds and uses of the register reach the store in their order",
  async (t) => {
    const dir = newDir(t)
    const recorder = new Recorder({ dir })
    for (let n = 0; n < 2_500; n++) recorder.record("attempts", attempt(`a${n}`, ten + n))
    recorder.record("bindings", binding("b", "10.1.0.7", ten, null))
    recorder.recordHit({
      entry_id: "e",
      at_ms: ten,
      event: "open",
      sensor_id: "s",
      connection_id: "c",
      bytes: 0,
    })
    await recorder.flush()
    t.same(recorder.counters(), { queued: 0, written: 2_502, dropped: 0, failed: 0 })
    const store = openStore(dir)
    t.same(
      store.follow("attempts", 0, 9_999).map(({ record }) => record.id),
      Array.from({ length: 2_500 }, (_, n) => `a${n}`),
    )
    t.equal(store.bindingsOf("10.1.0.7").length, 1)
    t.equal(store.followHits(0, 10).length, 1)
    store.close()
    await recorder.close()
  },
)

t.test("a single record is stored soon, without a batch to fill", async (t) => {
  const dir = newDir(t)
  const recorder = new Recorder({ dir })
  recorder.record("attempts", attempt("alone"))
  await until(() => recorder.counters().written === 1)
  await recorder.close()
  t.equal(recorder.record("attempts", attempt("too late")), false)
  t.match(recorder.counters(), { written: 1, dropped: 1 })
})

t.test(
  "when evidence cannot be stored traffic goes on: fails open, and drops are counted",
  async (t) => {
    const dir = newDir(t)
    openStore(dir).close()
    const blocker = new Database(join(dir, "evidence.sqlite"))
    blocker.exec("BEGIN IMMEDIATE")
    const events: RecorderTrouble[] = []
    const recorder = new Recorder({ dir, maxRecords: 10, onTrouble: (event) => events.push(event) })
    const taken = Array.from({ length: 15 }, (_, n) =>
      recorder.record("attempts", attempt(`a${n}`)),
    )
    t.same(taken, [...Array(10).fill(true), ...Array(5).fill(false)], "the new ones are dropped")
    t.match(recorder.counters(), { queued: 10, written: 0, dropped: 5 })

    let longestPauseMs = 0
    let last = performance.now()
    const pulse = setInterval(() => {
      longestPauseMs = Math.max(longestPauseMs, performance.now() - last)
      last = performance.now()
    }, 10)
    await until(() => events.length > 0)
    clearInterval(pulse)
    t.ok(longestPauseMs < 900, `the event loop never waited for the lock (${longestPauseMs} ms)`)
    t.match(events, [{ state: "failing", because: /locked/ }])

    blocker.exec("ROLLBACK")
    await recorder.flush()
    t.same(recorder.counters(), { queued: 0, written: 10, dropped: 5, failed: 0 })
    t.same(
      events.map((event) => event.state),
      ["failing", "recovered"],
      "each state is told once",
    )
    await recorder.close()
    blocker.close()
  },
)

t.test("the queue is bounded in bytes as well", async (t) => {
  const recorder = new Recorder({ dir: newDir(t), maxBytes: 4_000 })
  const taken = ["a", "b", "c"].map((id) => recorder.record("attempts", attempt(id)))
  t.same(taken, [true, true, false])
  await recorder.close()
  t.match(recorder.counters(), { written: 2, dropped: 1 })
})

t.test("closing gives up at its deadline and counts what was left", async (t) => {
  const dir = newDir(t)
  openStore(dir).close()
  const blocker = new Database(join(dir, "evidence.sqlite"))
  blocker.exec("BEGIN IMMEDIATE")
  const recorder = new Recorder({ dir })
  recorder.record("attempts", attempt("a"))
  const flushed = recorder.flush()
  await recorder.close(20)
  await flushed
  t.same(recorder.counters(), { queued: 0, written: 0, dropped: 1, failed: 0 })
  blocker.close()
})

t.test("a thread that dies is replaced, and its batch is stored once", async (t) => {
  const dir = newDir(t)
  const threads: Worker[] = []
  const listen = (thread: Worker) => threads.push(thread)
  process.on("worker", listen)
  t.teardown(() => process.off("worker", listen))
  const events: RecorderTrouble[] = []
  const recorder = new Recorder({ dir, onTrouble: (event) => events.push(event) })
  recorder.record("attempts", attempt("before"))
  await recorder.flush()
  for (let n = 0; n < 1_000; n++) recorder.record("attempts", attempt(`a${n}`))
  await threads[0]?.terminate()
  await recorder.flush()
  t.equal(threads.length, 2)
  t.match(events[0], { state: "failing", because: /thread ended/ })
  t.same(recorder.counters(), { queued: 0, written: 1_001, dropped: 0, failed: 0 })
  const store = openStore(dir)
  t.equal(store.lastSeq("attempts"), 1_001, "no record twice")
  store.close()
  await recorder.close()
})

t.test(
  "a file that was removed is made anew, so what is acknowledged is really there",
  async (t) => {
    const dir = newDir(t)
    const recorder = new Recorder({ dir })
    recorder.record("attempts", attempt("lost with the file"))
    await recorder.flush()
    for (const end of ["", "-wal", "-shm"]) rmSync(join(dir, `evidence.sqlite${end}`))
    recorder.record("attempts", attempt("kept"))
    await recorder.flush()
    const store = openStore(dir)
    t.same(
      [...store.all("attempts")].map((one) => one.id),
      ["kept"],
    )
    store.close()
    await recorder.close()
  },
)

t.test("a record that can never be stored does not hold up the others", async (t) => {
  const dir = newDir(t)
  const recorder = new Recorder({ dir })
  const circular: object = Object.assign(attempt("circular"), { upstream: {} })
  Object.assign(circular, { upstream: circular })
  const rows = [
    { ...attempt("no time"), observed_at: "yesterday" },
    { ...attempt("no address"), client_ip: null as unknown as string },
    circular as ReturnType<typeof attempt>,
    attempt("good"),
  ]
  t.same(
    rows.map((row) => recorder.record("attempts", row)),
    [false, true, false, true],
  )
  await recorder.flush()
  t.same(recorder.counters(), { queued: 0, written: 1, dropped: 0, failed: 3 })
  await recorder.close()
})

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5))
}
