/** The operator's choice for origins that are no good: the client's connection ends, or it judges. */
import { X509Certificate } from "node:crypto"
import { type ConnectionOptions, connect as tlsConnect } from "node:tls"
import t from "tap"
import { extKeyUsage, subjectAltName } from "../../src/ca/extensions.ts"
import { originTrust } from "../../src/intercept/origin-trust.ts"
import {
  badCertificates,
  badHandshakes,
  type Credentials,
  leaf,
  moodyOrigin,
  rootPem,
  speaks,
} from "../support/origin-bed.ts"
import {
  type Given,
  handshake,
  inspectionCa,
  listening,
  type TestSensor,
  testSensor,
  tunnel,
} from "../support/sensor.ts"

const good = leaf()
const made = (name: string): Credentials => {
  const [, , make] = badCertificates.find(([each]) => each === name) ?? []
  if (!make) throw new Error(`no certificate is called ${name}`)
  return make()
}
const selfSigned = made("self-signed")
const splice = { "on-untrusted": "splice", "on-client-certificate": "splice" } as const

const start = (t: Parameters<typeof testSensor>[0], given: Given = {}) =>
  testSensor(t, {
    ...given,
    deps: { trust: originTrust(rootPem) },
  })

/** What a client gets that trusts `ca`, and whose certificate it was shown. */
async function visit(sensor: TestSensor, target: string, options: ConnectionOptions = {}) {
  const socket = await tunnel(sensor, target)
  const client = tlsConnect({ socket, servername: "origin.test", ...options })
  client.on("error", () => {})
  const { ok, error } = await handshake(client)
  const shown = ok ? client.getPeerX509Certificate()?.fingerprint256 : undefined
  const heard = ok ? await firstWords(client) : ""
  client.destroy()
  return { ok, error, shown, heard }
}

function firstWords(client: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    client.once("data", (chunk) => resolve(String(chunk)))
    for (const end of ["end", "error", "close"]) client.once(end, () => resolve(""))
  })
}

async function standing(t: Parameters<typeof listening>[0], credentials: object, host?: string) {
  const origin = moodyOrigin()
  origin.mood = speaks(origin, credentials)
  const counts = { connections: 0 }
  origin.server.on("connection", () => counts.connections++)
  const port = await listening(t, origin.server, host)
  return { origin, port, counts, target: `origin.test:${port}` }
}

const said = "said by the origin"

t.test(
  "fails open: with `on-untrusted: splice` the client judges an untrusted origin itself",
  async (t) => {
    const sensor = await start(t, { origin: splice })
    const { target, counts } = await standing(t, selfSigned)
    const own = { ca: String(selfSigned.cert) }
    const trusting = await visit(sensor, target, own)
    t.match(trusting, { ok: true, heard: said })
    t.equal(trusting.shown, new X509Certificate(String(selfSigned.cert)).fingerprint256)
    t.match(await sensor.flow(), {
      decision: "splice",
      rule: "default",
      splice_cause: "untrusted-origin",
      control: false,
      destination_ip: "127.0.0.1",
      server_bytes: Number,
    })
    t.equal(counts.connections, 2, "a first contact costs a probe")
    const careful = await visit(sensor, target, { ca: inspectionCa.certPem })
    t.match(careful, { ok: false, error: /self-signed/ }, "no good leaf is shown for a bad origin")
    t.match(await sensor.flow(), { splice_cause: "untrusted-origin", verdict: "failed" })
    t.equal(counts.connections, 3, "for some seconds this client needs none")
    t.equal(sensor.attempts.length, 0)
  },
)

t.test("fails closed: with `refuse` nothing is passed on to an untrusted origin", async (t) => {
  for (const origin of [
    {},
    { "on-untrusted": "refuse", "on-client-certificate": "splice" },
  ] as const) {
    const sensor = await start(t, { origin })
    const { target } = await standing(t, selfSigned)
    t.equal((await visit(sensor, target, { ca: String(selfSigned.cert) })).ok, false)
    t.match(await sensor.attempt(), {
      outcome: "origin-failed",
      upstream: { reason: "self-signed" },
    })
    t.equal(sensor.flows.length, 0)
  }
})

t.test(
  "fails open: with `on-client-certificate: splice` a client uses its own certificate",
  async (t) => {
    const own = leaf({
      extensions: [
        extKeyUsage("1.3.6.1.5.5.7.3.2"),
        subjectAltName([{ type: "dns", text: "phone" }], false),
      ],
    })
    for (const version of ["TLSv1.2", "TLSv1.3"] as const)
      await t.test(version, async (t) => {
        const sensor = await start(t, { origin: splice })
        const { target, counts } = await standing(t, {
          ...good,
          requestCert: true,
          rejectUnauthorized: true,
          ca: rootPem,
          maxVersion: version,
        })
        const client = {
          key: String(own.key),
          cert: String(own.cert),
          ca: rootPem,
          ALPNProtocols: ["x"],
        }
        for (const connections of [2, 3]) {
          t.match(await visit(sensor, target, client), { ok: true, heard: said })
          t.match(await sensor.flow(), { splice_cause: "client-certificate", control: false })
          t.equal(counts.connections, connections)
        }
      })
  },
)

t.test("fails closed: with `refuse` nothing is passed on to who wants a certificate", async (t) => {
  const sensor = await start(t, { origin: { "on-untrusted": "splice" } })
  const mutual = { requestCert: true, rejectUnauthorized: true, ca: rootPem }
  const { target } = await standing(t, { ...good, ...mutual })
  t.equal((await visit(sensor, target, { ca: rootPem })).ok, false)
  t.match(await sensor.attempt(), { outcome: "origin-wants-client-certificate" })
  t.equal(sensor.flows.length, 0)
})

