/** What unlucky and hostile networks do, and that the sensor stays up, right and bounded. */
import { execFile, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ConnectionOptions, createServer as createTlsServer } from "node:tls"
import t from "tap"
import { sensorCa } from "../ca/made-ca.ts"
import {
  alpnExtension,
  bytes,
  helloBytes,
  sniExtension,
  versionsExtension,
} from "../observe/hello-bytes.ts"
import { liveHello, storedHello, storedHelloNames } from "../observe/real-hellos.ts"
import { freePort } from "../support/free-port.ts"
import {
  handshake,
  listening,
  originCa,
  originCertificate,
  pause,
  received,
  testSensor,
  tlsThrough,
  tunnel,
} from "../support/sensor.ts"

const folder = mkdtempSync(join(tmpdir(), "pinsensor-hostile-"))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const name = "far.test"
const good = originCertificate(name)
const origin = createTlsServer({ ...good, ALPNProtocols: ["h2", "http/1.1"] }, (socket) => {
  socket.on("data", (chunk) => socket.write(chunk))
  socket.on("end", () => socket.end())
})
const port = await listening(t, origin)
const target = `${name}:${port}`
const plain = createTlsServer(good, (socket) => socket.pipe(socket))
const plainTarget = `${name}:${await listening(t, plain)}`

