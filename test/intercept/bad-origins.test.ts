/**
 * Origins that are no good, at a first contact and when they turn bad behind remembered facts: no
 * client goes on as if all were well, and nothing of it counts against the client.
 */
import { spawn } from "node:child_process"
import { X509Certificate } from "node:crypto"
import type { TLSSocket } from "node:tls"
import t from "tap"
import { originTrust } from "../../src/intercept/origin-trust.ts"
import { without } from "../ca/made-ca.ts"
import { freePort } from "../support/free-port.ts"
import {
  badCertificates,
  badHandshakes,
  intermediate,
  leaf,
  type Mood,
  type MoodyOrigin,
  moodyOrigin,
  rootPem,
  speaks,
} from "../support/origin-bed.ts"
import {
  handshake,
  inspectionFiles,
  listening,
  pause,
  received,
  type TestSensor,
  testSensor,
  tlsThrough,
} from "../support/sensor.ts"

interface Row {
  name: string
  expected: object
  made: (origin: MoodyOrigin) => Mood
}

const good = leaf()
const versions = ["TLSv1.2", "TLSv1.3"] as const
const failed = (upstream: object) => ({ outcome: "origin-failed", upstream })

const rows: Row[] = [
  ...badCertificates.map(([name, reason, made]) => ({
    name: `its certificate is ${name}`,
    expected: failed({ status: "untrusted", reason, public_trust: false }),
    made: (origin: MoodyOrigin) =>
      // Of its own accord a server would not use what is weak.
      speaks(origin, { ...made(), ciphers: "DEFAULT:@SECLEVEL=0" }),
  })),
  ...badHandshakes.map(([name, expected, made]) => ({
    name: `it ${name}`,
    expected: failed(expected),
    made,
  })),
  ...versions.map((version) => ({
    name: `it requires a client certificate over ${version}`,
    expected: {
      outcome: "origin-wants-client-certificate",
      upstream: { status: "wants-client-certificate", client_certificate: "required" },
    },
    made: (origin: MoodyOrigin) =>
      speaks(origin, {
        ...good,
        requestCert: true,
        rejectUnauthorized: true,
        ca: rootPem,
        maxVersion: version,
      }),
  })),
]

/** `patience`: how long an origin may take. */
const sensorFor = (t: Parameters<typeof testSensor>[0], patience = "10s") =>
  testSensor(t, {
    limits: { "upstream-time": patience },
    deps: { trust: originTrust(rootPem) },
  })

/** A client that trusts the inspection CA and has a secret to tell. */
async function visit(sensor: TestSensor, target: string) {
  const client: TLSSocket = await tlsThrough(sensor, target)
  const { ok } = await handshake(client)
  if (ok) client.write("told by the client")
  const bytes = ok ? await heard(client) : ""
  client.destroy()
  return { ok, bytes, attempt: await sensor.attempt() }
}

/** The first words, or what came until the end. */
function heard(client: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    client.once("data", (chunk) => resolve(chunk.toString("latin1")))
    for (const end of ["end", "error", "close"]) client.once(end, () => resolve(""))
  })
}

t.test(
  "fails closed: a leg that cannot be had or is not trusted ends the client's connection, and nothing counts against it",
  async (t) => {
    const patient = await sensorFor(t)
    const hasty = await sensorFor(t, "1s")
    for (const { name, expected, made } of rows)
      await t.test(name, async (t) => {
        const sensor = name === "it hangs" ? hasty : patient
        const origin = moodyOrigin()
        const bad = made(origin)
        const target = `origin.test:${await listening(t, origin.server)}`
        origin.mood = bad
        const first = await visit(sensor, target)
        t.equal(first.ok, false, "at a first contact it has no usable connection")
        t.match(first.attempt, { strength: null, leaf: null, ended_by: "sensor", ...expected })
        t.match(first.attempt.token, /^H\.\.\.\./, "and no certificate of ours")

        origin.mood = speaks(origin, good)
        const well = await visit(sensor, target)
        t.match(well, { bytes: "said by the origin", attempt: { outcome: "accepted" } })
        await pause(5)
        origin.got = ""
        origin.mood = bad
        const later = await visit(sensor, target)
        t.equal(later.bytes, "", "on remembered facts nothing of the origin comes")
        t.equal(origin.got, "", "and nothing of the client goes")
        t.match(later.attempt, { strength: null, delivered_app_bytes: 0, ...expected })
      })
  },
)

const withCurl = { skip: without("curl", "--version") }

t.test("an origin that is not there is told from one that is no good", async (t) => {
  const sensor = await sensorFor(t)
  const rows: [name: string, target: string, reason: string][] = [
    ["nobody listens", `origin.test:${await freePort()}`, "ECONNREFUSED"],
    ["the name has no address", "nowhere.example:443", "ENOTFOUND"],
  ]
  for (const [name, target, reason] of rows) {
    const { ok, attempt } = await visit(sensor, target)
    t.equal(ok, false, name)
    t.match(attempt, failed({ status: "unreachable", reason }))
    t.match(attempt.token, /^H\.\.\.\./)
  }
})

t.test("an origin that shares no ALPN with the client is as it would be without us", async (t) => {
  const sensor = await sensorFor(t)
  const origin = moodyOrigin()
  origin.mood = speaks(origin, { ...good, ALPNProtocols: ["mqtt"] })
  const target = `origin.test:${await listening(t, origin.server)}`
  const client = await tlsThrough(sensor, target, { ALPNProtocols: ["h2"] })
  t.equal((await handshake(client)).ok, false)
  t.match(await sensor.attempt(), failed({ status: "failed", reason: "alert 120" }))
})

