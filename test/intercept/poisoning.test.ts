/**
 * What one client does must not decide for another: attacks on what is remembered of origins, by a
 * client at 127.0.0.66 (mallory) against one at 127.0.0.1 (ann).
 */
import { X509Certificate } from "node:crypto"
import { type ConnectionOptions, connect as tlsConnect } from "node:tls"
import t from "tap"
import { originTrust } from "../../src/intercept/origin-trust.ts"
import {
  alpnExtension,
  type Extension,
  groupsExtension,
  helloBytes,
  signaturesExtension,
  sniExtension,
  versionsExtension,
} from "../observe/hello-bytes.ts"
import { badCertificates, leaf, moodyOrigin, rootPem, speaks } from "../support/origin-bed.ts"
import {
  type Given,
  handshake,
  inspectionCa,
  listening,
  once,
  type TestSensor,
  testSensor,
  tunnel,
} from "../support/sensor.ts"

const ann = "127.0.0.1"
const mallory = "127.0.0.66"
const good = leaf()
const [, , selfSigned] = badCertificates.find(([name]) => name === "self-signed") ?? []
const bad = selfSigned?.() ?? good
const fingerprint = ({ cert }: typeof good) =>
  new X509Certificate(String(cert)).fingerprint256.replaceAll(":", "").toLowerCase()

const start = (t: Parameters<typeof testSensor>[0], given: Given = {}) =>
  testSensor(t, {
    lookup: async (name) => [name === "other.test" ? "127.0.0.2" : "127.0.0.1"],
    ...given,
    deps: { trust: originTrust(rootPem) },
  })

/** An origin that counts how often it is troubled. */
async function standing(
  t: Parameters<typeof listening>[0],
  credentials: object = good,
  host?: string,
) {
  const origin = moodyOrigin()
  origin.mood = speaks(origin, credentials)
  const counts = { connections: 0 }
  origin.server.on("connection", () => counts.connections++)
  const port = await listening(t, origin.server, host)
  return { origin, port, counts, target: `origin.test:${port}` }
}

async function visit(
  sensor: TestSensor,
  from: string,
  target: string,
  options: ConnectionOptions = {},
) {
  const socket = await tunnel(sensor, target, "", from)
  const client = tlsConnect({
    socket,
    servername: "origin.test",
    ca: inspectionCa.certPem,
    // The client speaks first: until it does the origin is not troubled.
    ALPNProtocols: ["http/1.1"],
    ...options,
  })
  client.on("error", () => {})
  const { ok } = await handshake(client)
  client.destroy()
  return ok
}

/** Ann comes by: whether she is answered, and what of. */
async function annSees(sensor: TestSensor, target: string, options: ConnectionOptions = {}) {
  const ok = await visit(sensor, ann, target, options)
  const { upstream } = await sensor.attempt()
  return { ok, status: upstream.status, leaf: upstream.leaf }
}

const isWell = { ok: true, leaf: fingerprint(good) }
const http = { ...good, ALPNProtocols: ["http/1.1"] }

t.test("the name of one origin at the address of another makes no facts of either", async (t) => {
  const sensor = await start(t)
  const { port, target } = await standing(t, http)
  const elsewhere = moodyOrigin()
  elsewhere.mood = speaks(elsewhere, leaf({ san: ["other.test"] }))
  await new Promise<void>((resolve) => elsewhere.server.listen(port, "127.0.0.2", resolve))
  t.teardown(() => elsewhere.server.close())
  for (const asked of [`other.test:${port}`, `127.0.0.2:${port}`]) {
    t.equal(await visit(sensor, mallory, asked), false, asked)
    t.match(await sensor.attempt(), { upstream: { status: "untrusted", reason: "wrong-name" } })
  }
  t.match(await annSees(sensor, target), { ...isWell, status: "verified" }, "asked by itself")
  for (const asked of [`other.test:${port}`, `127.0.0.2:${port}`]) {
    await visit(sensor, mallory, asked)
    await sensor.attempt()
  }
  t.match(await annSees(sensor, target), { ...isWell, status: "remembered" })
})

t.test(
  "an address of one's own choice and a bad origin there change nothing elsewhere",
  async (t) => {
    const sensor = await start(t, { origin: { "on-untrusted": "splice" } })
    const { port, target, counts } = await standing(t, http)
    await annSees(sensor, target)
    const own = moodyOrigin()
    own.mood = speaks(own, bad)
    await new Promise<void>((resolve) => own.server.listen(port, "127.0.0.66", resolve))
    t.teardown(() => own.server.close())
    for (let n = 0; n < 3; n++) {
      await visit(sensor, mallory, `127.0.0.66:${port}`)
      t.match(await sensor.flow(), { destination_ip: "127.0.0.66" })
    }
    t.match(await annSees(sensor, target), { ...isWell, status: "remembered" })
    t.equal(counts.connections, 1)
  },
)

