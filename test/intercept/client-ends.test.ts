/** What a client does about our certificate, and what the record says of it. */

import type { Socket } from "node:net"
import {
  type ConnectionOptions,
  createServer as createTlsServer,
  connect as tlsConnect,
} from "node:tls"
import t from "tap"
import type { Attempt } from "../../src/record/attempt.ts"
import { liveHello } from "../observe/real-hellos.ts"
import {
  handshake,
  listening,
  originCertificate,
  pause,
  received,
  testSensor,
  tlsThrough,
  tunnel,
} from "../support/sensor.ts"

/** Answers the first bytes with `ok`; speaks what the client offers. */
const origin = createTlsServer(
  { ...originCertificate("app.test"), ALPNProtocols: ["h2", "http/1.1"] },
  (socket) => {
    socket.once("data", () => socket.write("ok"))
    socket.on("end", () => socket.end())
  },
)
const bare = createTlsServer(originCertificate("127.0.0.1"), (socket) => {
  socket.once("data", () => socket.write("ok"))
})
const port = await listening(t, origin)
const barePort = await listening(t, bare)
const target = `app.test:${port}`
const h2Request = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  Buffer.from([0, 0, 1, 1, 5, 0, 0, 0, 1, 0x82]),
])
const h2Preface = h2Request.subarray(0, 33)

const versions = ["TLSv1.2", "TLSv1.3"] as const
const only = (version: (typeof versions)[number]): ConnectionOptions => ({
  minVersion: version,
  maxVersion: version,
})

t.test("a client that trusts the inspection CA is served and recorded as accepted", async (t) => {
  const sensor = await testSensor(t)
  const rows: [string, string, ConnectionOptions, string | Buffer, Partial<Attempt>][] = [
    ...versions.flatMap((version): typeof rows => [
      [
        `http/1.1 over ${version}`,
        target,
        { ...only(version), ALPNProtocols: ["http/1.1"] },
        "GET / HTTP/1.1\r\n\r\n",
        { alpn_chosen: "http/1.1", tls_version: version },
      ],
      [
        `h2 over ${version}`,
        target,
        { ...only(version), ALPNProtocols: ["h2", "http/1.1"] },
        h2Request,
        { alpn_chosen: "h2", h2_headers: true, tls_version: version },
      ],
      [
        `no ALPN over ${version}`,
        target,
        only(version),
        "x",
        { alpn_chosen: null, tls_version: version },
      ],
    ]),
    [
      "by address, without SNI",
      `127.0.0.1:${barePort}`,
      { servername: "", host: "127.0.0.1" },
      "x",
      { sni: null, connect_host: "127.0.0.1" },
    ],
    ["http/1.1 with HelloRetryRequest", target, { ecdhCurve: "P-521:P-384" }, "x", {}],
  ]
  for (const [name, at, options, request, expected] of rows)
    await t.test(name, async (t) => {
      const client = await tlsThrough(sensor, at, options)
      t.same(await handshake(client), { ok: true, error: "" })
      client.write(request)
      t.equal(String(await new Promise((resolve) => client.once("data", resolve))), "ok")
      client.end()
      const attempt = await sensor.attempt()
      t.match(attempt, {
        outcome: "accepted",
        strength: null,
        mark: "accepted_small",
        decision: "inspect",
        rule: "default",
        upstream: { status: "verified", client_certificate: "none" },
        leaf_check: "ok",
        client_app_bytes: request.length,
        delivered_app_bytes: 2,
        destination_ip: "127.0.0.1",
        ...expected,
      })
      t.match(attempt.token, /^HCDFA\|/)
    })
})

t.test("a client that speaks no more than the h2 preface is idle, not accepted", async (t) => {
  const sensor = await testSensor(t)
  const client = await tlsThrough(sensor, target, { ALPNProtocols: ["h2"] })
  await handshake(client)
  client.end(h2Preface)
  await received(client)
  t.match(await sensor.attempt(), { outcome: "idle", mark: "preface_only", h2_headers: false })
})

