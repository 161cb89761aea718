/** What an origin does to the connection, and that none of it counts against the client. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  createServer as createTlsServer,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
} from "node:tls"
import t from "tap"
import type { Attempt } from "../../src/record/attempt.ts"
import { sensorCa } from "../ca/made-ca.ts"
import { freePort } from "../support/free-port.ts"
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

const folder = mkdtempSync(join(tmpdir(), "pinsensor-origin-"))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const name = "origin.test"
const stranger = sensorCa(folder, "ec", Date.now())

function echo(options: TlsOptions): TlsServer {
  return createTlsServer(options, (socket) => {
    socket.on("data", (chunk) => socket.write(chunk))
    socket.on("end", () => socket.end())
  })
}

const good = originCertificate(name)
const versions = ["TLSv1.2", "TLSv1.3"] as const

t.test(
  "an openssl server that requires a client certificate is told apart on both versions",
  async (t) => {
    const sensor = await testSensor(t)
    const [cert, key] = [join(folder, "s.pem"), join(folder, "s.key")]
    writeFileSync(cert, good.cert)
    writeFileSync(key, good.key)
    for (const flag of ["-tls1_2", "-tls1_3"])
      await t.test(flag, async (t) => {
        const port = await freePort()
        const server = spawn("openssl", [
          "s_server",
          "-accept",
          `${port}`,
          "-cert",
          cert,
          "-key",
          key,
          "-Verify",
          "1",
          "-verify_return_error",
          "-quiet",
          flag,
        ])
        t.teardown(() => server.kill())
        await untilOpen(port)
        const client = await tlsThrough(sensor, `${name}:${port}`)
        t.equal((await handshake(client)).ok, false)
        t.match(await sensor.attempt(), { outcome: "origin-wants-client-certificate", leaf: null })
      })
  },
)

async function untilOpen(port: number): Promise<void> {
  const { connect } = await import("node:net")
  for (let i = 0; i < 100; i++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () =>
        resolve(false),
      )
      socket.once("connect", () => socket.destroy())
    })
    if (open) return
    await pause(30)
  }
  throw new Error("openssl does not listen")
}

t.test("an origin that only asks for a client certificate works without one", async (t) => {
  const sensor = await testSensor(t)
  for (const version of versions)
    await t.test(version, async (t) => {
      const port = await listening(
        t,
        echo({ ...good, requestCert: true, rejectUnauthorized: false, maxVersion: version }),
      )
      const client = await tlsThrough(sensor, `${name}:${port}`)
      t.ok((await handshake(client)).ok)
      client.end("hello")
      t.equal((await received(client)).bytes.toString(), "hello")
      t.match(await sensor.attempt(), {
        outcome: "accepted",
        upstream: { status: "verified", client_certificate: "requested" },
      })
    })
  await t.test("and a client that pins is still a refusal there", async (t) => {
    const port = await listening(t, echo({ ...good, requestCert: true, rejectUnauthorized: false }))
    const client = await tlsThrough(sensor, `${name}:${port}`)
    t.ok((await handshake(client)).ok)
    await pause(5)
    client.end()
    t.match(await sensor.attempt(), { outcome: "refused-after-handshake", strength: "strong" })
  })
})

/** Counts its connections; the certificate can be changed. */
function counted(server: TlsServer) {
  const counts = { connections: 0 }
  server.on("connection", () => counts.connections++)
  return counts
}

t.test("a second contact is answered on remembered facts", async (t) => {
  const sensor = await testSensor(t)
  const server = echo({ ...good, ALPNProtocols: ["h2", "http/1.1"] })
  const counts = counted(server)
  const target = `${name}:${await listening(t, server)}`
  const alpn = { ALPNProtocols: ["http/1.1"] }
  const refuse = async () => {
    const client = await tlsThrough(sensor, target, { ca: [], minVersion: "TLSv1.3", ...alpn })
    await handshake(client)
    return sensor.attempt()
  }
  t.match(await refuse(), { outcome: "refused-close", upstream: { status: "verified" } })
  t.equal(counts.connections, 1, "the first contact verifies the origin")
  for (let i = 0; i < 3; i++)
    t.match(await refuse(), { outcome: "refused-close", upstream: { status: "remembered" } })
  t.equal(counts.connections, 1, "refusals after it cost the origin nothing")
  const idle = await tlsThrough(sensor, target, { minVersion: "TLSv1.3", ...alpn })
  t.ok((await handshake(idle)).ok)
  await pause(50)
  t.equal(counts.connections, 1, "nor does a client that says nothing")
  idle.end("hello")
  t.equal((await received(idle)).bytes.toString(), "hello")
  t.equal(counts.connections, 2, "its own leg is opened at the first byte")
  t.match(await sensor.attempt(), { outcome: "accepted", upstream: { status: "verified" } })
})

