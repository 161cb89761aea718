/** The wall clock is set, by hours, forward and back, while traffic runs. */
import { createServer } from "node:tls"
import t from "tap"
import { ClockWatch } from "../../src/cli/supervisor/clock-watch.ts"
import { RareLog } from "../../src/intercept/rare-log.ts"
import { readClientHello } from "../../src/observe/client-hello.ts"
import { stackKey } from "../../src/observe/stack.ts"
import { liveHello } from "../observe/real-hellos.ts"
import { entry, iso } from "../policy/given.ts"
import {
  handshake,
  listening,
  originCa,
  originCertificate,
  received,
  type TestSensor,
  testSensor,
  tlsThrough,
} from "../support/sensor.ts"

const hour = 3_600_000
const name = "www.test"
let shown = originCertificate(name)
const origin = createServer(shown, (socket) => {
  socket.on("data", (chunk) => socket.write(chunk))
  socket.on("end", () => socket.end())
})
const target = `${name}:${await listening(t, origin)}`

async function visit(sensor: TestSensor, meanwhile: () => void = () => {}): Promise<void> {
  const client = await tlsThrough(sensor, target)
  if (!(await handshake(client)).ok) throw new Error("no handshake")
  meanwhile()
  client.end("GET")
  await received(client)
}

for (const [direction, jump] of [
  ["forward", 6 * hour],
  ["back", -6 * hour],
] as const)
  t.test(
    `a clock that is set ${direction} breaks no connection and tells its own time`,
    async (t) => {
      const state = { now: Date.now() }
      const limits = { "hello-time": "5s", "idle-time": "5s", "record-after": "5s" }
      const sensor = await testSensor(t, { limits, deps: { clock: () => state.now } })
      await visit(sensor)
      await visit(sensor, () => {
        state.now += jump
      })
      await visit(sensor)
      const [before, during, after] = [
        await sensor.attempt(),
        await sensor.attempt(),
        await sensor.attempt(),
      ]
      for (const one of [before, during, after]) {
        t.match(one, { outcome: "accepted", leaf_check: "ok" })
        const { hello, certificate, delivered, finished, first_data, closed } = one.phases
        const times = [hello, certificate, delivered, finished, first_data, closed].map(
          (p) => p?.ms,
        )
        t.strictSame(
          times,
          [...times].sort((a, b) => Number(a) - Number(b)),
          "what lasts is measured by another clock",
        )
        t.ok(Number(closed?.ms) < 5_000)
      }
      t.equal(Date.parse(after.observed_at) - Date.parse(before.observed_at), jump)
      t.equal(
        before.observed_at,
        during.observed_at,
        "it is told when it began, by the clock of then",
      )
    },
  )

t.test("what is remembered of an origin does not outlast a clock that was set back", async (t) => {
  const state = { now: Date.now() }
  const sensor = await testSensor(t, { deps: { clock: () => state.now } })
  await visit(sensor)
  await sensor.attempt()
  state.now -= 6 * hour
  shown = originCertificate(name)
  origin.setSecureContext(shown)
  await visit(sensor)
  t.match(
    await sensor.attempt(),
    { outcome: "accepted", upstream: { status: "verified" } },
    "the origin is asked, not remembered",
  )
})

t.test("a trial ends after its time, however the clock is set meanwhile", async (t) => {
  const hello = readClientHello(await liveHello({ servername: name }))
  if (hello === "incomplete" || "fault" in hello) throw new Error("no hello")
  for (const jump of [-6 * hour, 6 * hour]) {
    const state = { now: Date.now() }
    const trial = entry({
      id: "trial-1",
      kind: "trial",
      created_at: iso(state.now),
      observed_at: iso(state.now),
      expires_at: iso(state.now + hour),
      scope: { device_id: "phone-1", stack: stackKey(hello), sni: name },
      trial: { state: "armed", since: iso(state.now) },
    })
    const sensor = await testSensor(t, {
      device: "phone-1",
      entries: [trial],
      control: { "splice-for": "300ms" },
      deps: { clock: () => state.now },
    })
    const client = await tlsThrough(sensor, target, { ca: originCa.certPem })
    t.ok((await handshake(client)).ok)
    state.now += jump
    const began = performance.now()
    await received(client)
    t.ok(performance.now() - began < 3_000)
    t.match(await sensor.flow(), {
      splice_cause: "trial",
      reason: "cut-trial-over",
      ended_by: "sensor",
    })
    client.destroy()
  }
})

t.test("a clock that was set is told of, one that drifts is not", async (t) => {
  const logs: [string, unknown][] = []
  const state = { wall: 1_000_000, monotonic: 0 }
  const watch = new ClockWatch(
    { wall: () => state.wall, monotonic: () => state.monotonic },
    (_, event, fields) => logs.push([event, fields["by_ms"]]),
  )
  const after = (wall: number, monotonic: number) => {
    state.wall += wall
    state.monotonic += monotonic
    watch.look()
    return logs.splice(0)
  }
  t.strictSame(after(5_000, 5_000), [])
  t.strictSame(after(5_800, 5_000), [], "NTP at work")
  t.strictSame(after(5_000 + 6 * hour, 5_000), [["clock-jumped", 6 * hour + 800]])
  t.strictSame(after(5_000, 5_000), [], "told once")
  t.strictSame(after(5_000 - 6 * hour, 5_000), [["clock-jumped", -6 * hour]])
  t.strictSame(after(60_000, 60_000), [], "a look that came late")
})

t.test(
  "a log that is told rarely is not silent for hours after the clock was set back",
  async (t) => {
    const told: unknown[] = []
    const state = { now: Date.now() }
    const parts = { log: (...line: unknown[]) => told.push(line), clock: () => state.now }
    const log = new RareLog(parts, "relay-header-bad", 10_000)
    log.tell({})
    log.tell({})
    t.equal(told.length, 1)
    state.now -= 6 * hour
    log.tell({})
    t.equal(told.length, 2)
  },
)
