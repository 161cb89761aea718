/** What two TLS stacks agree on through the sensor: versions, groups, ALPN, names, hellos in pieces. */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer as createTcpServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Duplex } from "node:stream"
import {
  type ConnectionOptions,
  createServer as createTlsServer,
  type TLSSocket,
  type TlsOptions,
  connect as tlsConnect,
} from "node:tls"
import t, { type Test } from "tap"
import { type ClientHello, readClientHello } from "../../src/observe/client-hello.ts"
import { freePort, tcpAnswers } from "../support/free-port.ts"
import {
  handshake,
  inspectionCa,
  listening,
  originCa,
  originCertificate,
  received,
  testSensor,
  tlsThrough,
  tunnel,
} from "../support/sensor.ts"
import { bothWays, type Way } from "./both-ways.ts"

const words = "x".repeat(300)
const versions = ["TLSv1.2", "TLSv1.3"] as const
const only = (version: (typeof versions)[number]) => ({
  minVersion: version,
  maxVersion: version,
})
/** IANA TLS Supported Groups: X25519MLKEM768. */
const hybridGroup = 0x11ec

const echo = (way: Pick<Way, "certificate">, options: TlsOptions = {}) =>
  createTlsServer({ ...way.certificate, ...options }, (socket) => {
    socket.on("data", (chunk) => socket.write(chunk))
    socket.on("end", () => socket.end())
  })

const dial = (way: Way, port: number, options: ConnectionOptions = {}) =>
  tlsThrough(way.sensor, `${way.host}:${port}`, { ca: way.ca, servername: way.host, ...options })

/** Says something, hears it back, and leaves. */
async function talk(t: Test, client: TLSSocket, what = words): Promise<void> {
  t.same(await handshake(client), { ok: true, error: "" })
  client.end(what)
  t.equal((await received(client)).bytes.toString(), what)
}

t.test("each leg has its own version, but none is weaker than what the client insists on", (t) =>
  bothWays(t, "version", async (t, way) => {
    const ports: Record<string, number> = {}
    for (const version of versions) ports[version] = await listening(t, echo(way, only(version)))
    for (const theirs of versions)
      for (const ours of versions)
        for (const contact of ["first", "second"])
          await t.test(`client: ${theirs} only, origin: ${ours} only, ${contact}`, async (t) => {
            const inspected = way.title === "inspected"
            const meets = theirs === ours || (inspected && theirs === "TLSv1.2")
            const client = await dial(way, ports[ours] ?? 0, only(theirs))
            if (meets) {
              await talk(t, client)
              const upstream = inspected ? { upstream: { tls_version: ours } } : {}
              return void (await way.used(t, { tls_version: theirs, ...upstream }))
            }
            const { ok, error } = await handshake(client)
            t.equal(ok, false)
            // Ours is 40; in a splice nobody is in between, and the origin's own comes through.
            t.match(error, inspected ? /alert number 40/ : /alert number 70|unsupported protocol/)
            if (!inspected) return void t.match(await way.sensor.flow(), { verdict: "failed" })
            t.match(await way.sensor.attempt(), { outcome: "origin-failed", leaf: null })
          })
  }),
)

/** A TLS origin that keeps what it is sent first, and how many ClientHellos it was sent. */
function listener(way: Pick<Way, "certificate">, options: TlsOptions = {}) {
  const inner = echo(way, options)
  inner.on("tlsClientError", () => {})
  const sent: Buffer[] = []
  const server = createTcpServer((socket) => {
    const index = sent.push(Buffer.alloc(0)) - 1
    const passed = new Duplex({
      read: () => socket.resume(),
      write: (chunk, _, done) => void socket.write(chunk, () => done()),
      final: (done) => {
        socket.end()
        done()
      },
    })
    socket.on("data", (chunk: Buffer) => {
      sent[index] = Buffer.concat([sent[index] ?? Buffer.alloc(0), chunk])
      passed.push(chunk)
    })
    socket.on("end", () => passed.push(null))
    socket.on("error", () => passed.destroy())
    inner.emit("connection", passed)
  })
  const hello = (index: number): ClientHello => {
    const read = readClientHello(sent[index] ?? Buffer.alloc(0))
    if (read === "incomplete" || "fault" in read) throw new Error("the origin got no hello")
    return read
  }
  return { server, sent, hello }
}

/** Messages of type 1 among the handshake records in clear (RFC 8446 sections 4 and 5.1). */
function helloCount(bytes: Buffer): number {
  let count = 0
  for (let at = 0; at + 6 <= bytes.length && bytes[at] !== 23; at += 5 + bytes.readUInt16BE(at + 3))
    if (bytes[at] === 22 && bytes[at + 5] === 1) count++
  return count
}

