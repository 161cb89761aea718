/** The store fails in every way a disk and its users know: traffic goes on, and each change is told. */
import { execFileSync, spawn } from "node:child_process"
import { renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createServer } from "node:tls"
import t from "tap"
import { PolicyWatch } from "../../src/cli/worker/policy-watch.ts"
import { loadConfig } from "../../src/config.ts"
import { openStore } from "../../src/evidence/open.ts"
import { Recorder, type RecorderTrouble } from "../../src/evidence/recorder.ts"
import { TrialUse } from "../../src/policy/trial/trial-use.ts"
import { newDir } from "../evidence/fixtures.ts"
import { backTo, held } from "../support/leaks.ts"
import { holds } from "../support/processes.ts"
import { ask, listening, originCertificate, testSensor, tlsThrough } from "../support/sensor.ts"

const soon = 15_000
const name = "www.test"
const port = await listening(
  t,
  createServer(originCertificate(name), (socket) => socket.once("data", () => socket.end("hello"))),
)

interface Closing {
  teardown(fn: () => Promise<unknown> | unknown): void
}

/** A sensor, its recorder and its policy on a store of their own. */
async function recording(t: Closing, dir: string) {
  const troubles: RecorderTrouble[] = []
  const events: string[] = []
  const recorder = new Recorder({ dir, onTrouble: (event) => troubles.push(event) })
  const watch = new PolicyWatch({
    open: () => openStore(dir, { readonly: true }),
    config: loadConfig(null, { data: dir }),
    trials: new TrialUse(null),
    log: (_, event) => events.push(event),
  })
  const sensor = await testSensor(t, {
    deps: {
      policy: () => watch.current,
      onAttempt: (attempt) => recorder.record("attempts", attempt),
    },
  })
  let made = 0
  return {
    recorder,
    events,
    /** One after the other; the slowest, in milliseconds. */
    visit: async (count: number) => {
      let slowest = 0
      for (let one = 0; one < count; one++) {
        const began = performance.now()
        const client = await tlsThrough(sensor, `${name}:${port}`)
        if ((await ask(client, "GET")) !== "hello") throw new Error("it was not served")
        client.destroy()
        const taken = () => {
          const { queued, written } = recorder.counters()
          return queued + written === made + one + 1
        }
        if (!(await holds(taken, soon))) throw new Error("it was not recorded")
        slowest = Math.max(slowest, performance.now() - began)
      }
      made += count
      return slowest
    },
    states: () => troubles.map(({ state }) => state),
    because: () => troubles[0]?.because,
    stored: () => {
      const store = openStore(dir)
      const count = [...store.all("attempts")].length
      store.close()
      return count
    },
    made: () => made,
    end: async () => {
      watch.close()
      await recorder.close()
    },
  }
}

t.test("fails open: the database is locked by another program for long", async (t) => {
  const dir = newDir(t)
  openStore(dir).close()
  const { visit, states, because, stored, made, recorder, events, end } = await recording(t, dir)
  await visit(1)
  await recorder.flush()
  // SQLite keeps the descriptor of a connection that was closed beside another until that closes.
  t.equal(stored(), 1)
  const before = held()
  const other = await lockedByAnother(dir)
  const slowest = await visit(5)
  t.ok(await holds(() => states().length === 1, soon))
  t.match(because(), /locked/)
  await visit(5)
  t.ok(slowest < 900, `no connection waited for the lock (${Math.round(slowest)} ms)`)
  t.strictSame(states(), ["failing"], "it is told once")
  t.match(recorder.counters(), { written: 1, queued: 10, dropped: 0, failed: 0 })
  await other.unlock()
  await recorder.flush()
  t.strictSame(states(), ["failing", "recovered"])
  t.equal(stored(), made(), "what waited is stored")
  t.notOk(events.includes("register-unreadable"), "reading policy went on all the time")
  t.ok(await backTo(before), "nothing is left open")
  await end()
})

t.test("fails open: a damaged file takes the place of the database", async (t) => {
  const dir = newDir(t)
  openStore(dir).close()
  const { visit, states, because, stored, recorder, end } = await recording(t, dir)
  await visit(3)
  await recorder.flush()
  const file = join(dir, "evidence.sqlite")
  writeFileSync(`${file}.bad`, Buffer.alloc(64 * 1024, 0xa5))
  for (const end of ["-wal", "-shm"]) rmSync(`${file}${end}`, { force: true })
  renameSync(`${file}.bad`, file)
  await visit(3)
  t.ok(await holds(() => states().length === 1, soon))
  t.match(because(), /damaged or no database .*move it and its -wal and -shm files away/)
  await visit(3)
  t.strictSame(states(), ["failing"])
  renameSync(file, `${file}.damaged`)
  for (const end of ["-wal", "-shm"]) rmSync(`${file}${end}`, { force: true })
  await recorder.flush()
  t.strictSame(
    states(),
    ["failing", "recovered"],
    "moved away as the message says, a new one is made",
  )
  t.equal(stored(), 6, "which has what waited")
  await end()
})

t.test("the data directory is removed while it is in use", async (t) => {
  const dir = join(newDir(t), "var")
  openStore(dir).close()
  const { visit, stored, recorder, events, end } = await recording(t, dir)
  await visit(2)
  await recorder.flush()
  rmSync(dir, { recursive: true })
  await visit(2)
  await recorder.flush()
  t.equal(stored(), 2, "it is made anew")
  t.ok(await holds(() => events.at(-1) !== "register-unreadable", soon), "and policy follows it")
  await end()
})

const mountable = canMount()

t.test(
  "fails open: the data directory has become read-only",
  { skip: mountable ? false : "needs root, to mount" },
  async (t) => {
    const dir = newDir(t)
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", dir])
    t.teardown(() => execFileSync("umount", ["-l", dir]))
    openStore(dir).close()
    execFileSync("mount", ["-o", "remount,ro", dir])
    const { visit, states, because, stored, recorder, events, end } = await recording(t, dir)
    await visit(3)
    t.ok(await holds(() => states().length === 1, soon))
    t.match(because(), /read-?only|EROFS|unable to open/i)
    await visit(3)
    t.strictSame(states(), ["failing"])
    execFileSync("mount", ["-o", "remount,rw", dir])
    await recorder.flush()
    t.strictSame(states(), ["failing", "recovered"])
    t.equal(stored(), 6)
    t.ok(await holds(() => events.at(-1) !== "register-unreadable", soon), "policy is read again")
    await end()
  },
)

function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false
  try {
    const dir = newDir(t)
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", dir], { stdio: "ignore" })
    execFileSync("umount", [dir])
    return true
  } catch {
    return false
  }
}

/** A process of its own, for POSIX locks belong to processes. */
async function lockedByAnother(dir: string): Promise<{ unlock(): Promise<void> }> {
  const script = `
    const db = new (require("better-sqlite3"))(process.argv[1])
    db.exec("BEGIN EXCLUSIVE")
    console.log("locked")
    process.stdin.resume().on("end", () => process.exit())`
  const child = spawn(process.execPath, ["-e", script, join(dir, "evidence.sqlite")], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  await new Promise((resolve) => child.stdout.once("data", resolve))
  return {
    unlock: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve())
        child.stdin.end()
      }),
  }
}
