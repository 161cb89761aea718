import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as after } from "node:timers/promises"
import Database from "better-sqlite3"
import t from "tap"
import { SourceKeeper } from "../../src/cli/collector/keeper.ts"
import { storeFile } from "../../src/evidence/database.ts"
import { openStore } from "../../src/evidence/open.ts"
import { type FollowSourceSettings, followSource } from "../../src/source/follow-source.ts"
import type { Keeper } from "../../src/source/source.ts"

const common = { tenant: "acme", site: "hq", sensor_id: "c", v: 1 as const }

function bed(
  t: { teardown(fn: () => void): void },
  { sub = ".", ...more }: Partial<FollowSourceSettings> & { sub?: string } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "pinsensor-follow-source-"))
  const data = join(folder, "data")
  mkdirSync(data)
  const store = openStore(data, { busyTimeoutMs: 10 })
  mkdirSync(join(folder, sub), { recursive: true })
  const file = join(folder, sub, "x.log")
  const logged: [event: string, fields: Record<string, unknown>][] = []
  const read: string[] = []
  const remembered: string[] = []
  const source = (wrap: (keeper: Keeper) => Keeper = (keeper) => keeper) => {
    const keeper = new SourceKeeper({
      store,
      name: "x",
      kind: "x",
      tenant: "acme",
      clock: Date.now,
    })
    const parts = {
      name: "x",
      keeper: wrap(keeper),
      common,
      clock: Date.now,
      random: Math.random,
      log: (_: string, event: string, fields: Record<string, unknown>) => {
        logged.push([event, fields])
      },
    }
    return followSource(
      { file, pollMs: 20, ...more },
      parts,
      ({ units }) => {
        const lines = units.map(({ text }) => text)
        return {
          rejected: units.flatMap(({ text, at }) =>
            text === "bad" ? [{ at, because: "it is bad" }] : [],
          ),
          unknown: lines.filter((line) => line === "new"),
          kept: () => read.push(...lines),
        }
      },
      ({ units }) => remembered.push(...units.map(({ text }) => text)),
    )
  }
  t.teardown(() => {
    store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const health = () => store.sources.all()[0]?.health
  const until = async (is: () => unknown) => {
    for (let tries = 0; tries < 400 && !is(); tries++) await after(10)
    if (!is())
      throw new Error(`not within 4 s: ${is}; health ${JSON.stringify(health())}, read ${read}`)
  }
  return { folder, data, file, source, logged, read, remembered, health, until }
}

t.test("a file that is missing is told as health, and read once it is there", async (t) => {
  const { file, source, logged, read, health, until } = bed(t)
  const running = source()
  await running.start()
  await until(() => health()?.state === "failing")
  t.match(health()?.last_error, /x\.log is not there/)
  writeFileSync(file, "one\n")
  await until(() => health()?.state === "ok")
  t.same(read, ["one"])
  t.equal(health()?.last_error, null)
  t.same(
    logged.map(([event]) => event),
    ["source-failing", "source-reads-again"],
  )
  await running.stop()
})

t.test(
  "lines that are refused are counted, and told once a minute with file, place and why",
  async (t) => {
    const { file, source, logged, health, until } = bed(t, { longest: 10, chunk: 64 })
    writeFileSync(file, "one\nbad\nnew\n")
    const running = source()
    await running.start()
    await until(() => health()?.rejected === 1)
    appendFileSync(file, `bad\n${"long".repeat(40)}\nnew\n`)
    await until(() => health()?.unknown_types["new"] === 2)
    t.equal(health()?.rejected, 3)
    t.same(logged, [
      ["source-lines-rejected", { source: "x", file, at: 4, reason: "it is bad", total: 1 }],
    ])
    await running.stop()
    appendFileSync(file, "bad\nnew\nend\n")
    const again = source()
    await again.start()
    await until(() => health()?.unknown_types["new"] === 3)
    t.equal(health()?.rejected, 4, "and goes on after a restart")
    await again.stop()
  },
)

t.test("whichever commit is the last before a crash, no line is lost", async (t) => {
  for (const survives of [0, 1, 2, 3]) {
    const { file, source, read, until } = bed(t, { chunk: 8, longest: 8 })
    writeFileSync(file, "one\ntwo\nthree\nfour\n")
    let commits = 0
    const dies = (keeper: Keeper): Keeper => ({
      place: () => keeper.place(),
      tell: () => {},
      keep: (batch) => {
        if (commits++ >= survives) throw new Error("killed")
        return keeper.keep(batch)
      },
    })
    const first = source(dies)
    await first.start()
    await until(() => commits > survives)
    await first.stop()
    const second = source()
    await second.start()
    await until(() => read.includes("four"))
    t.same(read, ["one", "two", "three", "four"], `the first ${survives} commits were made`)
    await second.stop()
  }
})

t.test("what cannot be read at a restart is remembered once it can be", async (t) => {
  const { folder, file, source, read, remembered, health, until } = bed(t, { sub: "logs" })
  writeFileSync(file, "one\n")
  const first = source()
  await first.start()
  await until(() => read.length === 1)
  await first.stop()
  renameSync(join(folder, "logs"), join(folder, "away"))
  writeFileSync(join(folder, "logs"), "no folder")
  const second = source()
  await second.start()
  await until(() => health()?.state === "failing")
  rmSync(join(folder, "logs"))
  renameSync(join(folder, "away"), join(folder, "logs"))
  appendFileSync(file, "two\n")
  await until(() => read.length === 2)
  t.same([read, remembered], [["one", "two"], ["one"]])
  await second.stop()
})

t.test(
  "what the store does not take is read again, and what was read is remembered after a restart",
  async (t) => {
    const { data, file, source, logged, read, remembered, health, until } = bed(t)
    writeFileSync(file, "one\n")
    const first = source()
    await first.start()
    await until(() => read.length === 1 && health()?.state === "ok")
    const other = new Database(join(data, storeFile))
    other.exec("BEGIN IMMEDIATE")
    appendFileSync(file, "two\n")
    await until(() => logged.some(([event]) => event === "source-failing"))
    t.same(read, ["one"])
    other.exec("COMMIT")
    other.close()
    await until(() => read.length === 2)
    await first.stop()
    appendFileSync(file, "three\n")
    const second = source()
    await second.start()
    await until(() => read.length === 3)
    t.same(read, ["one", "two", "three"])
    t.same(remembered, ["one", "two"])
    await second.stop()
  },
)