t.test("another offer is another question to the origin", async (t) => {
  const sensor = await testSensor(t)
  const server = echo({ ...good, ALPNProtocols: ["h2", "http/1.1"] })
  const counts = counted(server)
  const target = `${name}:${await listening(t, server)}`
  for (const [alpn, chosen] of [
    ["http/1.1", "http/1.1"],
    ["h2", "h2"],
  ] as const) {
    const client = await tlsThrough(sensor, target, { ALPNProtocols: [alpn] })
    t.ok((await handshake(client)).ok)
    t.equal(client.alpnProtocol, chosen)
    client.destroy()
    await sensor.attempt()
  }
  t.equal(counts.connections, 2)
})

t.test(
  "fails closed: a leg that has changed ends the client's connection, and nothing is delivered",
  async (t) => {
    const sensor = await testSensor(t)
    const greeting = createTlsServer(good, (socket: TLSSocket) => {
      socket.write("secret of the origin")
      socket.on("data", (chunk) => got.push(chunk))
    })
    const got: Buffer[] = []
    const target = `${name}:${await listening(t, greeting)}`
    const first = await tlsThrough(sensor, target)
    await handshake(first)
    await new Promise((resolve) => first.once("data", resolve))
    first.end()
    await sensor.attempt()
    const cases: [string, TlsOptions, Partial<Attempt["upstream"]>][] = [
      [
        "to one that is not trusted",
        originCertificate(name, { ca: stranger }),
        { status: "untrusted" },
      ],
      [
        "to another good certificate",
        originCertificate(name),
        { status: "changed", reason: "certificate" },
      ],
    ]
    for (const [title, context, upstream] of cases)
      await t.test(title, async (t) => {
        // Remembered again: what failed is forgotten, and the next contact goes upstream first.
        greeting.setSecureContext(good)
        const again = await tlsThrough(sensor, target)
        await handshake(again)
        again.end("x")
        await received(again)
        await sensor.attempt()
        got.length = 0
        greeting.setSecureContext(context)
        const client = await tlsThrough(sensor, target)
        t.ok((await handshake(client)).ok, "it was answered on what was remembered")
        client.write("password of the client")
        const { bytes } = await received(client)
        t.equal(bytes.length, 0, "nothing of the origin came")
        await pause(30)
        t.equal(Buffer.concat(got).length, 0, "nothing of the client went")
        t.match(await sensor.attempt(), {
          outcome: "origin-failed",
          strength: null,
          delivered_app_bytes: 0,
          upstream,
        })
      })
  },
)

t.test(
  "an origin that is gone at the second contact is forgotten, and its failure is not remembered",
  async (t) => {
    const sensor = await testSensor(t)
    const server = echo({ ...good, ALPNProtocols: ["http/1.1"] })
    const alpn = { ALPNProtocols: ["http/1.1"] }
    let mood: "well" | "ill" = "well"
    server.prependListener("connection", (socket: Socket) => {
      if (mood === "ill") socket.destroy()
    })
    const target = `${name}:${await listening(t, server)}`
    const talk = async () => {
      const client = await tlsThrough(sensor, target, alpn)
      const { ok } = await handshake(client)
      if (ok) client.end("hello")
      const said = ok ? (await received(client)).bytes.toString() : ""
      client.destroy()
      return { said, attempt: await sensor.attempt() }
    }
    t.equal((await talk()).said, "hello")
    mood = "ill"
    t.match(await talk(), { said: "", attempt: { outcome: "origin-failed" } })
    t.match(
      await talk(),
      { said: "", attempt: { outcome: "origin-failed", leaf: null } },
      "upstream first again",
    )
    mood = "well"
    t.match(await talk(), { said: "hello", attempt: { outcome: "accepted" } })
  },
)