t.test("the hybrid group is offered to the origin exactly when the client offers it", (t) =>
  bothWays(t, "hybrid", async (t, way) => {
    const { server, sent, hello } = listener(way)
    const port = await listening(t, server)
    const rows: [string, string, boolean][] = [
      ["hybrid first", "X25519MLKEM768:X25519", true],
      ["hybrid, but not first", "X25519:X25519MLKEM768", true],
      ["classical only", "X25519:P-256", false],
    ]
    for (const contact of ["first", "second"])
      for (const [title, ecdhCurve, expected] of rows)
        await t.test(`${title}, ${contact} contact`, async (t) => {
          const client = await dial(way, port, { ecdhCurve, minVersion: "TLSv1.3" })
          await talk(t, client)
          const { supportedGroups } = hello(sent.length - 1)
          t.equal(supportedGroups.includes(hybridGroup), expected)
          await way.used(t)
        })
    if (way.title === "inspected") {
      t.ok(hello(0).keyShareGroups.includes(hybridGroup), "with a key share: no retry is needed")
      t.same(
        sent.map(helloCount),
        sent.map(() => 1),
      )
    }
  }),
)

t.test("the hybrid group is what the client's own leg uses, if it prefers it", (t) =>
  bothWays(t, "hybrid", async (t, way) => {
    const port = await listening(t, echo(way))
    const client = await dial(way, port, { ecdhCurve: "X25519MLKEM768", minVersion: "TLSv1.3" })
    await talk(t, client)
    await way.used(t)
  }),
)

t.test("a HelloRetryRequest on either leg, or on both, costs a round trip and no more", (t) =>
  bothWays(t, "retry", async (t, way) => {
    /** The first group has a key share in the hello; the origin below takes none but P-384. */
    const strict = listener(way, { ecdhCurve: "P-384", minVersion: "TLSv1.3" })
    const plain = listener(way)
    const strictPort = await listening(t, strict.server)
    const plainPort = await listening(t, plain.server)
    const rows: [string, number, ConnectionOptions, typeof strict][] = [
      ["the origin asks", strictPort, { ecdhCurve: "X25519:P-384" }, strict],
      ["the client is asked", plainPort, { ecdhCurve: "P-521:P-384" }, plain],
      ["both", strictPort, { ecdhCurve: "P-521:P-384" }, strict],
    ]
    for (const [title, port, options, { sent }] of rows)
      for (const contact of ["first", "second"])
        await t.test(`${title}, ${contact} contact`, async (t) => {
          await talk(t, await dial(way, port, { ...options, minVersion: "TLSv1.3" }))
          if (port === strictPort) t.equal(helloCount(sent.at(-1) ?? Buffer.alloc(0)), 2)
          await way.used(t, { tls_version: "TLSv1.3" })
        })
  }),
)

t.test("ALPN is settled between client and origin, known to the sensor or not", (t) =>
  bothWays(t, "alpn", async (t, way) => {
    const rows: [string, string[] | undefined, string[] | undefined, string | false][] = [
      ["unknown to us on both sides", ["x-own/7"], ["x-own/7"], "x-own/7"],
      ["the origin's preference counts", ["a/1", "b/2"], ["b/2", "a/1"], "b/2"],
      ["the client offers, the origin has none", ["x-own/7", "h2"], undefined, false],
      ["the client offers none, the origin has some", undefined, ["h2", "http/1.1"], false],
      ["none on either side", undefined, undefined, false],
    ]
    for (const [title, offered, spoken, chosen] of rows)
      await t.test(title, async (t) => {
        const port = await listening(t, echo(way, spoken ? { ALPNProtocols: spoken } : {}))
        for (const _ of ["first", "second"]) {
          const client = await dial(way, port, offered ? { ALPNProtocols: offered } : {})
          t.same(await handshake(client), { ok: true, error: "" })
          t.equal(client.alpnProtocol, chosen)
          client.end(words)
          t.equal((await received(client)).bytes.toString(), words)
          const settled = way.title === "inspected" ? { alpn_chosen: chosen || null } : {}
          await way.used(t, { alpn_offered: offered ?? [], ...settled })
        }
      })
  }),
)

t.test("a client without SNI is served by the name or address of its CONNECT", async (t) => {
  const byName = { servername: "" }
  await t.test("a name", (t) =>
    bothWays(t, "no-sni", async (t, way) => {
      const port = await listening(t, echo(way))
      for (const _ of ["first", "second"]) {
        const { checkServerIdentity } = await import("node:tls")
        const client = await dial(way, port, {
          ...byName,
          checkServerIdentity: (_, certificate) => checkServerIdentity(way.host, certificate),
        })
        await talk(t, client)
        await way.used(t, { sni: null, connect_host: way.host })
      }
    }),
  )
  await t.test("an address, with a certificate of it", async (t) => {
    const address = "127.0.0.1"
    const certificate = originCertificate(address)
    const port = await listening(t, echo({ certificate }))
    const options = { ...byName, host: address }
    const inspecting = await testSensor(t)
    await talk(t, await tlsThrough(inspecting, `${address}:${port}`, options))
    t.match(await inspecting.attempt(), {
      outcome: "accepted",
      sni: null,
      connect_host: address,
      upstream: { status: "verified" },
    })
    const rules = [{ name: "let-go", when: { destination: [`${address}/32`] }, do: "splice" }]
    const splicing = await testSensor(t, { rules })
    const genuine = { ...options, ca: originCa.certPem }
    await talk(t, await tlsThrough(splicing, `${address}:${port}`, genuine))
    t.match(await splicing.flow(), { verdict: "used", sni: null, connect_host: address })
  })
  await t.test("an address whose origin shows a name only is no good", async (t) => {
    const port = await listening(t, echo({ certificate: originCertificate("name.test") }))
    const sensor = await testSensor(t)
    const client = await tlsThrough(sensor, `127.0.0.1:${port}`, { servername: "" })
    t.equal((await handshake(client)).ok, false)
    t.match(await sensor.attempt(), { outcome: "origin-failed", leaf: null })
  })
})

