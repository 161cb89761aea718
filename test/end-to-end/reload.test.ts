/** SIGHUP gives a running sensor another policy: in every process, and without losing a connection. */
import { spawn, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import tls from "node:tls"
import t from "tap"
import { openStore } from "../../src/evidence/open.ts"
import { RegisterEntry } from "../../src/record/register-entry.ts"
import { newDir, registerEntry } from "../evidence/fixtures.ts"
import { testCa } from "../support/certificates.ts"
import { type RunningSensor, startPinsensor } from "../support/pinsensor.ts"
import { childrenOf, holds, isAlive } from "../support/processes.ts"
import { download, slowOrigin } from "../support/slow-origin.ts"
import { visitOnce } from "../support/tls-load.ts"

const inspected = "www.reload.example"
const spliced = "pinned.reload.example"
const soon = 15_000

t.setTimeout(100_000)

const publicCa = await testCa()
const origin = await slowOrigin(publicCa, `${inspected},DNS:${spliced}`)
t.teardown(() => Promise.all([publicCa.remove(), origin.close()]))
const publicPem = await readFile(publicCa.file, "utf8")
const pass = { name: "pass", when: { sni: [spliced] }, do: "splice" }
const close = { name: "close", when: { sni: [inspected] }, do: "block" }
const common = {
  tenant: "acme",
  site: "hq",
  workers: 2,
  hosts: { [inspected]: ["127.0.0.1"], [spliced]: ["127.0.0.1"] },
  "allow-destination": ["127.0.0.0/8"],
  "origin-ca": publicCa.file,
  rules: [pass],
}

const events = (sensor: RunningSensor, name: string) => sensor.log.filter(({ msg }) => msg === name)
const fileOf = (sensor: RunningSensor) => join(sensor.folder, "pinsensor.yaml")

/** Writes these keys into the configuration file, and asks for it. */
function reload(sensor: RunningSensor, keys: Record<string, unknown>): void {
  const now = JSON.parse(readFileSync(fileOf(sensor), "utf8"))
  writeFileSync(fileOf(sensor), JSON.stringify({ ...now, ...keys }))
  process.kill(sensor.pid, "SIGHUP")
}

/** How many of so many new connections to a host are served: enough for both workers to have some. */
async function served(sensor: RunningSensor, host: string, count = 16): Promise<number> {
  const ca = [await readFile(sensor.ca, "utf8"), publicPem]
  const secureContext = tls.createSecureContext({ ca })
  const load = { proxy: sensor.proxy, hosts: [host], port: origin.port, from: ["127.0.0.1"] }
  const visits = Array.from({ length: count }, (_, index) => visitOnce(load, index, secureContext))
  return (await Promise.all(visits)).filter(({ kind }) => kind === "served").length
}

t.test("a running sensor takes another policy", async (t) => {
  const sensor = await startPinsensor(common)
  t.teardown(() => sensor.remove())
  const ca = await readFile(sensor.ca, "utf8")
  const reloads = () => events(sensor, "policy-reloaded")

  await t.test("in both workers, while every connection that exists goes on", async (t) => {
    const kilobytes = 15
    const running = await Promise.all([
      ...Array.from({ length: 4 }, () =>
        download(sensor.proxy, inspected, origin.port, ca, kilobytes),
      ),
      ...Array.from({ length: 4 }, () =>
        download(sensor.proxy, spliced, origin.port, publicPem, kilobytes),
      ),
    ])
    await Promise.all(running.map(({ begun }) => begun))
    reload(sensor, { rules: [close] })
    t.ok(await holds(() => reloads().length === 1, soon))
    t.match(reloads(), [
      { processes: 3, of: 3, revision: /^[0-9a-f]{12}$/, added: ["close"], removed: ["pass"] },
    ])
    t.equal(await served(sensor, inspected), 0, "no worker goes by the old rules")
    const over = await Promise.all(running.map((one) => one.over))
    t.strictSame(over, Array(8).fill(kilobytes * 1_000), "all bytes of the old connections arrive")
    const pass = async () =>
      (await sensor.records("register")).find(({ id }) => id === "rule:pass") ?? {}
    t.match(await pass(), { expires_at: String }, "the register shows that it is not declared now")
    const counted = async () => Number(Reflect.get(await pass(), "bytes")) >= 4 * kilobytes * 1_000
    t.ok(await holds(counted, soon), "and what went on under the rule that is gone")
  })

  await t.test("but not from a file that is broken anywhere: the old one stays", async (t) => {
    const good = readFileSync(fileOf(sensor), "utf8")
    const unusable = () => events(sensor, "config-unusable")
    writeFileSync(fileOf(sensor), "rules: [")
    process.kill(sensor.pid, "SIGHUP")
    t.ok(await holds(() => unusable().length === 1, soon))
    t.match(unusable()[0], { level: 50, reason: /neither YAML nor JSON/ })
    writeFileSync(fileOf(sensor), good)
    reload(sensor, { rules: [], limits: { "drain-time": "soon" } })
    t.ok(await holds(() => unusable().length === 2, soon))
    t.match(unusable()[1], { reason: /"soon" is not a duration/ })
    t.equal(await served(sensor, inspected), 0)
    t.equal(reloads().length, 1)
    writeFileSync(fileOf(sensor), good)
  })

  await t.test("and names what waits for a restart", async (t) => {
    reload(sensor, { rules: [pass, close], workers: 3, limits: { "drain-time": "1s" } })
    t.ok(await holds(() => reloads().length === 2, soon))
    const named = events(sensor, "config-needs-restart").at(-1)?.["keys"] as string[]
    // The sensor was started with port 0; its file names the port that it found.
    t.strictSame(new Set(named), new Set(["listen", "workers", "limits.drain-time"]))
    t.match(reloads()[1], { processes: 3, of: 3, added: ["pass"] })
  })

  await t.test("in the correlator too, which owns the trials", async (t) => {
    const store = openStore(join(sensor.folder, "var"))
    const { trial, ...entry } = registerEntry("trial-1", "api.bank.example", Date.now() + 3_600_000)
    const since = new Date().toISOString()
    const armed = { ...entry, kind: "trial", trial: { state: "armed", since } }
    store.putRegister([RegisterEntry.parse({ ...armed, tenant: "acme" })], "test", Date.now())
    reload(sensor, { control: { mode: "off" } })
    const ended = () => {
      const end = store.get("register", "trial-1")?.expires_at
      return end === undefined || (typeof end === "string" && Date.parse(end) <= Date.now())
    }
    t.ok(await holds(ended, soon), "with control off it ends")
    t.match(reloads().at(-1), { control: ["mode"] })
    store.close()
  })

  await t.test("once more for all that ask while it is being done", async (t) => {
    const before = reloads().length
    reload(sensor, { rules: [close] })
    for (let again = 0; again < 20; again++) process.kill(sensor.pid, "SIGHUP")
    reload(sensor, { rules: [pass] })
    t.ok(
      await holds(async () => (await served(sensor, inspected, 4)) === 4, soon),
      "the last counts",
    )
    t.ok(await holds(() => reloads().length > before, soon))
    t.ok(reloads().length - before <= 5, `${reloads().length - before} reloads for 22 signals`)
  })

  await t.test("also one of whose workers is dead: its successor has it", async (t) => {
    const [victim] = childrenOf(sensor.pid).filter(({ role }) => role === "sensor-worker")
    process.kill(victim?.pid ?? 0, "SIGKILL")
    reload(sensor, { rules: [close, pass] })
    t.ok(await holds(() => events(sensor, "process-replaced").length === 1, soon))
    t.equal(await served(sensor, inspected), 0)
  })

  await t.test("and both workers see a changed register within a second, under load", async (t) => {
    const store = openStore(join(sensor.folder, "var"))
    let loading = true
    const load = (async () => {
      while (loading) await served(sensor, spliced, 8)
    })()
    const waits: number[] = []
    for (let change = 0; change < 3; change++) {
      const before = events(sensor, "register-changed").length
      const at = Date.now()
      store.putRegister([registerEntry(`r-${change}`, `x${change}.example`, null)], "test", at)
      t.ok(await holds(() => events(sensor, "register-changed").length >= before + 2, soon))
      const seen = events(sensor, "register-changed").slice(before)
      t.equal(new Set(seen.map(({ pid }) => pid)).size, 2)
      waits.push(Math.max(...seen.map(({ time }) => Number(time) - at)))
    }
    loading = false
    await load
    store.close()
    // The best of three: the machine is shared.
    t.ok(Math.min(...waits) < 1_000, `${waits.join(", ")} ms`)
  })

  await t.test("not while it stops", async (t) => {
    const { length } = reloads()
    process.kill(sensor.pid, "SIGTERM")
    reload(sensor, { rules: [] })
    t.ok(await holds(() => sensor.exitCode() === 0, soon))
    t.equal(reloads().length, length)
  })

  await t.test("and if asked while it starts, as soon as it has started", async (t) => {
    const { length } = reloads()
    const started = sensor.restart()
    t.ok(await holds(() => childrenOf(sensor.pid).length > 0, soon))
    reload(sensor, { rules: [close] })
    await started
    t.ok(await holds(() => reloads().length === length + 1, soon))
    t.equal(await served(sensor, inspected, 4), 0)
  })
})

const skip = spawnSync("script", ["--version"]).error ? "needs script(1) (bsdutils)" : false
t.test("a terminal that is closed ends the sensor, though by a SIGHUP", { skip }, async (t) => {
  const dir = newDir(t)
  const main = new URL("../../src/cli/main.ts", import.meta.url).pathname
  const command = `${process.execPath} ${main} run --listen 127.0.0.1:0 --data ${join(dir, "var")}`
  const terminal = spawn("script", ["-qc", command, "/dev/null"], {
    cwd: dir,
    stdio: ["pipe", "pipe", "ignore"],
  })
  let said = ""
  terminal.stdout.on("data", (text) => {
    said += text
  })
  t.ok(await holds(() => said.includes('"listening"'), soon))
  const pids = [...new Set([...said.matchAll(/"pid":(\d+)/g)].map(([, pid]) => Number(pid)))]
  terminal.kill("SIGKILL")
  t.teardown(() => {
    for (const pid of pids.filter(isAlive)) process.kill(pid, "SIGKILL")
  })
  t.ok(await holds(() => !pids.some(isAlive), soon))
})