t.test("what one client was passed on for decides for no other", async (t) => {
  const sensor = await start(t, { origin: { "on-untrusted": "splice" } })
  const { origin, target } = await standing(t, bad)
  await visit(sensor, mallory, target)
  t.match(await sensor.flow(), { splice_cause: "untrusted-origin" })
  origin.mood = speaks(origin, http)
  t.match(await annSees(sensor, target), { ...isWell, status: "verified" })
  origin.mood = speaks(origin, bad)
  t.equal(await visit(sensor, "127.0.0.67", target), true, "on what Ann's contact has shown")
  t.match(await sensor.attempt(), { upstream: { status: "remembered" } })
})

t.test("odd ALPN offers are questions of their own", async (t) => {
  const sensor = await start(t)
  const { target, counts } = await standing(t, http)
  await annSees(sensor, target)
  const offers: [name: string, protocols: string[]][] = [
    ["an empty name", ["", "http/1.1"]],
    ["only an empty name", [""]],
    ["255 bytes", ["\xff".repeat(255), "http/1.1"]],
    ["names that look like two", ["http/1.1 8:http/1.1"]],
    ["thousands", [...Array.from({ length: 4_000 }, (_, n) => `p${n}`), "http/1.1"]],
  ]
  for (const [name, protocols] of offers)
    for (let n = 0; n < 2; n++) {
      const socket = await tunnel(sensor, target, "", mallory)
      socket.write(hello(alpnExtension(protocols)))
      await once(socket, "readable")
      socket.destroy()
      const { upstream, outcome } = await sensor.attempt()
      t.not(outcome, "accepted", name)
      t.match(upstream.leaf ?? fingerprint(good), fingerprint(good))
    }
  const before = counts.connections
  t.match(await annSees(sensor, target), { ...isWell, status: "remembered" })
  t.equal(counts.connections, before)
})

/** A ClientHello for origin.test that TLS 1.3 can answer (with a HelloRetryRequest). */
function hello(...more: Extension[]): Uint8Array {
  return helloBytes({
    extensions: [
      sniExtension("origin.test"),
      versionsExtension([0x0304, 0x0303]),
      groupsExtension([29, 23]),
      signaturesExtension([0x0403, 0x0804]),
      { type: 51, body: Uint8Array.of(0, 0) },
      ...more,
    ],
  })
}

t.test("a client that names nobody learns for itself only", async (t) => {
  const sensor = await start(t)
  const { target, counts } = await standing(t, http)
  const nameless = { servername: "", checkServerIdentity: () => undefined }
  const contacts: [who: string, options: ConnectionOptions, status: string, connections: number][] =
    [
      [mallory, nameless, "verified", 1],
      [ann, {}, "verified", 2],
      [ann, {}, "remembered", 2],
      [ann, nameless, "verified", 3],
      [ann, nameless, "remembered", 3],
      [mallory, nameless, "remembered", 3],
      [mallory, {}, "remembered", 3],
    ]
  for (const [who, options, status, connections] of contacts) {
    t.equal(await visit(sensor, who, target, options), true)
    t.match(await sensor.attempt(), { upstream: { status } })
    t.equal(counts.connections, connections)
  }
})

t.test("a client that fails in a loop does not make a good origin a bad one", async (t) => {
  const sensor = await start(t)
  const { target, counts } = await standing(t, http)
  await annSees(sensor, target)
  const attacks: [name: string, options: ConnectionOptions][] = [
    ["no common ALPN", { ALPNProtocols: ["x"] }],
    ["refuses our certificate", { ca: [] }],
    ["no name", { servername: "" }],
    ["TLS 1.2 only, and refuses", { maxVersion: "TLSv1.2", ca: [] }],
  ]
  for (const [, options] of attacks)
    for (let n = 0; n < 5; n++) {
      await visit(sensor, mallory, target, options)
      await sensor.attempt()
    }
  // Leaves while the origin is dialled, or behind a first byte that opens its leg.
  for (let n = 0; n < 5; n++) {
    const socket = await tunnel(sensor, target, "", mallory)
    socket.write(hello(alpnExtension([`${n}`])))
    socket.resetAndDestroy()
    await sensor.attempt()
  }
  const before = counts.connections
  t.match(await annSees(sensor, target), { ...isWell, status: "remembered" })
  t.equal(counts.connections, before)
})

t.test(
  "an origin of several certificates costs one connection, not every second one",
  async (t) => {
    const sensor = await start(t)
    const { origin, target } = await standing(t, http)
    const moods = [http, { ...leaf(), ALPNProtocols: ["http/1.1"] }].map((one) =>
      speaks(origin, one),
    )
    let turn = 0
    origin.mood = (socket) => moods[turn++ % 2]?.(socket)
    const outcomes: string[] = []
    for (let n = 0; n < 6; n++) {
      const socket = await tunnel(sensor, target)
      const client = tlsConnect({
        socket,
        servername: "origin.test",
        ca: inspectionCa.certPem,
        ALPNProtocols: ["http/1.1"],
      })
      client.on("error", () => {})
      await handshake(client)
      client.write("GET")
      await Promise.race(["data", "end", "close"].map((event) => once(client, event)))
      client.destroy()
      outcomes.push((await sensor.attempt()).outcome)
    }
    t.same(outcomes, ["accepted", "origin-failed", "accepted", "accepted", "accepted", "accepted"])
  },
)
