/** What ends a splice from our side, and what is told of one while it is open. */
import { createServer } from "node:tls"
import t from "tap"
import { OpenSplices } from "../../src/intercept/open-splices.ts"
import type { RegisterHit } from "../../src/intercept/sensor-deps.ts"
import { SpliceHits } from "../../src/intercept/splice-hits.ts"
import { changeRegister, type Policy, preparePolicy } from "../../src/policy/prepare.ts"
import { ControlSettings, Rules } from "../../src/policy/settings.ts"
import type { RegisterEntry } from "../../src/record/register-entry.ts"
import { entry, iso } from "../policy/given.ts"
import {
  handshake,
  listening,
  originCa,
  originCertificate,
  pause,
  received,
  type TestSensor,
  testSensor,
  tlsThrough,
} from "../support/sensor.ts"

const origin = createServer(originCertificate("app.test"), (socket) => socket.pipe(socket))
const port = await listening(t, origin)
const control = ControlSettings.parse({})
const genuine = { ca: originCa.certPem, checkServerIdentity: () => undefined }
const byName = (id: string, sni: string, given: Partial<RegisterEntry> = {}) =>
  entry({ id, scope: { sni }, ...given })

/** A sensor whose policy the test changes as a worker's watch would. */
async function start(t: Parameters<typeof testSensor>[0], entries: RegisterEntry[]) {
  const rules = Rules.parse([{ name: "push", when: { sni: ["push.test"] }, do: "splice" }])
  const now: { policy: Policy } = { policy: preparePolicy({ rules, control }, entries) }
  const sensor = await testSensor(t, { deps: { policy: () => now.policy } })
  return {
    sensor,
    change: (...changes: [string, RegisterEntry | null][]) =>
      changeRegister(now.policy, new Map(changes)),
    reload: (rules: unknown[]) => {
      now.policy = preparePolicy(
        { rules: Rules.parse(rules), control },
        now.policy.register.entries(),
      )
    },
  }
}

async function open(sensor: TestSensor, host: string) {
  const client = await tlsThrough(sensor, `${host}:${port}`, genuine)
  if (!(await handshake(client)).ok) throw new Error(`${host} was not let pass`)
  const ended = received(client).then(() => "ended" as const)
  return { client, after: (ms: number) => Promise.race([ended, pause(ms).then(() => "open")]) }
}

t.test("what an entry has let pass is cut within a second of the entry's end", async (t) => {
  const inMs = (ms: number) => ({ expires_at: iso(Date.now() + ms) })
  const names = ["removed", "early", "back", "expires", "renewed", "stays"]
  const { sensor, change } = await start(
    t,
    names.map((name) => byName(name, `${name}.test`, inMs(3_600_000))),
  )
  const clients = new Map<string, Awaited<ReturnType<typeof open>>>()
  for (const name of names) clients.set(name, await open(sensor, `${name}.test`))
  const pushing = await open(sensor, "push.test")
  t.equal(sensor.deps.splices.size, names.length + 1)
  change(
    ["removed", null],
    ["early", byName("early", "early.test", inMs(0))],
    ["expires", byName("expires", "expires.test", inMs(300))],
    ["renewed", byName("renewed", "renewed.test", inMs(300))],
    ["back", byName("back", "back.test", { standing: "proposed" })],
    ["stays", byName("stays", "stays.test", { reason: "another word" })],
  )
  change(["renewed", byName("renewed", "renewed.test", inMs(60_000))])
  for (const name of ["removed", "early", "back", "expires"]) {
    t.equal(await clients.get(name)?.after(1_000), "ended", name)
    const flow = await sensor.flow()
    t.match(flow, { reason: "cut-entry-ended", ended_by: "sensor", control: false })
    const hits = sensor.hits.filter(({ entry_id }) => entry_id === flow.rule)
    t.same(
      hits.map(({ event }) => event),
      ["open", "close"],
    )
  }
  for (const name of ["renewed", "stays"]) t.equal(await clients.get(name)?.after(0), "open", name)
  t.equal(await pushing.after(0), "open", "a rule's")
  t.same(
    sensor.logs.map(({ event, fields }) => [event, fields["register_entry"]]).sort(),
    ["back", "early", "expires", "removed"].map((id) => ["splices-cut", id]),
  )
  for (const { client } of [...clients.values(), pushing]) client.destroy()
})

t.test("a reload of rules cuts nothing", async (t) => {
  const { sensor, reload } = await start(t, [byName("e", "app.test")])
  const [ofRule, ofEntry] = [await open(sensor, "push.test"), await open(sensor, "app.test")]
  reload([{ name: "no-push", when: { sni: ["push.test"] }, do: "block" }])
  t.equal(await ofRule.after(400), "open")
  t.equal(await ofEntry.after(0), "open")
  for (const { client } of [ofRule, ofEntry]) client.destroy()
})

t.test("every splice is told at its begin and its end, with all its bytes", async (t) => {
  const { sensor } = await start(t, [byName("e-1", "app.test")])
  for (const [host, id] of [
    ["push.test", "rule:push"],
    ["app.test", "e-1"],
  ] as const) {
    const { client } = await open(sensor, host)
    client.end("x".repeat(1_000))
    const flow = await sensor.flow()
    const told = sensor.hits.splice(0)
    t.match(told, [
      { entry_id: id, event: "open", connection_id: flow.id, bytes: 0 },
      { entry_id: id, event: "close", connection_id: flow.id },
    ])
    t.equal(told[1]?.bytes, flow.client_bytes + flow.server_bytes)
  }
})

t.test("a splice that stays open is told in parts, an idle one is not", async (t) => {
  const told: RegisterHit[] = []
  const hits = new SpliceHits(
    { bypassId: "e-1", flowId: "f" },
    {
      sensor: { common: { sensor_id: "s" } },
      clock: () => 7,
      onHit: (hit) => told.push(hit),
    },
  )
  const part = (event: string, connection_id: string, bytes: number) => ({
    entry_id: "e-1",
    at_ms: 7,
    event,
    sensor_id: "s",
    connection_id,
    bytes,
  })
  hits.passed(60_000)
  hits.tell()
  t.same(told, [part("open", "f", 0)], "it is not worth it yet")
  hits.passed(10_000)
  hits.tell()
  hits.passed(2 ** 26)
  hits.tell()
  hits.passed(5)
  hits.close()
  hits.tell()
  t.same(told.slice(1), [
    part("close", "f/1", 70_000),
    part("close", "f/2", 2 ** 26),
    part("close", "f", 5),
  ])

  let times = 0
  const splices = new OpenSplices({
    policy: () => preparePolicy({ rules: [], control }, []),
    clock: Date.now,
    log: () => {},
    tellEveryMs: 20,
  })
  const done = splices.add({ cut: () => {}, tell: () => times++ }, null)
  for (let n = 0; times < 2 && n < 200; n++) await pause(10)
  t.ok(times >= 2, "each is asked now and then")
  done()
  t.equal(splices.size, 0)
  splices.close()
})