/** Sends what TLS writes byte by byte, the first flight also in records of a hundred bytes. */
function crumbling(raw: Socket): Duplex {
  let first = true
  const crumbs = new Duplex({
    read: () => raw.resume(),
    write: (chunk: Buffer, _, done) => {
      const bytes = first ? inSmallRecords(chunk) : chunk
      first = false
      bytewise(raw, bytes).then(() => done())
    },
    final: (done) => {
      raw.end()
      done()
    },
  })
  raw.on("data", (chunk) => crumbs.push(chunk))
  raw.on("end", () => crumbs.push(null))
  return crumbs
}

async function bytewise(raw: Socket, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    raw.write(Uint8Array.of(byte))
    await new Promise(setImmediate)
  }
}

/** RFC 8446 section 5.1: a handshake message may be cut into several records. */
function inSmallRecords(hello: Buffer): Buffer {
  const records: Buffer[] = []
  for (let at = 5; at < hello.length; at += 100) {
    const part = hello.subarray(at, at + 100)
    records.push(Buffer.from([22, 3, 1, 0, part.length]), part)
  }
  return Buffer.concat(records)
}

t.test("a whole conversation in one-byte segments, its hello over many records", (t) =>
  bothWays(t, "crumbs", async (t, way) => {
    const port = await listening(t, echo(way))
    for (const version of versions)
      await t.test(version, async (t) => {
        const raw = await tunnel(way.sensor, `${way.host}:${port}`)
        const socket = crumbling(raw)
        const client = tlsConnect({ socket, servername: way.host, ca: way.ca, ...only(version) })
        t.teardown(() => raw.destroy())
        await talk(t, client)
        await way.used(t, { tls_version: version, sni: way.host })
      })
  }),
)

t.test("a ticket of the origin's own is no way round our certificate", async (t) => {
  const host = "ticket.test"
  const certificate = originCertificate(host)
  const port = await listening(t, echo({ certificate }))
  for (const version of versions)
    await t.test(version, async (t) => {
      const direct = tlsConnect({
        port,
        host: "127.0.0.1",
        servername: host,
        ca: originCa.certPem,
        ...only(version),
      })
      const ticket = once(direct, "session")
      direct.write(words)
      const [session] = (await ticket) as [Buffer]
      direct.destroy()
      const sensor = await testSensor(t)
      const client = await tlsThrough(sensor, `${host}:${port}`, { session, ...only(version) })
      t.same(await handshake(client), { ok: true, error: "" })
      t.equal(client.isSessionReused(), false)
      t.equal(client.getPeerX509Certificate()?.issuer, inspectionCa.subject)
      client.end(words)
      t.equal((await received(client)).bytes.toString(), words)
      t.match(await sensor.attempt(), { outcome: "accepted", leaf_check: "ok" })
    })
})

t.test("early data to a spliced origin is the origin's to take", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "pinsensor-early-"))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const host = "early.test"
  const { cert, key } = originCertificate(host)
  const at = (name: string) => join(folder, name)
  writeFileSync(at("cert"), cert)
  writeFileSync(at("key"), key)
  writeFileSync(at("early"), `${words}\n`)
  const port = await freePort()
  const files = ["-cert", at("cert"), "-key", at("key")]
  const server = spawn("openssl", [
    "s_server",
    ...["-accept", `127.0.0.1:${port}`, ...files, "-early_data", "-tls1_3"],
  ])
  t.teardown(() => server.kill())
  await tcpAnswers(port, server)
  server.stdout.on("data", (text) => {
    if (String(text).includes("later")) server.stdin.write("an answer\n")
  })
  const sensor = await testSensor(t, {
    rules: [{ name: "let-go", when: { sni: [host] }, do: "splice" }],
  })
  const client = (args: string[]) =>
    new Promise<string>((resolve) => {
      const proxy = ["-proxy", `127.0.0.1:${sensor.port}`, "-connect", `${host}:${port}`]
      const child = execFile(
        "openssl",
        ["s_client", ...proxy, "-servername", host, ...args],
        (_, out) => resolve(out),
      )
      child.stdin?.write("later\n")
      child.stdout?.on("data", (text: Buffer) => {
        if (text.includes("an answer")) setTimeout(() => child.stdin?.end(), 50)
      })
    })
  await client(["-sess_out", at("session")])
  const out = await client(["-sess_in", at("session"), "-early_data", at("early")])
  t.match(out, /Early data was accepted/)
  t.match(await sensor.flow(), { verdict: "used" })
  t.match(await sensor.flow(), { verdict: "used", tls_version: "TLSv1.3" })
})
