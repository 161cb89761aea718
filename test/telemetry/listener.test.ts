import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { connect as tlsConnect } from "node:tls"
import t from "tap"
import { Config } from "../../src/config.ts"
import { checkTelemetryFiles } from "../../src/telemetry/check-files.ts"
import { clientNetworks } from "../../src/telemetry/listener/client-networks.ts"
import { TelemetryServer } from "../../src/telemetry/listener/server.ts"
import { Slots } from "../../src/telemetry/listener/slots.ts"
import { telemetryFaults, telemetryListeners } from "../../src/telemetry/listeners.ts"
import { testCa } from "../support/certificates.ts"
import { holds } from "../support/processes.ts"
import {
  native,
  ndjson,
  send,
  type TelemetryBed,
  telemetryBed,
  webhook,
} from "../support/telemetry.ts"

const ca = await testCa()
const server = await ca.issue("server", "DNS:localhost")
const client = await ca.issue("client", "DNS:vendor-x")
const caPem = readFileSync(ca.file, "utf8")
t.teardown(() => ca.remove())

const key = { id: "k1", secret: { file: "/nowhere/k1.key" } }
const senders = [{ name: "x", sources: ["x"], keys: [key] }]

t.test(
  "over TLS events are taken, and with a client CA only from who has a certificate of it",
  async (t) => {
    const tls = { cert: server.cert, key: server.key, "client-ca": ca.file }
    const bed = await telemetryBed(() => ({ webhook: webhook({ tls }) }))
    t.teardown(() => bed.close())
    const cert = readFileSync(client.cert, "utf8")
    const clientKey = readFileSync(client.key, "utf8")
    const { status } = await bed.post(ndjson(native()), { ca: caPem, cert, clientKey })
    t.equal(status, 200)
    await t.rejects(bed.post(ndjson(native()), { ca: caPem }), "no certificate, no request")
    t.equal(bed.events().length, 1)
    const bytes = await said(bed, "GET /health HTTP/1.1\r\n\r\n")
    t.notMatch(bytes, /HTTP/, "plain HTTP gets no answer")
  },
)

t.test("a certificate that is renewed in its files is taken, a broken one is not", async (t) => {
  const other = await ca.issue("renewed", "DNS:localhost,DNS:renewed")
  const text = (file: string) => readFileSync(file, "utf8")
  const files = t.testdir({ cert: text(server.cert), key: text(server.key) })
  const { settings } = telemetryListeners(
    Config.parse({
      sources: {
        webhook: {
          listen: "127.0.0.1:0",
          senders,
          tls: { cert: `${files}/cert`, key: `${files}/key` },
        },
      },
    }).sources,
  )[0] ?? { settings: null }
  if (!settings) throw new Error("no listener")
  const events: string[] = []
  const listener = new TelemetryServer({
    at: "sources.webhook",
    settings,
    routes: [],
    healthy: () => true,
    clock: Date.now,
    log: (_level, event) => events.push(event),
    refused: () => {},
    renewEvery: 20,
  })
  await listener.open()
  t.teardown(() => listener.close())
  const port = Number(listener.listen.split(":")[1])
  const shown = () =>
    new Promise<string | undefined>((resolve, reject) => {
      const socket = tlsConnect({ port, host: "127.0.0.1", ca: caPem, servername: "localhost" })
      socket.on("error", reject)
      socket.on("secureConnect", () => {
        resolve(socket.getPeerCertificate().subjectaltname)
        socket.destroy()
      })
    })
  t.equal(await shown(), "DNS:localhost")
  writeFileSync(`${files}/cert`, text(other.cert))
  t.ok(await holds(() => events.includes("telemetry-certificate-kept"), 10_000), "half renewed")
  t.equal(await shown(), "DNS:localhost")
  writeFileSync(`${files}/key`, text(other.key))
  t.ok(await holds(() => events.includes("telemetry-certificate-renewed"), 10_000))
  t.equal(await shown(), "DNS:localhost, DNS:renewed")
})

t.test("a stranger's network is turned away before TLS", async (t) => {
  const tls = { cert: server.cert, key: server.key }
  const settings = webhook({ tls, "allow-client": ["192.0.2.0/24"] })
  const bed = await telemetryBed(() => ({ webhook: settings }))
  t.teardown(() => bed.close())
  await t.rejects(bed.post(ndjson(native()), { ca: caPem }))
  t.strictSame(bed.events(), [])
  t.match(bed.log.at(-1), {
    event: "telemetry-refused",
    fields: { because: "client-not-allowed", client_ip: "127.0.0.1", times: 1 },
  })
})

