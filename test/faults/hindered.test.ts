/** Inspection that cannot be, or had better not be, now: a CA past its end, an overloaded worker. */
import { createServer } from "node:tls"
import t from "tap"
import { loadInspectionCa } from "../../src/ca/load.ts"
import { CaWatch } from "../../src/cli/supervisor/ca-watch.ts"
import { Hindrance, type HindranceParts } from "../../src/intercept/hindrance.ts"
import { Overload, OverloadSettings } from "../../src/intercept/overload.ts"
import { backTo, held } from "../support/leaks.ts"
import {
  ask,
  handshake,
  inspectionCa,
  inspectionFiles,
  listening,
  originCa,
  originCertificate,
  testSensor,
  tlsThrough,
} from "../support/sensor.ts"

const DAY = 86_400_000
const name = "www.test"
const port = await listening(
  t,
  createServer(originCertificate(name), (socket) => socket.once("data", () => socket.end("hello"))),
)
const target = `${name}:${port}`
const request = `GET / HTTP/1.1\r\n${"x-filler: 0123456789\r\n".repeat(20)}\r\n`

/** What the origin says, and whose certificate was shown: `ca` is what the client trusts. */
async function visit(sensor: { port: number }, ca = inspectionCa.certPem): Promise<string> {
  const client = await tlsThrough(sensor, target, { ca })
  const said = await ask(client, request)
  client.destroy()
  return said
}

interface Line {
  level: string
  event: string
  fields: Record<string, unknown>
}

/** The real parts around a clock that the test sets. */
function hindrance(given: Partial<HindranceParts>) {
  const logs: Line[] = []
  const state = { now: Date.now() }
  const overload = new Overload(OverloadSettings.parse({}))
  const parts: HindranceParts = {
    ca: inspectionCa,
    onExpired: "splice",
    overload,
    onOverload: "inspect",
    clock: () => state.now,
    log: (level, event, fields) => logs.push({ level, event, fields }),
    ...given,
  }
  return { hindrance: new Hindrance(parts), overload, state, logs }
}

t.test("fails open: with a CA past its end traffic passes uninspected", async (t) => {
  const { hindrance: hindered, state, logs } = hindrance({})
  const deps = { instead: () => hindered.instead(), clock: () => state.now }
  const sensor = await testSensor(t, { deps })
  const before = held()

  t.equal(await visit(sensor), "hello")
  t.match(await sensor.attempt(), { outcome: "accepted", leaf_check: "ok" })

  state.now = inspectionCa.notAfter + 1_000
  for (const _ of [1, 2]) {
    t.equal(await visit(sensor, originCa.certPem), "hello", "the origin's own certificate is shown")
    t.match(await sensor.flow(), {
      decision: "splice",
      rule: "ca-expired",
      splice_cause: "operator",
      control: false,
    })
  }
  state.now = inspectionCa.notBefore + DAY
  t.equal(await visit(sensor), "hello")
  t.match(
    await sensor.attempt(),
    { outcome: "accepted" },
    "with a clock set right it inspects again",
  )

  t.strictSame(hindered.counts, { "ca-expired": 2, overload: 0 })
  t.match(logs, [
    { level: "error", event: "inspection-suspended", fields: { because: "ca-expired" } },
    { level: "info", event: "inspection-resumed", fields: { because: "ca-expired" } },
  ])
  t.equal(logs.length, 2, "each change is told once")
  t.ok(await backTo(before), "nothing is left open")
})

t.test("fails closed: with a CA past its end and ca.on-expired: block", async (t) => {
  const { hindrance: hindered, state } = hindrance({ onExpired: "block" })
  state.now = inspectionCa.notAfter + 1_000
  const sensor = await testSensor(t, { deps: { instead: () => hindered.instead() } })
  const client = await tlsThrough(sensor, target)
  t.match(await handshake(client), { ok: false, error: /access denied/ })
  t.match(await sensor.attempt(), {
    outcome: "blocked",
    decision: "block",
    rule: "ca-expired",
    leaf: null,
  })
})

t.test("a worker that comes back after the CA's end can load it, and says nothing new", (t) => {
  const { certFile, keyFile } = inspectionFiles
  const files = { certFile, keyFile, now: inspectionCa.notAfter + DAY }
  t.throws(
    () => loadInspectionCa(files),
    /expired on/,
    "an operator who brings one is told at once",
  )
  t.equal(
    loadInspectionCa({ ...files, validity: "watched" }).fingerprint,
    inspectionCa.fingerprint,
    "the epoch is the same",
  )
  t.end()
})