t.test(
  "fails closed: a handshake that failed, a reset, an absent origin are never passed on",
  async (t) => {
    const sensor = await start(t, {
      origin: { ...splice, "on-no-name": "splice" },
      limits: { "upstream-time": "1s" },
    })
    for (const [name, expected, make] of badHandshakes) {
      const origin = moodyOrigin()
      origin.mood = make(origin)
      const target = `origin.test:${await listening(t, origin.server)}`
      t.equal((await visit(sensor, target, { rejectUnauthorized: false })).ok, false, name)
      t.match(await sensor.attempt(), { outcome: "origin-failed", upstream: expected })
    }
    t.equal(sensor.flows.length, 0)
  },
)

t.test(
  "an origin that turns bad behind remembered facts: this one is refused, the next passed on",
  async (t) => {
    const sensor = await start(t, { origin: splice })
    const { origin, target } = await standing(t, good)
    const client = { ca: [inspectionCa.certPem, String(selfSigned.cert)] }
    t.match(await visit(sensor, target, client), { heard: said })
    t.match(await sensor.attempt(), { outcome: "idle", upstream: { status: "verified" } })
    origin.mood = speaks(origin, selfSigned)
    t.match(await visit(sensor, target, client), { ok: true, heard: "" }, "it was answered already")
    t.match(await sensor.attempt(), { outcome: "origin-failed", upstream: { status: "untrusted" } })
    t.match(await visit(sensor, target, client), { ok: true, heard: said })
    t.match(await sensor.flow(), { splice_cause: "untrusted-origin" })
  },
)

t.test("a rule may choose otherwise for its connections", async (t) => {
  const sensor = await start(t, {
    origin: { "on-untrusted": "splice" },
    rules: [
      {
        name: "bank",
        when: { sni: ["bank.test"] },
        do: "inspect",
        origin: { "on-untrusted": "refuse" },
      },
    ],
  })
  const { port } = await standing(t, selfSigned)
  const client = { rejectUnauthorized: false }
  await visit(sensor, `bank.test:${port}`, { ...client, servername: "bank.test" })
  t.match(await sensor.attempt(), { rule: "bank", outcome: "origin-failed" })
  await visit(sensor, `shop.test:${port}`, { ...client, servername: "shop.test" })
  t.match(await sensor.flow(), { rule: "default", splice_cause: "untrusted-origin" })
})

t.test("fails closed: a rule that opens origins by a name opens no way to elsewhere", async (t) => {
  const sensor = await start(t, {
    rules: [
      {
        name: "partner",
        when: { sni: ["partner.test"] },
        do: "inspect",
        origin: { "on-untrusted": "splice" },
      },
    ],
  })
  const there = await standing(t, selfSigned)
  const elsewhere = await standing(t, selfSigned, "127.0.0.2")
  const partner = { servername: "partner.test", rejectUnauthorized: false }
  t.match(await visit(sensor, `partner.test:${there.port}`, partner), { heard: said })
  t.match(await sensor.flow(), { rule: "partner", name_agrees: true })
  t.match(await visit(sensor, `127.0.0.1:${there.port}`, partner), { heard: said })
  t.match(await sensor.flow(), { rule: "partner", name_agrees: true })
  t.equal((await visit(sensor, `127.0.0.2:${elsewhere.port}`, partner)).ok, false)
  t.match(await sensor.attempt(), {
    rule: "partner",
    name_agrees: false,
    outcome: "origin-failed",
  })
  t.equal((await visit(sensor, `c2.test:${there.port}`, partner)).ok, false)
  t.match(await sensor.attempt(), { rule: "name-disagrees", outcome: "origin-failed" })
})

t.test("a client that names no host", async (t) => {
  const nameless = {
    servername: "",
    checkServerIdentity: () => undefined,
    ca: [rootPem, inspectionCa.certPem],
  }
  await t.test("fails closed: its origin is refused if it cannot prove its address", async (t) => {
    const sensor = await start(t, { origin: { "on-untrusted": "splice" } })
    const { port } = await standing(t, good)
    t.equal((await visit(sensor, `127.0.0.1:${port}`, nameless)).ok, false)
    t.match(await sensor.attempt(), { sni: null, upstream: { reason: "wrong-name" } })
  })
  await t.test("fails open: with `on-no-name: splice` it is passed on", async (t) => {
    const sensor = await start(t, { origin: { "on-no-name": "splice" } })
    const { port, origin } = await standing(t, good)
    t.match(await visit(sensor, `127.0.0.1:${port}`, nameless), { ok: true, heard: said })
    t.match(await sensor.flow(), { sni: null, splice_cause: "untrusted-origin" })
    origin.mood = speaks(origin, made("expired"))
    const again = { ...nameless, ALPNProtocols: ["x"] }
    t.equal((await visit(sensor, `127.0.0.1:${port}`, again)).ok, false)
    t.match(await sensor.attempt(), { upstream: { reason: "expired" } }, "whatever else is wrong")
  })
  await t.test("it is inspected if the origin proves its address", async (t) => {
    const sensor = await start(t, { origin: { "on-no-name": "splice" } })
    const { port } = await standing(t, leaf({ san: ["127.0.0.1"] }))
    t.match(await visit(sensor, `127.0.0.1:${port}`, nameless), { ok: true, heard: said })
    t.match(await sensor.attempt(), { outcome: "idle" })
  })
})
