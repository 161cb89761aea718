/** The verb as people call it. */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t, { type Test } from "tap"
import { replay } from "../../../src/cli/replay.ts"
import { openStore } from "../../../src/evidence/open.ts"
import { Finding } from "../../../src/record/finding.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { mixedDay, whose } from "./mixed-world.ts"

const main = new URL("../../../src/cli/main.ts", import.meta.url).pathname

// Each call listens for a closed pipe until the process ends.
process.stdout.setMaxListeners(30)

/** A store with the mixed day, and the flags that find it. */
function stored(t: Test): { data: string; flags: string[] } {
  const data = newDir(t)
  const store = openStore(data)
  for (const { kind, record } of mixedDay()) store.append(kind, [record as never])
  store.close()
  const config = join(data, "config.json")
  writeFileSync(config, JSON.stringify({ ...whose, control: { mode: "off" } }))
  return { data, flags: ["--data", data, "--config", config] }
}

async function said(t: Test, args: string[]): Promise<string> {
  const captured = t.capture(process.stdout, "write", (_: string, done: () => void) => {
    done()
    return true
  })
  try {
    await replay(args)
  } finally {
    captured.restore()
  }
  return captured()
    .map(({ args: [text] }) => String(text))
    .join("")
}

t.test("replay tells findings and writes them as they are exported, beside an open store", (t) => {
  const { data, flags } = stored(t)
  const running = openStore(data)
  const file = join(data, "found.ndjson")
  const run = spawnSync(process.execPath, [main, "replay", ...flags, "--json", "--write", file], {
    encoding: "utf8",
  })
  t.equal(run.status, 0, run.stderr)
  t.equal(run.stderr, "")
  const lines = run.stdout.trimEnd().split("\n")
  t.ok(lines.length > 5)
  for (const line of lines) {
    const { record, ...rest } = JSON.parse(line)
    t.equal(record, "finding")
    t.ok(Finding.safeParse(rest).success)
  }
  t.equal(readFileSync(file, "utf8"), run.stdout)
  t.strictSame([...running.all("findings")], [], "nothing is stored")
  running.close()
  const wrong = spawnSync(
    process.execPath,
    [main, "replay", ...flags, "--set", "scope.refusal=2"],
    { encoding: "utf8" },
  )
  t.equal(wrong.status, 1)
  t.match(wrong.stderr, /pinsensor replay: --set scope\.refusal: there is no such setting/)
  t.end()
})

t.test("what another tenant's records came to is not told, but that they are there", async (t) => {
  const { data, flags } = stored(t)
  const config = join(data, "other.json")
  writeFileSync(config, JSON.stringify({ ...whose, tenant: "beta", control: { mode: "off" } }))
  const other = ["--data", data, "--config", config]
  const told =
    /records of other tenants: \d+ of acme; they are stored but not judged here \(configuration: tenant beta\)/
  const text = await said(t, other)
  t.match(text, told)
  t.match(text, /\n0 findings stand at the end; 0 were closed/)
  const run = spawnSync(process.execPath, [main, "replay", ...other, "--json"], {
    encoding: "utf8",
  })
  t.same([run.status, run.stdout], [0, ""])
  t.match(run.stderr, told)
  const { tenant, other_tenants } = JSON.parse(await said(t, [...other, "--compare", "--json"]))
  t.match([tenant, other_tenants], ["beta", [{ tenant: "acme", records: Number }]])
  const ours = await said(t, flags)
  t.notMatch(ours, /other tenants/)
  t.match(JSON.parse(await said(t, [...flags, "--compare", "--json"])).other_tenants, [])
})

t.test("other settings are compared with those in force", async (t) => {
  const { flags } = stored(t)
  const set = ["--set", "scope.refusals=5", "--set", "AN1725.InspectionFailureThreshold=9"]
  const text = await said(t, [...flags, ...set, "--compare"])
  t.match(text, /Set analytics\.scope\.refusals: 3 -> 5/)
  t.match(text, /analytic +confidence +as it is +as set +difference/)
  t.match(text, /Another verdict: \d+/)
  const comparison = JSON.parse(await said(t, [...flags, ...set, "--compare", "--json"]))
  t.equal(comparison.set.length, 2)
  t.ok(comparison.changed.verdict > 0)
  t.ok(comparison.examples.length > 0)
  const one = JSON.parse(
    await said(t, [...flags, ...set, "--compare", "--json", "--examples", "0"]),
  )
  t.strictSame(one.examples, [])
  t.strictSame(one.changed, comparison.changed)
})

t.test("another fast window gives other outcomes from the stored phase facts", async (t) => {
  const { flags } = stored(t)
  // The one attempt that closed 170 ms after its Finished; its handshake took 20 ms.
  const text = await said(t, [
    ...flags,
    "--compare",
    "--set",
    "fast-window.min=100ms",
    "--set",
    "fast-window.factor=1",
  ])
  t.match(text, /[1-9]\d* attempts have another outcome under this fast window/)
})

t.test("without other settings the replay is compared with what is stored", async (t) => {
  const { data, flags } = stored(t)
  const before = await said(t, [...flags, "--compare"])
  t.match(before, /stored: 0 findings/)
  const store = openStore(data)
  const all = (await said(t, [...flags, "--json"])).trimEnd().split("\n")
  store.append(
    "findings",
    all.map((line) => {
      const { record: _, ...finding } = JSON.parse(line)
      return finding
    }),
  )
  store.close()
  const after = JSON.parse(await said(t, [...flags, "--compare", "--json"]))
  t.equal(after.same, all.length)
  t.strictSame(Object.values(after.changed), [0, 0, 0, 0, 0, 0])
})

t.test("only the time asked for is judged, by evidence that leads in", async (t) => {
  const { flags } = stored(t)
  const ids = async (...more: string[]) => {
    const lines = (await said(t, [...flags, "--json", ...more])).trimEnd().split("\n")
    return lines.map((line) => JSON.parse(line).key.device_id)
  }
  t.notOk((await ids("--to", "2026-11-21T08:00:00Z")).includes("phone-bank"))
  const late = await ids("--from", "2026-11-21T08:50:00Z", "--to", "2026-11-21T10:00:00Z")
  t.strictSame([...new Set(late)], ["phone-bank"], "its refusals began before")
  await t.rejects(replay([...flags, "--from", "2027-01-01T00:00:00Z"]), /no attempt and no flow/)
  await t.rejects(replay([...flags, "--from", "soon"]), /--from: "soon" is no time/)
  await t.rejects(replay([...flags, "--step", "1ms"]), /a second or longer/)
  await t.rejects(replay([...flags, "--examples", "few"]), /--examples/)
})