t.test("a client that does not trust the CA is a refusal with the alert it sent", async (t) => {
  const sensor = await testSensor(t)
  for (const version of versions)
    await t.test(`openssl over ${version}: alert 48 before its Finished`, async (t) => {
      const { execFile } = await import("node:child_process")
      const flag = version === "TLSv1.2" ? ["--tls-max", "1.2"] : ["--tlsv1.3"]
      await new Promise<void>((resolve) =>
        execFile(
          "curl",
          ["-s", ...flag, "-p", "-x", `http://127.0.0.1:${sensor.port}`, `https://${target}/`],
          () => resolve(),
        ),
      )
      const attempt = await sensor.attempt()
      t.match(attempt, {
        outcome: "refused-alert",
        strength: "strong",
        alert: 48,
        alert_from: "client",
        alert_after_finished: false,
        ended_by: "client",
        connect_user_agent: /^curl/,
      })
      t.match(attempt.token, /^HCD\.\.a48\|/)
    })
  await t.test("node over TLSv1.3: closes without a word before its Finished", async (t) => {
    const client = await tlsThrough(sensor, target, { ca: [], ...only("TLSv1.3") })
    t.equal((await handshake(client)).ok, false)
    t.match(await sensor.attempt(), {
      outcome: "refused-close",
      strength: "strong",
      end: "fin",
      ended_by: "client",
    })
  })
  await t.test("node over TLSv1.2: closes without a word after its Finished", async (t) => {
    const client = await tlsThrough(sensor, target, { ca: [], ...only("TLSv1.2") })
    t.equal((await handshake(client)).ok, false)
    t.match(await sensor.attempt(), {
      outcome: "refused-after-handshake",
      strength: "strong",
      ended_by: "client",
    })
  })
})

t.test("a client that checks a pin after its Finished and closes is a refusal", async (t) => {
  const sensor = await testSensor(t)
  const ends: [string, (client: Socket, raw: Socket) => void][] = [
    ["close_notify and FIN", (client) => client.end()],
    ["RST", (_, raw) => raw.resetAndDestroy()],
    ["bare FIN", (_, raw) => raw.destroy()],
  ]
  for (const version of versions)
    for (const [name, end] of ends)
      await t.test(`${name} over ${version}`, async (t) => {
        const raw = await tunnel(sensor, target)
        const client = tlsConnect({
          socket: raw,
          rejectUnauthorized: false,
          servername: "app.test",
          ...only(version),
        })
        client.on("error", () => {})
        t.ok((await handshake(client)).ok)
        await pause(5)
        end(client, raw)
        t.match(await sensor.attempt(), {
          outcome: "refused-after-handshake",
          strength: "strong",
          client_app_bytes: 0,
          ended_by: "client",
        })
      })
  await t.test("the same, but long after the handshake, is an unused connection", async (t) => {
    const client = await tlsThrough(sensor, target)
    t.ok((await handshake(client)).ok)
    await pause(2_200)
    client.end()
    t.match(await sensor.attempt(), { outcome: "idle", ended_by: "client" })
  })
})

/** Bytes of a fatal or warning alert in clear. */
const alert = (level: number, code: number) => Buffer.from([21, 3, 3, 0, 2, level, code])

t.test("a client that stops between our certificate and its Finished is a refusal", async (t) => {
  const sensor = await testSensor(t)
  const rows: [string, (raw: Socket) => void, Partial<Attempt>][] = [
    ["FIN", (raw) => raw.end(), { outcome: "refused-close", end: "fin" }],
    ["RST", (raw) => raw.resetAndDestroy(), { outcome: "refused-reset", end: "rst" }],
    [
      "close_notify",
      (raw) => raw.end(alert(1, 0)),
      { outcome: "refused-close", end: "fin", close_notify_from: "client" },
    ],
    [
      "user_canceled",
      (raw) => raw.end(Buffer.concat([alert(1, 90), alert(1, 0)])),
      { outcome: "refused-close", end: "fin" },
    ],
    [
      "alert 46",
      (raw) => raw.end(alert(2, 46)),
      { outcome: "refused-alert", alert: 46, strength: "strong" },
    ],
    [
      "alert 42 with RST right behind",
      (raw) => {
        raw.write(alert(2, 42))
        raw.resetAndDestroy()
      },
      { end: "rst", ended_by: "client", strength: "strong" },
    ],
    [
      "alert 80, a weak one",
      (raw) => raw.end(alert(2, 80)),
      { outcome: "refused-alert", alert: 80, strength: "weak" },
    ],
    ["alert 45: the clock", (raw) => raw.end(alert(2, 45)), { outcome: "validity", alert: 45 }],
    [
      "alert 70: versions",
      (raw) => raw.end(alert(2, 70)),
      { outcome: "not-negotiated", alert: 70 },
    ],
    [
      "alert 199, for which the TLS library has no words: seen as the close that follows",
      (raw) => raw.end(alert(2, 199)),
      { outcome: "refused-close", alert: null },
    ],
  ]
  for (const version of versions) {
    const hello = await liveHello({ servername: "app.test", ...only(version) })
    for (const [name, stop, expected] of rows)
      await t.test(`${name} over ${version}`, async (t) => {
        const raw = await tunnel(sensor, target)
        raw.write(hello)
        await new Promise((resolve) => raw.once("data", resolve))
        raw.pause()
        stop(raw)
        const attempt = await sensor.attempt()
        t.match(attempt, { ended_by: "client", ...expected })
        t.match(attempt.token, /^HCD\.\./)
        raw.destroy()
      })
  }
})