t.test("what was decided otherwise stays so when inspection is hindered", async (t) => {
  const { hindrance: hindered, state } = hindrance({ onExpired: "block" })
  state.now = inspectionCa.notAfter + 1_000
  const rules = [{ name: "let-go", when: { sni: [name] }, do: "splice" }]
  const sensor = await testSensor(t, { rules, deps: { instead: () => hindered.instead() } })
  t.equal(await visit(sensor, originCa.certPem), "hello")
  t.match(await sensor.flow(), { rule: "let-go" })
})

t.test("fails open: an overloaded worker splices, if the configuration says so", async (t) => {
  const { hindrance: hindered, overload, logs } = hindrance({ onOverload: "splice" })
  const sensor = await testSensor(t, { deps: { instead: () => hindered.instead() } })
  for (let look = 0; look < 20; look++) overload.note(1_000)
  t.equal(await visit(sensor, originCa.certPem), "hello")
  t.match(await sensor.flow(), { rule: "overload", splice_cause: "overload", control: false })
  for (let look = 0; look < 20; look++) overload.note(0)
  t.equal(await visit(sensor), "hello")
  t.match(await sensor.attempt(), { outcome: "accepted" })
  t.strictSame(
    logs.map(({ event }) => event),
    ["inspection-suspended", "inspection-resumed"],
  )
})

t.test("by default an overloaded worker goes on inspecting", async (t) => {
  const { hindrance: hindered, overload } = hindrance({})
  for (let look = 0; look < 20; look++) overload.note(1_000)
  t.ok(overload.over)
  t.equal(hindered.instead(), null)
})

t.test("overload is a state that lasts, not a stall", async (t) => {
  const rows: [string, number[], boolean][] = [
    ["one stall of ten seconds", [0, 0, 10_000], false],
    ["two in a row", [0, 0, 10_000, 10_000], true],
    ["a little late all the time", Array(50).fill(200), false],
    ["too late all the time", Array(50).fill(300), true],
    [
      "between the two bounds it stays what it was",
      [...Array(50).fill(300), ...Array(50).fill(150)],
      true,
    ],
    ["below half it is over", [...Array(50).fill(300), ...Array(50).fill(100)], false],
    ["an early look is no merit", [...Array(50).fill(300), -10_000], true],
  ]
  for (const [title, lateness, over] of rows) {
    const overload = new Overload(OverloadSettings.parse({ above: "250ms" }))
    for (const ms of lateness) overload.note(ms)
    t.equal(overload.over, over, title)
  }
})

t.test("a blocked event loop is measured as such", async (t) => {
  const overload = new Overload(OverloadSettings.parse({ above: "20ms" }))
  const end = overload.watch()
  t.teardown(end)
  for (let turn = 0; turn < 8; turn++) {
    const until = performance.now() + 150
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  t.ok(overload.over, `${overload.lateness} ms late`)
})

t.test("the operator is told of the CA's end before it comes, each day, and at it", async (t) => {
  const logs: Line[] = []
  const log = (level: string, event: string, fields: Record<string, unknown>) =>
    logs.push({ level, event, fields })
  const { notAfter, fingerprint } = inspectionCa
  const watch = new CaWatch({ ca: inspectionCa, onExpired: "splice", log })
  const heard = (at: number) => {
    watch.look(at)
    return logs.splice(0).map(({ level, event, fields }) => [level, event, fields["days"] ?? null])
  }
  t.strictSame(heard(notAfter - 61 * DAY), [], "long before")
  t.strictSame(heard(notAfter - 59.5 * DAY), [["warn", "inspection-ca-ends-soon", 59]])
  t.strictSame(heard(notAfter - 59.4 * DAY), [], "not again on the same day")
  t.strictSame(heard(notAfter - 58.4 * DAY), [["warn", "inspection-ca-ends-soon", 58]])
  t.strictSame(heard(notAfter + 1), [["error", "inspection-ca-expired", null]])
  t.strictSame(heard(notAfter + 2), [])
  t.strictSame(heard(notAfter + DAY + 2), [["error", "inspection-ca-expired", null]])
  t.strictSame(
    heard(notAfter - 300 * DAY),
    [["info", "inspection-ca-valid", null]],
    "clock set back",
  )
  t.ok(fingerprint)
})