t.test(
  "what is recorded of an origin is its leaf, not its issuer, and our leaf bears its names",
  async (t) => {
    const sensor = await sensorFor(t)
    const issuer = intermediate()
    const shown = leaf({ issuer, chain: issuer.pem, san: ["origin.test", "also.test"] })
    const origin = moodyOrigin()
    origin.mood = speaks(origin, shown)
    const target = `origin.test:${await listening(t, origin.server)}`
    const sha256 = new X509Certificate(String(shown.cert)).fingerprint256
    for (const status of ["verified", "remembered"]) {
      const client = await tlsThrough(sensor, target, { ALPNProtocols: ["x"] })
      t.ok((await handshake(client)).ok)
      t.match(client.getPeerX509Certificate()?.subjectAltName, /DNS:also\.test/, status)
      client.write("x")
      await heard(client)
      client.destroy()
      const { upstream } = await sensor.attempt()
      t.equal(upstream.leaf, sha256.replaceAll(":", "").toLowerCase(), status)
    }
  },
)

t.test(
  "a real curl that trusts the inspection CA gets nothing from a bad origin",
  withCurl,
  async (t) => {
    const sensor = await sensorFor(t)
    for (const [name, reason, made] of badCertificates.slice(0, 3))
      await t.test(name, async (t) => {
        const origin = moodyOrigin()
        origin.mood = speaks(origin, made())
        const url = `https://origin.test:${await listening(t, origin.server)}/`
        const { code, said } = await curl(sensor, url)
        t.equal(code, 35, "the handshake failed")
        t.equal(said, "")
        t.match(await sensor.attempt(), failed({ status: "untrusted", reason }))
      })
  },
)

async function curl(sensor: TestSensor, url: string): Promise<{ code: number; said: string }> {
  const child = spawn("curl", [
    "-sS",
    ...["--max-time", "5"],
    ...["--proxy", `http://127.0.0.1:${sensor.port}`],
    ...["--cacert", inspectionFiles.certFile],
    url,
  ])
  let said = ""
  child.stdout.on("data", (chunk) => {
    said += chunk
  })
  const code = await new Promise<number>((resolve) => child.once("close", resolve))
  return { code, said }
}

t.test("fails closed: an origin that chooses another protocol than before is cut", async (t) => {
  const sensor = await sensorFor(t)
  const origin = moodyOrigin()
  const target = `origin.test:${await listening(t, origin.server)}`
  const talk = async (protocols: string[]) => {
    origin.mood = speaks(origin, { ...good, ALPNProtocols: protocols })
    const client = await tlsThrough(sensor, target, { ALPNProtocols: ["a", "b"] })
    const { ok } = await handshake(client)
    client.write("x")
    const bytes = ok ? await heard(client) : ""
    client.destroy()
    return { bytes, attempt: await sensor.attempt() }
  }
  t.match(await talk(["a"]), { bytes: "said by the origin" })
  t.match(await talk(["b"]), {
    bytes: "",
    attempt: {
      outcome: "origin-failed",
      strength: null,
      upstream: { status: "changed", reason: "alpn" },
    },
  })
})

t.test(
  "an intermediate in origin-ca completes a chain, and is not trusted by itself",
  async (t) => {
    const issuer = intermediate()
    const rows: [name: string, trusted: string, ok: boolean][] = [
      ["beside its root", rootPem + issuer.pem, true],
      ["without its root", issuer.pem, false],
    ]
    for (const [name, trusted, ok] of rows) {
      const sensor = await testSensor(t, { deps: { trust: originTrust(trusted) } })
      const origin = moodyOrigin()
      origin.mood = speaks(origin, leaf({ issuer }))
      const visited = await visit(sensor, `origin.test:${await listening(t, origin.server)}`)
      t.equal(visited.ok, ok, name)
    }
  },
)

t.test("a self-signed certificate that the operator declared is good", async (t) => {
  const { key, cert } = leaf()
  const [, , selfSigned] = badCertificates.find(([name]) => name === "self-signed") ?? []
  const own = selfSigned?.() ?? { key, cert }
  const sensor = await testSensor(t, { deps: { trust: originTrust(String(own.cert)) } })
  const origin = moodyOrigin()
  origin.mood = speaks(origin, own)
  const target = `origin.test:${await listening(t, origin.server)}`
  t.match(await visit(sensor, target), { ok: true, attempt: { outcome: "accepted" } })
})

t.test("a client that takes TLS 1.3 only is not given an origin below it", async (t) => {
  const sensor = await sensorFor(t)
  const origin = moodyOrigin()
  origin.mood = speaks(origin, { ...good, maxVersion: "TLSv1.2" })
  const target = `origin.test:${await listening(t, origin.server)}`
  t.match(await visit(sensor, target), { ok: true, attempt: { outcome: "accepted" } })
  const strict = await tlsThrough(sensor, target, { minVersion: "TLSv1.3" })
  t.equal((await handshake(strict)).ok, false)
  t.match(await sensor.attempt(), failed({ status: "failed", reason: "alert 70" }))
  const old = await tlsThrough(sensor, target, { maxVersion: "TLSv1.2" })
  t.ok((await handshake(old)).ok)
  old.end("x")
  await received(old)
  t.match(await sensor.attempt(), { outcome: "accepted" })
})