t.test("our own alert reaches a client that offers nothing we can take", async (t) => {
  const sensor = await testSensor(t)
  const rows: [string, ConnectionOptions, RegExp, object][] = [
    [
      "TLS 1.1 only",
      { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" },
      /protocol version/,
      { alert: 70 },
    ],
    [
      "CBC ciphers only",
      { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA" },
      /handshake failure/,
      { alert: 40 },
    ],
    [
      "no common group",
      { minVersion: "TLSv1.3", ecdhCurve: "P-521" },
      /handshake failure/,
      { alert: 40 },
    ],
  ]
  for (const contact of ["first", "remembered"])
    for (const [title, options, words, expected] of rows)
      await t.test(`${title}, ${contact} contact`, async (t) => {
        const client = await tlsThrough(sensor, plainTarget, options)
        const { ok, error } = await handshake(client)
        t.equal(ok, false)
        t.match(error, words)
        t.match(await sensor.attempt(), {
          outcome: "not-negotiated",
          strength: null,
          alert_from: "sensor",
          ...expected,
        })
      })
})

t.test("garbage in the middle of a handshake is no refusal", async (t) => {
  const sensor = await testSensor(t)
  const raw = await tunnel(sensor, target)
  raw.write(await liveHello({ servername: name }))
  await new Promise((resolve) => raw.once("data", resolve))
  raw.end("GET / HTTP/1.1\r\n\r\n")
  t.match(await sensor.attempt(), { outcome: "not-negotiated", alert_from: "sensor" })
})

t.test("what the origin speaks is what the client gets", async (t) => {
  const sensor = await testSensor(t)
  const rows: [string, string, string[], string | false][] = [
    ["h2 first", target, ["h2", "http/1.1"], "h2"],
    ["http/1.1 only", target, ["http/1.1"], "http/1.1"],
    ["an origin without ALPN", plainTarget, ["h2", "http/1.1"], false],
    ["h3 to an origin without ALPN", plainTarget, ["h3"], false],
  ]
  for (const [title, at, alpn, chosen] of rows)
    await t.test(title, async (t) => {
      const client = await tlsThrough(sensor, at, { ALPNProtocols: alpn })
      t.ok((await handshake(client)).ok)
      t.equal(client.alpnProtocol, chosen)
      client.end("PRI * HTTP/2.0\r\n\r\n")
      await received(client)
      t.match(await sensor.attempt(), {
        alpn_chosen: chosen || null,
        upstream: { alpn: chosen || null },
      })
    })
  await t.test("h3 to an origin that has no h3", async (t) => {
    const client = await tlsThrough(sensor, target, { ALPNProtocols: ["h3"] })
    t.equal((await handshake(client)).ok, false)
    t.match(await sensor.attempt(), { outcome: "origin-failed", upstream: { reason: "alert 120" } })
  })
})

t.test("a refusal after HelloRetryRequest is seen, with the time of our certificate", async (t) => {
  const sensor = await testSensor(t)
  const client = await tlsThrough(sensor, plainTarget, {
    ecdhCurve: "P-521:P-384",
    minVersion: "TLSv1.3",
    ca: [],
  })
  t.equal((await handshake(client)).ok, false)
  const attempt = await sensor.attempt()
  t.match(attempt, { outcome: "refused-close", strength: "strong", client_app_bytes: 0 })
})

t.test("a ClientHello of more than 16 KiB is inspected", async (t) => {
  const sensor = await testSensor(t)
  const many = Array.from({ length: 90 }, (_, n) => `${n}-`.padEnd(200, "x"))
  const client = await tlsThrough(sensor, target, { ALPNProtocols: [...many, "http/1.1"] })
  t.same(await handshake(client), { ok: true, error: "" })
  client.end("hello")
  t.equal((await received(client)).bytes.toString(), "hello")
  const attempt = await sensor.attempt()
  t.match(attempt, { outcome: "accepted", alpn_chosen: "http/1.1" })
  t.ok((attempt.phases.hello?.bytes_in ?? 0) > 16_384)
})

t.test("an origin with a very long certificate chain is verified", async (t) => {
  const sensor = await testSensor(t)
  const ballast = Array.from({ length: 40 }, () => sensorCa(folder, "ec", Date.now()).certPem)
  const long = createTlsServer({ ...good, cert: good.cert + ballast.join("") }, (socket) =>
    socket.pipe(socket),
  )
  const client = await tlsThrough(sensor, `${name}:${await listening(t, long)}`)
  t.same(await handshake(client), { ok: true, error: "" })
  client.end("hello")
  t.equal((await received(client)).bytes.toString(), "hello")
})

t.test("early data is declined without failing", async (t) => {
  const [cert, key, session, data] = ["c.pem", "k.pem", "session", "early"].map((file) =>
    join(folder, file),
  ) as [string, string, string, string]
  writeFileSync(cert, good.cert)
  writeFileSync(key, good.key)
  writeFileSync(data, "early words\n")
  const servedAt = await freePort()
  const server = spawn("openssl", [
    "s_server",
    "-accept",
    `${servedAt}`,
    "-cert",
    cert,
    "-key",
    key,
    "-early_data",
    "-quiet",
    "-tls1_3",
  ])
  t.teardown(() => server.kill())
  await pause(300)
  const client = (args: string[]) =>
    new Promise<string>((resolve) => {
      const child = execFile("openssl", ["s_client", "-servername", name, ...args], (_, out) =>
        resolve(out),
      )
      setTimeout(() => child.stdin?.write("late words\n"), 300)
      setTimeout(() => child.kill(), 900)
    })
  await client(["-connect", `127.0.0.1:${servedAt}`, "-sess_out", session])
  const sensor = await testSensor(t)
  const out = await client([
    "-proxy",
    `127.0.0.1:${sensor.port}`,
    "-connect",
    plainTarget,
    "-sess_in",
    session,
    "-early_data",
    data,
  ])
  t.match(out, /Early data was rejected/)
  t.match(out, /late words/, "and what came later was served")
  t.match(await sensor.attempt(), { outcome: "accepted", sni: name })
})

t.test("hellos that no library would send do not take the sensor down", async (t) => {
  const sensor = await testSensor(t, {
    limits: { "hello-time": "300ms", "handshake-time": "300ms" },
  })
  const say = async (what: Uint8Array) => {
    const raw = await tunnel(sensor, target)
    raw.write(what)
    await Promise.race([received(raw), pause(400)])
    raw.destroy()
    return sensor.attempt()
  }
  const modern = versionsExtension([0x0304])
  const rows: [string, Uint8Array][] = [
    [
      "an empty ALPN name",
      helloBytes({ extensions: [sniExtension(name), modern, alpnExtension(["", "h2"])] }),
    ],
    [
      "an empty ALPN list",
      helloBytes({ extensions: [sniExtension(name), modern, alpnExtension([])] }),
    ],
    [
      "an ALPN name of 255 odd bytes",
      helloBytes({
        extensions: [sniExtension(name), modern, alpnExtension(["\u0000\u00ff".repeat(127)])],
      }),
    ],
    ["an SNI that is no name", helloBytes({ extensions: [sniExtension("a b\u0000c"), modern] })],
    ["an address as SNI", helloBytes({ extensions: [sniExtension("127.0.0.1"), modern] })],
    ["an SNI of 300 bytes", helloBytes({ extensions: [sniExtension("a".repeat(300)), modern] })],
    ["no extension at all", helloBytes({ extensions: undefined })],
    ["a hello twice", bytes(helloBytes(), helloBytes())],
  ]
  for (const [title, hello] of rows)
    await t.test(title, async (t) => {
      const { outcome, strength } = await say(hello)
      t.match(outcome, /^(origin-failed|not-negotiated|not-tls|timed-out|abandoned|refused-close)$/)
      t.not(strength === "strong" && outcome !== "refused-close", true)
    })
  for (const stored of storedHelloNames())
    await t.test(`a stored ${stored}, replayed and left`, async (t) => {
      const attempt = await say(storedHello(stored))
      t.ok(attempt.ja4)
    })
  const client = await tlsThrough(sensor, plainTarget)
  t.ok((await handshake(client)).ok, "and the sensor goes on")
  client.destroy()
})

t.test("three hundred clients at once are each recorded", async (t) => {
  const sensor = await testSensor(t)
  const first = await tlsThrough(sensor, plainTarget)
  await handshake(first)
  first.destroy()
  await sensor.attempt()
  const hello = await liveHello({ servername: name })
  const one = async () => {
    const raw: Socket = await tunnel(sensor, plainTarget)
    raw.write(hello)
    await new Promise((resolve) => raw.once("data", resolve))
    raw.end()
    await received(raw)
    raw.destroy()
  }
  await Promise.all(Array.from({ length: 300 }, one))
  for (let i = 0; sensor.attempts.length < 301 && i < 200; i++) await pause(20)
  t.equal(sensor.attempts.length, 301)
  const outcomes = new Set(sensor.attempts.slice(1).map(({ outcome }) => outcome))
  t.same([...outcomes], ["refused-close"])
  t.equal(sensor.sensor.open, 0)
})

t.test("a stop leaves no connection without its record", async (t) => {
  const rules = [{ name: "let-go", when: { sni: ["direct.test"] }, do: "splice" }]
  const sensor = await testSensor(t, { rules })
  const silent = await listening(
    t,
    createServer(() => {}),
  )
  const inspected = await tlsThrough(sensor, plainTarget)
  t.ok((await handshake(inspected)).ok)
  inspected.write("hello")
  await new Promise((resolve) => inspected.once("data", resolve))
  const spliced = await tlsThrough(sensor, plainTarget.replace(name, "direct.test"), {
    rejectUnauthorized: false,
    ca: originCa.certPem,
  })
  t.ok((await handshake(spliced)).ok)
  const dialling = await tunnel(sensor, `${name}:${silent}`)
  dialling.write(await liveHello({ servername: name }))
  const passing = await tunnel(sensor, `${name}:${silent}`)
  passing.write("SSH-2.0-x\r\n")
  const waiting = await tunnel(sensor, plainTarget)
  await pause(50)
  await sensor.sensor.close(0)
  t.same(sensor.attempts.map(({ outcome }) => outcome).sort(), [
    "abandoned",
    "abandoned",
    "accepted",
    "not-tls",
  ])
  t.equal(sensor.flows.length, 1)
  for (const socket of [dialling, passing, waiting]) socket.destroy()
})

t.test("fails closed: a connection that we stumble over ends, and it ends alone", async (t) => {
  let stumble = true
  const base = await testSensor(t)
  const sensor = await testSensor(t, {
    deps: {
      policy: () => {
        if (stumble) throw new Error("a fault of ours")
        return base.deps.policy()
      },
    },
  })
  const client = await tlsThrough(sensor, plainTarget)
  t.equal((await handshake(client)).ok, false)
  t.match(await sensor.attempt(), { outcome: "abandoned", ended_by: "sensor" })
  t.match(sensor.logs, [{ level: "error", event: "connection-failed" }])
  stumble = false
  const next = await tlsThrough(sensor, plainTarget)
  t.ok((await handshake(next)).ok)
})