t.test("a ClientHello may come in any pieces", async (t) => {
  const sensor = await testSensor(t)
  const hello = await liveHello({ servername: "app.test", ...only("TLSv1.3") })
  const inRecordsOf = (size: number) => {
    const body = hello.subarray(5)
    const records: Buffer[] = []
    for (let at = 0; at < body.length; at += size) {
      const part = body.subarray(at, at + size)
      records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), Buffer.from(part))
    }
    return Buffer.concat(records)
  }
  await t.test("one byte a segment", async (t) => {
    const raw = await tunnel(sensor, target)
    for (const byte of hello) {
      raw.write(Uint8Array.of(byte))
      await new Promise(setImmediate)
    }
    await new Promise((resolve) => raw.once("data", resolve))
    raw.end()
    t.match(await sensor.attempt(), { outcome: "refused-close", sni: "app.test" })
  })
  await t.test("several records", async (t) => {
    const raw = await tunnel(sensor, target)
    raw.write(inRecordsOf(100))
    await new Promise((resolve) => raw.once("data", resolve))
    raw.end()
    t.match(await sensor.attempt(), { outcome: "refused-close", sni: "app.test" })
  })
  await t.test("with the CONNECT head in one segment", async (t) => {
    const { connect } = await import("node:net")
    const raw = connect(sensor.port, "127.0.0.1")
    raw.write(Buffer.concat([Buffer.from(`CONNECT ${target} HTTP/1.1\r\n\r\n`), hello]))
    await new Promise((resolve) => raw.once("data", resolve))
    await pause(50)
    raw.end()
    t.match(await sensor.attempt(), { outcome: "refused-close", sni: "app.test" })
  })
})

t.test("without a whole ClientHello nothing is held against our certificate", async (t) => {
  const sensor = await testSensor(t, { limits: { "hello-time": "700ms" } })
  const hello = await liveHello({ servername: "app.test" })
  const rows: [string, (raw: Socket) => void, Partial<Attempt>][] = [
    [
      "half a hello, then FIN",
      (raw) => raw.end(hello.subarray(0, 100)),
      { outcome: "abandoned", end: "fin", ended_by: "client" },
    ],
    [
      "half a hello, then RST",
      (raw) => {
        raw.write(hello.subarray(0, 100))
        raw.resetAndDestroy()
      },
      { outcome: "abandoned", end: "rst", ended_by: "client" },
    ],
    ["FIN at once", (raw) => raw.end(), { outcome: "abandoned", end: "fin" }],
    [
      "half a hello, then nothing",
      (raw) => raw.write(hello.subarray(0, 100)),
      { outcome: "timed-out", end: "timeout", ended_by: "sensor" },
    ],
    ["nothing at all", () => {}, { outcome: "timed-out", end: "timeout", ended_by: "sensor" }],
  ]
  for (const [name, act, expected] of rows)
    await t.test(name, async (t) => {
      const raw = await tunnel(sensor, target)
      const ended = received(raw)
      act(raw)
      t.match(await sensor.attempt(), { strength: null, ...expected })
      await ended
      raw.destroy()
      for (let i = 0; sensor.sensor.open > 0 && i < 100; i++) await pause(10)
      t.equal(sensor.sensor.open, 0, "the connection is closed")
    })
})

t.test("a client that never finishes is ended by the handshake timer", async (t) => {
  const sensor = await testSensor(t, { limits: { "handshake-time": "200ms" } })
  const raw = await tunnel(sensor, target)
  raw.write(await liveHello({ servername: "app.test" }))
  await received(raw)
  t.match(await sensor.attempt(), { outcome: "timed-out", end: "timeout", ended_by: "sensor" })
})

t.test("an accepted connection is told while it is still open", async (t) => {
  const slow = await listening(
    t,
    createTlsServer(originCertificate("slow.test"), () => {}),
  )
  const sensor = await testSensor(t, { limits: { "record-after": "100ms" } })
  const client = await tlsThrough(sensor, `slow.test:${slow}`)
  client.write("GET / HTTP/1.1\r\n\r\n")
  t.match(await sensor.attempt(), {
    outcome: "accepted",
    end: "none",
    ended_by: null,
    mark: null,
    phases: { closed: null },
  })
  client.destroy()
  await pause(50)
  t.equal(sensor.attempts.length, 1, "and only once")
})
