/** The page docs/telemetry.md as an integrator uses it, and processes that die while they take events. */
import { execFile, spawn, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import t from "tap"
import { parse } from "yaml"
import { checkStart } from "../../src/cli/supervisor/check-start.ts"
import { Config } from "../../src/config.ts"
import { openStore } from "../../src/evidence/open.ts"
import { signature } from "../../src/telemetry/webhook/signature.ts"
import { freePort } from "../support/free-port.ts"
import { startPinsensor } from "../support/pinsensor.ts"
import { childrenOf, holds } from "../support/processes.ts"
import { native, ndjson, noon, secret, send, telemetryBed, webhook } from "../support/telemetry.ts"

// The collector is nice: on a machine that is busy with other tests it waits long for its turns.
t.setTimeout(110_000)

const run = promisify(execFile)
const wanted = ["bash", "openssl", "curl", "python3"]
const missing = wanted.filter((program) => spawnSync(program, ["--help"]).error !== undefined)
const skip = missing.length > 0 ? `the guide's examples need ${missing.join(", ")}` : false
const page = readFileSync(new URL("../../docs/telemetry.md", import.meta.url), "utf8")

/** The first block of a language after a sentence of the page, as it stands there. */
function block(language: string, after: string): string {
  const [, text] =
    new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\n\`\`\``).exec(page.slice(page.indexOf(after))) ??
    []
  if (!page.includes(after) || text === undefined) throw new Error(`${after}: no ${language}`)
  return text
}

t.test(
  "the examples of the guide work as they stand there, and a collector that is killed loses nothing",
  { skip },
  async (t) => {
    const folder = t.testdir({})
    await run("bash", ["-euc", block("sh", "A key of at least")], { cwd: folder })
    const config = parse(block("yaml", "The configuration.")) as {
      sources: { webhook: { listen: string; senders: { keys: { secret: { file: string } }[] }[] } }
    }
    const port = await freePort()
    t.equal(config.sources.webhook.listen, "127.0.0.1:8480")
    config.sources.webhook.listen = `127.0.0.1:${port}`
    for (const { keys } of config.sources.webhook.senders)
      for (const key of keys) key.secret.file = join(folder, key.secret.file)
    const sensor = await startPinsensor(config)
    t.teardown(() => sensor.remove())
    const opened = () => sensor.log.filter(({ msg }) => msg === "telemetry-listening").length
    t.ok(await holds(() => opened() === 1, 30_000), "it listens")

    const env = { ...process.env, PINSENSOR_URL: `http://127.0.0.1:${port}/v1/events` }
    const shell = block("sh", "Start the sensor, and send")
    const { stdout } = await run("bash", ["-euc", shell], { cwd: folder, env })
    t.strictSame(JSON.parse(stdout), JSON.parse(block("json", "The answer:")))
    t.match(await sensor.records("app-events"), [
      { event_id: "try-1", type: "tls_trust_customization", trust: { kind: "pin_comparison" } },
    ])
    t.equal(JSON.parse((await run("bash", ["-euc", shell], { cwd: folder, env })).stdout).known, 1)

    // The sender of the page sends 5,000 events while the collector is killed under it.
    writeFileSync(join(folder, "sender.py"), block("python", "## A sender"))
    const observed_at = new Date().toISOString()
    const events = Array.from({ length: 5_000 }, () => native({ observed_at }))
    const sender = spawn("python3", ["sender.py"], {
      cwd: folder,
      env,
      stdio: ["pipe", "pipe", "inherit"],
    })
    const answers: { accepted: number; known: number }[] = []
    const killed = Promise.withResolvers<void>()
    createInterface({ input: sender.stdout }).on("line", (line) => {
      answers.push(JSON.parse(line))
      if (answers.length > 1) return
      const collector = childrenOf(sensor.pid).find(({ role }) => role === "collector")
      if (collector) process.kill(collector.pid, "SIGKILL")
      killed.resolve()
    })
    sender.stdin.end(ndjson(...events))
    const ended = new Promise((resolve) => sender.once("close", resolve))
    await killed.promise
    t.equal(await ended, 0)
    const stored = (await sensor.records("app-events")).map(({ event_id }) => event_id)
    t.strictSame(stored.length, events.length + 1, "all of them, once")
    t.strictSame(new Set(stored), new Set(["try-1", ...events.map(({ event_id }) => event_id)]))
    t.ok(opened() >= 2, "another collector took its place")
  },
)

t.test("what was committed before a death is known when it is sent again", async (t) => {
  const script = new URL("../support/dying-webhook.ts", import.meta.url).pathname
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] })
  const [line = ""] = await new Promise<string[]>((resolve) =>
    createInterface({ input: child.stdout }).once("line", (text) => resolve([text])),
  )
  const { listen, folder } = JSON.parse(line) as { listen: string; folder: string }
  const body = ndjson(native(), native())
  const timestamp = String(noon / 1_000)
  const headers = {
    "content-type": "application/x-ndjson",
    "x-pinsensor-key": "k1",
    "x-pinsensor-timestamp": timestamp,
    "x-pinsensor-signature": signature(secret, timestamp, Buffer.from(body)),
  }
  const gone = new Promise((resolve) => child.once("exit", (_code, signal) => resolve(signal)))
  await t.rejects(send(listen, { headers }, Buffer.from(body)), "there is no answer")
  t.equal(await gone, "SIGKILL")
  const store = openStore(folder)
  t.equal([...store.all("app-events")].length, 2, "and yet they are stored")
  store.close()
  const bed = await telemetryBed(() => ({ webhook: webhook() }), undefined, folder)
  t.teardown(() => bed.close())
  t.match((await bed.post(body, { timestamp })).body, { accepted: 0, known: 2 })
  t.equal(bed.events().length, 2)
})

t.test("a port that is taken ends the start with a word about it", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const config = Config.parse({
    listen: "127.0.0.1:0",
    data: bed.folder,
    sources: {
      webhook: {
        listen: bed.listen[0],
        senders: [
          {
            name: "x",
            sources: ["x"],
            keys: [{ id: "k1", secret: { file: `${bed.folder}/k1.key` } }],
          },
        ],
      },
    },
  })
  await t.rejects(checkStart(config), /sources\.webhook\.listen: .* is taken by another program/)
})