t.test(
  "the leg of a first contact that the origin gave up meanwhile is dialled anew",
  async (t) => {
    const sensor = await testSensor(t)
    const server = createTlsServer({ ...good, ALPNProtocols: ["http/1.1"] }, (socket) => {
      const impatient = setTimeout(() => socket.end(), 60)
      socket.on("data", (chunk) => {
        clearTimeout(impatient)
        socket.write(chunk)
      })
      socket.on("end", () => socket.end())
    })
    const target = `${name}:${await listening(t, server)}`
    const client = await tlsThrough(sensor, target, { ALPNProtocols: ["http/1.1"] })
    t.ok((await handshake(client)).ok)
    await pause(200)
    client.end("late")
    t.equal((await received(client)).bytes.toString(), "late")
    t.match(await sensor.attempt(), { outcome: "accepted" })
  },
)

t.test("an address that does not answer makes way for the next one of the same name", async (t) => {
  const sensor = await testSensor(t, { lookup: async () => ["127.0.0.77", "127.0.0.1"] })
  const target = `${name}:${await listening(t, echo(good))}`
  for (const status of ["first", "second"]) {
    const client = await tlsThrough(sensor, target)
    t.ok((await handshake(client)).ok, status)
    client.end("hello")
    t.equal((await received(client)).bytes.toString(), "hello")
    t.match(await sensor.attempt(), { outcome: "accepted", destination_ip: "127.0.0.1" })
  }
})

t.test("a server that speaks first is heard before its client says a word", async (t) => {
  const sensor = await testSensor(t)
  const smtp = createTlsServer(good, (socket) => {
    socket.write("220 ready\r\n")
    socket.on("end", () => socket.end())
  })
  const target = `${name}:${await listening(t, smtp)}`
  for (const contact of ["first", "second"]) {
    const client = await tlsThrough(sensor, target)
    t.equal(
      String(await new Promise((resolve) => client.once("data", resolve))),
      "220 ready\r\n",
      contact,
    )
    client.end()
    t.match(await sensor.attempt(), {
      outcome: "idle",
      client_app_bytes: 0,
      delivered_app_bytes: 11,
    })
  }
})

t.test("a pin check after Finished is seen though the origin answers its end late", async (t) => {
  const sensor = await testSensor(t)
  const slow = createTlsServer({ ...good, allowHalfOpen: true } as TlsOptions, (socket) => {
    socket.on("end", () => setTimeout(() => socket.end(), 700))
    socket.resume()
  })
  const client = await tlsThrough(sensor, `${name}:${await listening(t, slow)}`)
  await handshake(client)
  await pause(5)
  client.end()
  t.match(await sensor.attempt(), { outcome: "refused-after-handshake" })
})

t.test("a client that leaves while the origin is dialled has judged nothing", async (t) => {
  const inner = echo(good)
  let dialled = Promise.withResolvers<Socket>()
  const slow = createServer((socket) => dialled.resolve(socket))
  const target = `${name}:${await listening(t, slow)}`
  const { liveHello } = await import("../observe/real-hellos.ts")
  const hello = await liveHello({ servername: name })
  for (const end of ["fin", "rst"] as const)
    await t.test(end, async (t) => {
      const sensor = await testSensor(t)
      dialled = Promise.withResolvers()
      const raw = await tunnel(sensor, target)
      raw.write(hello)
      const leg = await dialled.promise
      // The origin answers only after the client's end is on its way.
      if (end === "fin") await new Promise<void>((sent) => raw.end(sent))
      else await once(raw.resetAndDestroy(), "close")
      inner.emit("connection", leg)
      const attempt = await sensor.attempt()
      t.match(attempt, { outcome: "abandoned", end, ended_by: "client", leaf: null })
      t.equal(attempt.token, `H....|${end}:client`)
      raw.destroy()
    })
})
