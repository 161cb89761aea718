/** Several listeners in one worker, and what a rule knows of the way in. */
import { connect, createServer, type Socket } from "node:net"
import t from "tap"
import { ListenerSettings } from "../../src/intercept/listeners.ts"
import { transparentSupport } from "../../src/intercept/original-destination.ts"
import { startSensor } from "../../src/intercept/sensor.ts"
import { liveHello } from "../observe/real-hellos.ts"
import { listening, pause, received, testSensor, tunnel } from "../support/sensor.ts"

const two = [
  { name: "staff", kind: "explicit", listen: "127.0.0.1:0" },
  { name: "guests", kind: "explicit", listen: "127.0.0.1:0" },
] as const

t.test("each listener has its port and its name, which rules can ask for", async (t) => {
  const rules = [{ name: "no-guests", when: { listener: ["guests"] }, do: "block" }]
  const sensor = await testSensor(t, { listeners: [...two], rules })
  const { staff, guests } = sensor.sensor.addresses
  t.not(staff?.port, guests?.port)
  t.equal(sensor.port, staff?.port)
  const hello = await liveHello({ servername: "app.test" })
  for (const [port, expected] of [
    [staff?.port, { decision: "inspect", rule: "default" }],
    [guests?.port, { decision: "block", rule: "no-guests" }],
  ] as const) {
    const socket = await tunnel({ port: port ?? 0 }, "app.test:1")
    socket.write(hello)
    t.match(await sensor.attempt(), expected)
    socket.destroy()
  }
})

t.test(
  "a second worker shares the ports that the first one found",
  { skip: process.platform === "linux" ? false : "needs SO_REUSEPORT" },
  async (t) => {
    const first = await testSensor(t, { listeners: [...two] })
    const second = await testSensor(t, { listeners: [...first.sensor.listeners] })
    t.strictSame(second.sensor.addresses, first.sensor.addresses)
    t.not(first.port, 0)
    for (let tries = 0; tries < 200 && second.sensor.counts.accepted === 0; tries++) {
      const socket = connect(first.port, "127.0.0.1")
      await received(socket.end())
    }
    t.ok(second.sensor.counts.accepted > 0)
  },
)

t.test("when one listener cannot be opened, none is", async (t) => {
  const taken = await listening(t, createServer())
  const { deps, sensor } = await testSensor(t)
  const free = sensor.addresses["explicit"]?.port ?? 0
  await sensor.close(0)
  const wanted = [free, taken].map((port, index) =>
    ListenerSettings.parse({
      name: `at-${index}`,
      kind: "explicit",
      listen: `127.0.0.1:${port}`,
    }),
  )
  await t.rejects(startSensor(wanted, deps), { code: "EADDRINUSE" })
  const refused = await new Promise((resolve) =>
    connect(free, "127.0.0.1")
      .once("error", resolve)
      .once("connect", () => resolve(null)),
  )
  t.match(refused, { code: "ECONNREFUSED" })
})

const unable = transparentSupport()
for (const kind of ["redirect", "tproxy"] as const) {
  const needs = unable ?? (kind === "tproxy" && process.getuid?.() !== 0 ? "needs root" : null)
  t.test(
    `fails closed: who dials a ${kind} listener itself is not sent back to it`,
    { skip: needs ?? false },
    async (t) => {
      const sensor = await testSensor(t, {
        listeners: [{ name: "wifi", kind, listen: "127.0.0.1:0" }],
        open: ["0.0.0.0/0"],
      })
      const socket = connect(sensor.port, "127.0.0.1")
      socket.on("error", () => {})
      socket.write(await liveHello({ servername: "app.test" }))
      t.equal((await received(socket)).bytes.length, 0)
      await pause(20)
      t.match(sensor.sensor.counts, { accepted: 1, guarded: 1, tunnels: 0 })
      t.match(sensor.logs, [
        { event: "destination-guarded", fields: { because: /listener itself/ } },
      ])
    },
  )
}

t.test(
  "a health check of a transparent port is counted as no request, and not logged",
  { skip: unable ?? false },
  async (t) => {
    const sensor = await testSensor(t, {
      listeners: [{ name: "wifi", kind: "redirect", listen: "127.0.0.1:0" }],
      limits: { "connect-head-time": "100ms" },
    })
    const ends: Record<string, (socket: Socket) => unknown> = {
      "a FIN": (socket) => socket.end(),
      "a reset": (socket) => socket.resetAndDestroy(),
      "silence, until we end it": () => {},
    }
    for (const [how, end] of Object.entries(ends)) {
      const socket = connect({ port: sensor.port, host: "127.0.0.1" })
      socket.on("error", () => {})
      const closed = new Promise((resolve) => socket.once("close", resolve))
      socket.once("connect", () => end(socket))
      socket.resume()
      await closed
      t.pass(how)
    }
    for (let n = 0; sensor.sensor.open > 0 && n < 50; n++) await pause(10)
    t.match(sensor.sensor.counts, { accepted: 3, no_request: 3, guarded: 0 })
    t.same(sensor.logs, [])
  },
)