t.test("one address cannot take up all connections or all requests", async (t) => {
  const limits = { connections: 4, requests: 2, "idle-time": "5s" }
  const bed = await telemetryBed(() => ({ webhook: webhook({ limits }) }))
  t.teardown(() => bed.close())
  const slow = opened(bed)
  slow.write("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
  slow.write("Content-Length: 100\r\n\r\n[")
  let busy = await bed.post(ndjson(native()))
  // The slow one's head and this request come on two sockets, in either order.
  for (let tries = 0; busy.status === 200 && tries < 50; tries++) {
    await sleep(10)
    busy = await bed.post(ndjson(native()))
  }
  t.strictSame([busy.status, busy.headers["retry-after"]], [429, "1"])
  const idle = opened(bed)
  await once(idle, "connect")
  const third = opened(bed)
  await once(third, "close")
  slow.destroy()
  idle.destroy()
  await sleep(50)
  t.equal((await bed.post(ndjson(native()))).status, 200, "places are given back")
})

t.test("what is no HTTP is told so in a few words", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  t.match(await said(bed, "\x16\x03\x01\x02\x00\x01"), /^HTTP\/1.1 400 .*cannot be read/s)
  const head = `GET / HTTP/1.1\r\nX: ${"a".repeat(20_000)}\r\n\r\n`
  t.match(await said(bed, head), /^HTTP\/1.1 431 /)
  const get = await send(bed.listen[0] ?? "", { method: "GET" }, Buffer.of())
  t.equal(get.status, 404)
})

