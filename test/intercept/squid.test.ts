/** The whole way through a real parent proxy: squid with Basic authentication, over http:// and https://. */
import { createServer as createHttpServer } from "node:http"
import { connect, createServer, type Socket } from "node:net"
import { createInterface } from "node:readline"
import { createServer as createTlsServer } from "node:tls"
import t from "tap"
import { originTrust } from "../../src/intercept/origin-trust.ts"
import { defaultResolverLimits, Resolver } from "../../src/intercept/resolver.ts"
import { UpstreamProxy } from "../../src/intercept/upstream-proxy.ts"
import { UpstreamProxySettings } from "../../src/intercept/upstream-proxy-settings.ts"
import {
  ask,
  handshake,
  listening,
  once,
  originCa,
  originCertificate,
  received,
  type TestSensor,
  testNames,
  testSensor,
  tlsThrough,
  tunnel,
} from "../support/sensor.ts"
import { squidMissing, startSquid } from "../support/squid.ts"

const name = "origin.test"
const spliced = "spliced.test"
const user = { user: "sensor", password: "s3cret:with colon" }
const rules = [{ name: "s", when: { sni: [spliced] }, do: "splice", cause: "operator" }]

interface Way {
  scheme: "http" | "https"
  names: "sensor" | "proxy"
}
const ways: Way[] = [
  { scheme: "http", names: "sensor" },
  { scheme: "http", names: "proxy" },
  { scheme: "https", names: "sensor" },
]

const skip = squidMissing() ?? false
const squid = skip
  ? null
  : await startSquid({
      ...user,
      names: [name, spliced, "web.test", "forbidden.test"],
      certificate: originCertificate("squid.test"),
    })
t.teardown(() => squid?.stop())

for (const way of ways)
  t.test(`everything passes through squid: ${way.scheme}://, names: ${way.names}`, { skip }, (t) =>
    everything(t, way),
  )

t.test(
  "squid's refusals are the origin's failure, named as the upstream proxy's",
  { skip },
  async (t) => {
    const wrong = await behind(t, { scheme: "http", names: "proxy" }, "sensor:wrong")
    t.equal((await handshake(await tlsThrough(wrong, `${name}:443`))).ok, false)
    t.match(await wrong.attempt(), {
      outcome: "origin-failed",
      upstream: { status: "unreachable", reason: "upstream-proxy 407" },
    })
    const page = await said(wrong, "GET http://web.test/ HTTP/1.1\r\nHost: web.test\r\n")
    t.match(page, /^HTTP\/1\.1 502 /)
    t.notMatch(page, /squid|authenticate/i)
    const known = await behind(t, { scheme: "http", names: "proxy" })
    for (const [host, reason] of [
      ["forbidden.test:443", "upstream-proxy 403"],
      [`${name}:1`, "upstream-proxy 503"],
    ] as const) {
      t.equal((await handshake(await tlsThrough(known, host))).ok, false, host)
      t.match(await known.attempt(), { outcome: "origin-failed", upstream: { reason } })
    }
    const denied = await said(
      known,
      "GET http://forbidden.test/ HTTP/1.1\r\nHost: forbidden.test\r\n",
    )
    t.match(denied, /^HTTP\/1\.1 502 /)
    t.notMatch(denied, /squid/i)
  },
)
async function behind(
  t: Parameters<typeof testSensor>[0],
  { scheme, names }: Way,
  credentials = `${user.user}:${user.password}`,
): Promise<TestSensor> {
  const port = scheme === "http" ? squid?.port : squid?.tlsPort
  const upstreamProxy = new UpstreamProxy({
    settings: UpstreamProxySettings.parse({ url: `${scheme}://squid.test:${port}`, names }),
    user: credentials,
    resolver: new Resolver(Date.now, defaultResolverLimits, testNames),
    trust: originTrust(originCa.certPem),
    onTrouble: () => {},
  })
  return testSensor(t, { rules, deps: { upstreamProxy } })
}

type Test = Parameters<typeof testSensor>[0] & Pick<typeof t, "match" | "strictSame">

async function everything(t: Test, way: Way): Promise<void> {
  const sensor = await behind(t, way)
  const before = (squid?.log() ?? "").length
  const origin = createTlsServer(originCertificate(name), (socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\n\r\nfrom the origin"))
  })
  const port = await listening(t, origin)
  for (const contact of ["first", "remembered"]) {
    const client = await tlsThrough(sensor, `${name}:${port}`)
    t.match(await ask(client), /from the origin/, contact)
    client.end()
    t.match(await sensor.attempt(), { outcome: "accepted", upstream: { status: "verified" } })
  }
  const client = await tlsThrough(sensor, `${spliced}:${port}`, {
    ca: originCa.certPem,
    checkServerIdentity: () => undefined,
  })
  t.match(await ask(client), /from the origin/, "spliced")
  client.end()
  t.match(await sensor.flow(), { decision: "splice", verdict: "used" })

  const mail = createServer({ allowHalfOpen: true }, (socket) => {
    socket.write("220 ready\r\n")
    socket.on("data", (chunk) => socket.write(chunk))
  })
  const raw = await tunnel(sensor, `${name}:${await listening(t, mail)}`)
  raw.write("EHLO\r\n")
  const lines: string[] = []
  for await (const line of createInterface({ input: raw })) if (lines.push(line) === 2) break
  t.strictSame(lines.sort(), ["220 ready", "EHLO"], "not TLS")
  raw.destroy()

  const web = createHttpServer((request, response) => {
    const { method, url, headers } = request
    const seen = headers["proxy-authorization"] === undefined ? "no" : "its"
    response.end(`${method} ${url} of ${headers.host}, ${seen} credentials`)
  })
  web.on("upgrade", (_, socket: Socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n")
    socket.once("data", (chunk) => socket.end(chunk))
  })
  const host = `web.test:${await listening(t, web)}`
  const page = await said(sensor, `GET http://${host}/a?b HTTP/1.1\r\nHost: ${host}\r\n`)
  t.match(page, `GET /a?b of ${host}, no credentials`, "plain HTTP")
  const socket = await sent(
    sensor,
    `GET http://${host}/ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`,
  )
  await once(socket, "readable")
  socket.write("frame")
  t.match((await received(socket)).bytes.toString(), /101 [\s\S]*frame$/, "WebSocket")

  const by = way.names === "sensor" ? "127.0.0.1" : name
  t.match((squid?.log() ?? "").slice(before), `CONNECT/200 ${by}:${port} sensor`, "squid's own log")
}

async function said(sensor: TestSensor, head: string): Promise<string> {
  return (await received(await sent(sensor, `${head}Connection: close\r\n`))).bytes.toString()
}

async function sent({ port }: TestSensor, head: string): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" })
  socket.on("error", () => {})
  socket.write(`${head}\r\n`)
  return socket
}