t.test("what leads nowhere is refused before its body, and not repeated", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const head = (path: string) =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n`
  t.match(await said(bed, head("/nowhere")), /^HTTP\/1.1 404 .*there is nothing here/s)
  const undecodable = await said(bed, head("/%zz"))
  t.match(undecodable, /^HTTP\/1.1 400 .*\{"error":"the request cannot be read/s)
  t.notMatch(undecodable, /zz/)
})

t.test("a listener whose port is taken shows as failing, and opens once it is free", async (t) => {
  const other = createServer().listen(0, "127.0.0.1")
  await once(other, "listening")
  const { port } = other.address() as { port: number }
  const bed = await telemetryBed(() => ({ webhook: webhook({ listen: `127.0.0.1:${port}` }) }))
  t.teardown(() => bed.close())
  t.match(bed.log, [
    { level: "error", event: "telemetry-not-listening", fields: { reason: /EADDRINUSE/ } },
  ])
  const health = () => bed.health("webhook")
  t.ok(await holds(() => bed.states().includes("webhook"), 5_000))
  t.match(health(), { state: "failing", last_error: /does not listen.*EADDRINUSE/ })
  other.close()
  t.ok(await holds(() => bed.log.at(-1)?.event === "telemetry-listening", 10_000))
  await bed.stop()
  t.match(health(), { state: "ok", last_error: null })
})

t.test("networks: IPv4, IPv6, mapped, with a zone; near ones by default", (t) => {
  const near = clientNetworks([])
  const given = clientNetworks(["192.0.2.0/24", "2001:db8::1"])
  const cases: [allowed: typeof near, address: string | undefined, expected: boolean][] = [
    [near, "10.1.2.3", true],
    [near, "::ffff:10.1.2.3", true],
    [near, "fe80::1%eth0", true],
    [near, "::1", true],
    [near, "8.8.8.8", false],
    [near, "::ffff:8.8.8.8", false],
    [near, "2001:db8::1", false],
    [near, undefined, false],
    [given, "192.0.2.200", true],
    [given, "::ffff:192.0.2.200", true],
    [given, "2001:db8::1", true],
    [given, "2001:db8::2", false],
    [given, "127.0.0.1", false],
  ]
  for (const [allowed, address, expected] of cases)
    t.equal(allowed(address), expected, String(address))
  t.end()
})

t.test("half of the places go to one address at most, and come back", (t) => {
  const slots = new Slots(4)
  t.strictSame(
    ["a", "a", "a", "b", "c", "d"].map((one) => slots.take(one)),
    [true, true, false, true, true, false],
  )
  slots.give("a")
  t.ok(slots.take("d"))
  t.end()
})

const bad: Record<string, [sources: Record<string, unknown>, words: RegExp]> = {
  "in the clear for others": [
    { webhook: { listen: "0.0.0.0:1", senders } },
    /can be reached from other machines/,
  ],
  "no senders": [{ webhook: { listen: "127.0.0.1:1" } }, /name at least one/],
  "one key for two": [
    { webhook: { listen: "127.0.0.1:1", senders: [...senders, { ...senders[0], name: "y" }] } },
    /the key id k1 is taken/,
  ],
  "a network that is none": [
    { webhook: { listen: "127.0.0.1:1", senders, "allow-client": ["10.0.0.0/33"] } },
    /write a network/,
  ],
  "Pub/Sub without audience": [
    {
      webhook: { listen: "127.0.0.1:1", senders },
      pubsub: { enabled: true, "service-account": "a@b" },
    },
    /any Google customer/,
  ],
  "Pub/Sub without a listener": [
    { pubsub: { enabled: true, audience: "x", "service-account": "a@b" } },
    /no listen to share/,
  ],
  "Pub/Sub where a client certificate is asked for": [
    {
      webhook: { listen: "127.0.0.1:1", senders, tls: { cert: "c", key: "k", "client-ca": "a" } },
      pubsub: { enabled: true, audience: "x", "service-account": "a@b" },
    },
    /Pub\/Sub has no certificate/,
  ],
  "keys of the issuer in the clear": [
    { pubsub: { "keys-url": "http://keys.example/" } },
    /must be https/,
  ],
  "the proxy's own port": [
    { webhook: { listen: "127.0.0.1:8080", senders } },
    /taken by another listener/,
  ],
}
for (const [name, [sources, words]] of Object.entries(bad))
  t.test(`settings are refused with a word about it: ${name}`, (t) => {
    t.match(Config.safeParse({ sources }).error?.message, words)
    t.end()
  })

t.test("keys and certificates that cannot be used are found before the start", (t) => {
  const folder = t.testdir({ short: "tooshort", good: "0123456789abcdef0123456789abcdef" })
  const at = (file: string) => `${folder}/${file}`
  const sources = (over: { secret?: object; tls?: object }) =>
    Config.parse({
      sources: {
        webhook: {
          listen: "127.0.0.1:1",
          ...(over.tls ? { tls: over.tls } : {}),
          senders: [
            {
              name: "x",
              sources: ["x"],
              keys: [{ ...key, secret: over.secret ?? { file: at("good") } }],
            },
          ],
        },
      },
    }).sources
  const check = (over: Parameters<typeof sources>[0]) => () => checkTelemetryFiles(sources(over))
  t.doesNotThrow(check({ tls: { cert: server.cert, key: server.key } }))
  t.throws(
    check({ secret: { file: at("none") } }),
    /senders\.x\.keys\.k1\.secret: .*cannot be read \(ENOENT\)/,
  )
  t.throws(
    check({ secret: { file: at("short") } }),
    /shorter than 32 characters; make one: openssl rand/,
  )
  t.throws(
    check({ tls: { cert: at("none"), key: server.key } }),
    /webhook\.tls\.cert: .*cannot be read/,
  )
  t.throws(check({ tls: { cert: at("good"), key: server.key } }), /tls\.cert: .*no certificate/)
  t.throws(check({ tls: { cert: server.cert, key: client.key } }), /tls\.key: .*is not the key of/)
  t.throws(
    check({ tls: { cert: server.cert, key: server.key, "client-ca": at("good") } }),
    /client-ca: .*no certificate/,
  )
  t.strictSame(telemetryFaults(sources({}), ["127.0.0.1:1"])[0]?.path, [
    "sources",
    "webhook",
    "listen",
  ])
  t.end()
})

function opened(bed: TelemetryBed): Socket {
  const [host = "", port = ""] = bed.listen[0]?.split(":") ?? []
  return connect(Number(port), host).on("error", () => {})
}

async function said(bed: TelemetryBed, bytes: string): Promise<string> {
  const socket = opened(bed)
  let text = ""
  socket.on("data", (chunk) => {
    text += chunk
  })
  socket.write(bytes, "latin1")
  await once(socket, "close")
  return text
}
