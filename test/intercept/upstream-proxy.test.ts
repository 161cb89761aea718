/** The proxy between the sensor and origins, with a small proxy that can misbehave. Real squid: squid.test.ts. */
import { createServer as createHttpServer } from "node:http"
import { connect, createServer, type Socket } from "node:net"
import { createServer as createTlsServer, TLSSocket, connect as tlsConnect } from "node:tls"
import t from "tap"
import { longestConnectHead, readConnectAnswer } from "../../src/intercept/connect-answer.ts"
import { watchEnd } from "../../src/intercept/origin-end.ts"
import { originTrust } from "../../src/intercept/origin-trust.ts"
import { defaultResolverLimits, Resolver } from "../../src/intercept/resolver.ts"
import { UpstreamProxy } from "../../src/intercept/upstream-proxy.ts"
import {
  UpstreamProxySettings,
  upstreamProxyEndpoint,
  upstreamProxyUser,
} from "../../src/intercept/upstream-proxy-settings.ts"
import { type ConnectProxy, connectProxy, type Misbehaviour } from "../support/connect-proxy.ts"
import {
  ask,
  type Given,
  handshake,
  inspectionCa,
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

const name = "origin.test"
const good = originCertificate(name)
const trust = originTrust(originCa.certPem)
type Closing = Parameters<typeof testSensor>[0]

interface Chained extends TestSensor {
  proxy: ConnectProxy
  troubles: string[]
}

/** A sensor whose upstream proxy is `proxy` (one that behaves unless the test says otherwise). */
async function chained(
  t: Closing,
  settings: Record<string, unknown> = {},
  given: Given = {},
  proxy = connectProxy(),
): Promise<Chained> {
  const port = await listening(t, proxy.server)
  const troubles: string[] = []
  const upstreamProxy = new UpstreamProxy({
    settings: UpstreamProxySettings.parse({ url: `http://127.0.0.1:${port}`, ...settings }),
    user: "sensor:s3cret",
    resolver: new Resolver(Date.now, defaultResolverLimits, given.lookup ?? testNames),
    trust,
    onTrouble: (because) => troubles.push(because),
  })
  const sensor = await testSensor(t, { ...given, deps: { ...given.deps, upstreamProxy } })
  return { ...sensor, proxy, troubles }
}

/** A TLS origin that answers each request with its text, and how many connections it had. */
async function tlsOrigin(t: Closing) {
  const origin = { port: 0, connections: 0 }
  const server = createTlsServer(good, (socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\n\r\nfrom the origin"))
  })
  server.on("connection", () => origin.connections++)
  origin.port = await listening(t, server)
  return origin
}

const spliceAll = [{ name: "all", do: "splice", cause: "operator" }]
const spliceByName = [{ name: "name", when: { sni: [name] }, do: "splice", cause: "operator" }]

t.test("an inspected connection goes through the upstream proxy, by address", async (t) => {
  const sensor = await chained(t)
  const origin = await tlsOrigin(t)
  for (const contact of ["verified", "remembered"]) {
    const client = await tlsThrough(sensor, `${name}:${origin.port}`)
    t.match(await answered(client), /from the origin/)
    t.match(await sensor.attempt(), {
      outcome: "accepted",
      destination_ip: "127.0.0.1",
      destination_port: origin.port,
      upstream: { status: "verified", reason: null },
    })
    t.equal(sensor.proxy.asked.at(-1), `CONNECT 127.0.0.1:${origin.port}`, contact)
  }
  t.equal(origin.connections, 2)
  const credentials = Buffer.from("sensor:s3cret").toString("base64")
  t.match(sensor.proxy.heads[0], `Proxy-Authorization: Basic ${credentials}\r\n`)
  t.match(sensor.proxy.heads[0], `Host: 127.0.0.1:${origin.port}\r\n`)
  t.match(sensor.deps.upstreamProxy?.counts, { opened: 2, failed: 0 })
})

t.test("names: proxy leaves the name to the upstream proxy", async (t) => {
  const lookup = async (): Promise<string[]> => {
    throw Object.assign(new Error("nobody knows"), { code: "ENOTFOUND" })
  }
  const sensor = await chained(t, { names: "proxy" }, { lookup })
  const origin = await tlsOrigin(t)
  for (const leg of ["first contact", "remembered"]) {
    const client = await tlsThrough(sensor, `${name}:${origin.port}`)
    t.match(await answered(client), /from the origin/, leg)
    t.match(await sensor.attempt(), {
      outcome: "accepted",
      destination_ip: null,
      destination_port: origin.port,
      upstream: { status: "verified" },
    })
  }
  const refused = await tlsThrough(sensor, `${name}:${origin.port}`, { ca: [] })
  t.equal((await handshake(refused)).ok, false)
  await sensor.attempt()
  const asked = `CONNECT ${name}:${origin.port}`
  t.strictSame(sensor.proxy.asked, [asked, asked], "a refusal on remembered facts costs none")
})

t.test("what is spliced, is no TLS, is plain HTTP or an upgrade goes the same way", async (t) => {
  for (const names of ["sensor", "proxy"]) {
    const host = names === "sensor" ? "127.0.0.1" : name
    await t.test(`spliced by name, names: ${names}`, async (t) => {
      const sensor = await chained(t, { names }, { rules: spliceByName })
      const origin = await tlsOrigin(t)
      const client = await tlsThrough(sensor, `${name}:${origin.port}`, { ca: originCa.certPem })
      t.match(await answered(client), /from the origin/)
      t.match(await sensor.flow(), {
        decision: "splice",
        name_agrees: true,
        verdict: "used",
        destination_ip: names === "sensor" ? "127.0.0.1" : null,
        destination_port: origin.port,
      })
      t.strictSame(sensor.proxy.asked, [`CONNECT ${host}:${origin.port}`])
    })
    await t.test(`a banner in one segment with the 200, names: ${names}`, async (t) => {
      const sensor = await chained(t, { names })
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        socket.write("220 mail ready\r\n")
        socket.on("data", (chunk) => socket.write(chunk))
        socket.on("end", () => socket.end("221 bye\r\n"))
      })
      const port = await listening(t, server)
      const client = await tunnel(sensor, `${name}:${port}`)
      client.write("EHLO me\r\n")
      client.end()
      const { bytes, end } = await received(client)
      t.match(bytes.toString().split("\r\n").sort(), ["", "220 mail ready", "221 bye", "EHLO me"])
      t.equal(end, "fin")
      t.match(await sensor.attempt(), { outcome: "not-tls" })
      t.strictSame(sensor.proxy.asked, [`CONNECT ${host}:${port}`])
    })
    await t.test(`plain HTTP in absolute-form, names: ${names}`, async (t) => {
      const sensor = await chained(t, { names })
      const web = createHttpServer((request, response) => {
        response.end(`${request.method} ${request.url} for ${request.headers.host}`)
      })
      const port = await listening(t, web)
      const text = await said(sensor, `GET http://${name}:${port}/a?b=1 HTTP/1.1\r\nHost: x\r\n`)
      t.match(text, `GET /a?b=1 for ${name}:${port}`)
      t.strictSame(sensor.proxy.asked, [`GET http://${name}:${port}/a?b=1`])
      t.match(sensor.proxy.heads[0], /proxy-authorization: Basic /i)
    })
    await t.test(`a WebSocket upgrade, names: ${names}`, async (t) => {
      const sensor = await chained(t, { names })
      const web = createHttpServer()
      web.on("upgrade", (request, socket: Socket) => {
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n\r\n${request.url}`)
        socket.once("data", (chunk) => socket.end(chunk))
      })
      const port = await listening(t, web)
      const socket = await sent(
        sensor,
        `GET ws://${name}:${port}/chat HTTP/1.1\r\nHost: ${name}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`,
      )
      await once(socket, "readable")
      socket.write(" and back")
      t.match((await received(socket)).bytes.toString(), "/chat and back")
      t.strictSame(sensor.proxy.asked, [`CONNECT ${host}:${port}`])
    })
  }
})

const refusals: [title: string, because: string, act: Misbehaviour][] = [
  [
    "407",
    "upstream-proxy 407",
    says("HTTP/1.1 407 Proxy Authentication Required\r\n\r\nTEXT OF THE PROXY"),
  ],
  [
    "403",
    "upstream-proxy 403",
    says("HTTP/1.1 403 Forbidden\r\nContent-Length: 17\r\n\r\nTEXT OF THE PROXY"),
  ],
  ["502", "upstream-proxy 502", says("HTTP/1.0 502 Bad Gateway\r\n\r\nTEXT OF THE PROXY")],
  [
    "a redirect",
    "upstream-proxy 302",
    says("HTTP/1.1 302 Found\r\nLocation: http://portal.test/\r\n\r\n"),
  ],
  ["another protocol", "upstream-proxy not-http", says("SSH-2.0-TEXT OF THE PROXY\r\n")],
  ["a switch of protocols", "upstream-proxy not-http", says("HTTP/1.1 101 Switching\r\n\r\n")],
  ["a status that is none", "upstream-proxy not-http", says("HTTP/1.1 2000 OK\r\n\r\n")],
  [
    "a head that never ends",
    "upstream-proxy head-too-large",
    says(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(longestConnectHead)}`),
  ],
  ["an early close", "upstream-proxy closed", (socket) => void socket.end("HTTP/1.1 200 OK\r\n")],
  ["a reset", "upstream-proxy ECONNRESET", (socket) => void socket.resetAndDestroy()],
  ["silence", "upstream-proxy timeout", () => {}],
]
function says(text: string): Misbehaviour {
  return (socket) => {
    socket.write(text)
  }
}

t.test(
  "a refusal of the upstream proxy is the origin's failure, and none of its text gets through",
  async (t) => {
    const given = { limits: { "upstream-time": "400ms" }, rules: spliceByName }
    const sensor = await chained(t, {}, given)
    for (const [title, because, act] of refusals)
      await t.test(title, async (t) => {
        sensor.proxy.act = act
        const [inspected, spliced, raw] = await Promise.all([
          tlsThrough(sensor, "other.test:443"),
          tlsThrough(sensor, `${name}:443`),
          tunnel(sensor, "plain.test:25"),
        ])
        const over = [handshake(inspected), handshake(spliced)] as const
        raw.write("HELO\r\n")
        t.equal((await received(raw)).bytes.length, 0)
        t.match(await over[0], { ok: false, error: /alert number 80/ })
        t.equal((await over[1]).ok, false)
        t.match(await sensor.flow(), { verdict: "failed", reason: because, server_bytes: 0 })
        const attempts = [await sensor.attempt(), await sensor.attempt()]
        t.match(
          attempts.find(({ sni }) => sni !== null),
          {
            outcome: "origin-failed",
            strength: null,
            leaf: null,
            upstream: { status: "unreachable", reason: because },
          },
        )
        t.match(
          attempts.find(({ sni }) => sni === null),
          { outcome: "not-tls", upstream: { reason: because } },
        )
        t.strictSame(sensor.troubles.splice(0), [because, because, because])
      })
    t.equal(sensor.deps.upstreamProxy?.counts.failed, 3 * refusals.length)
  },
)

t.test("a 407 to a plain request is not the client's to answer", async (t) => {
  const proxy = connectProxy()
  proxy.act = says(
    "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 4\r\n\r\nTEXT",
  )
  const sensor = await chained(t, {}, {}, proxy)
  const text = await said(sensor, "GET http://web.test/ HTTP/1.1\r\nHost: web.test\r\n")
  t.match(text, /^HTTP\/1\.1 502 /)
  t.notMatch(text, /TEXT|Authenticate/i)
  proxy.act = says("HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nno page")
  t.match(
    await said(sensor, "GET http://web.test/ HTTP/1.1\r\nHost: web.test\r\n"),
    /404[\s\S]*no page/,
  )
})

t.test(
  "fails closed: an upstream proxy that cannot be had ends the connection, it is never dialled directly",
  async (t) => {
    for (const names of ["sensor", "proxy"]) {
      // Nobody listens on port 1, and no test is given it.
      const sensor = await chained(t, { url: "http://127.0.0.1:1", names }, { rules: spliceByName })
      const origin = await tlsOrigin(t)
      t.equal((await handshake(await tlsThrough(sensor, `any.test:${origin.port}`))).ok, false)
      const reason = "upstream-proxy ECONNREFUSED"
      t.match(await sensor.attempt(), { outcome: "origin-failed", upstream: { reason } })
      t.equal((await handshake(await tlsThrough(sensor, `${name}:${origin.port}`))).ok, false)
      t.match(await sensor.flow(), { verdict: "failed", reason })
      const raw = await tunnel(sensor, `${name}:${origin.port}`)
      raw.write("no TLS")
      t.equal((await received(raw)).bytes.length, 0)
      const plain = `GET http://${name}:${origin.port}/ HTTP/1.1\r\nHost: ${name}\r\n`
      t.match(await said(sensor, plain), /^HTTP\/1\.1 502 /)
      t.equal(await said(sensor, `${plain}Connection: Upgrade\r\nUpgrade: websocket\r\n`), "")
      t.equal(origin.connections, 0)
    }
  },
)

t.test("an upstream proxy whose name is not known is named as the cause", async (t) => {
  const sensor = await chained(t, { url: "http://proxy.nowhere:3128" })
  t.equal((await handshake(await tlsThrough(sensor, `${name}:443`))).ok, false)
  t.match(await sensor.attempt(), { upstream: { reason: "upstream-proxy ENOTFOUND" } })
})

t.test("what is excepted is dialled directly", async (t) => {
  const rows: [title: string, settings: Record<string, unknown>, direct: boolean][] = [
    ["by its name", { except: [name] }, true],
    ["by a name above", { except: ["*.test"] }, true],
    ["by its network", { except: ["127.0.0.0/8"] }, true],
    ["another name is not", { except: ["other.test", "10.0.0.0/8"] }, false],
    ["by its name, where the proxy resolves the others", { except: [name], names: "proxy" }, true],
    [
      "a network says nothing of a name that only the proxy resolves",
      { except: ["127.0.0.0/8"], names: "proxy" },
      false,
    ],
  ]
  for (const [title, settings, direct] of rows)
    await t.test(title, async (t) => {
      const sensor = await chained(t, settings, {
        rules: [{ name: "p", when: { sni: ["x.test"] }, do: "block" }],
      })
      const origin = await tlsOrigin(t)
      t.match(await answered(await tlsThrough(sensor, `${name}:${origin.port}`)), /from the origin/)
      t.match(await sensor.attempt(), { outcome: "accepted" })
      const web = createHttpServer((_, response) => response.end("page"))
      const port = await listening(t, web)
      t.match(
        await said(sensor, `GET http://${name}:${port}/ HTTP/1.1\r\nHost: ${name}\r\n`),
        /page/,
      )
      t.equal(sensor.proxy.asked.length, direct ? 0 : 2)
    })
})

t.test("the guard holds, and a name that nobody can judge is not handed on", async (t) => {
  const rows: [title: string, names: "sensor" | "proxy", host: string, because: RegExp][] = [
    ["a guarded address behind a name", "sensor", "here.test", /loopback/],
    ["a guarded address as it is", "proxy", "127.0.0.1", /loopback/],
    ["a mapped one", "proxy", "[::ffff:127.0.0.1]", /loopback/],
    ["localhost", "proxy", "localhost", /loopback/],
    ["below localhost", "proxy", "a.localhost", /loopback/],
    ["a name of mDNS", "proxy", "printer.local", /link-local/],
    ["an address in another form", "proxy", "127.1", /canonical/],
  ]
  const sensors = {
    sensor: await chained(t, {}, { open: [] }),
    proxy: await chained(t, { names: "proxy" }, { open: [] }),
  }
  for (const [title, names, host, because] of rows) {
    const sensor = sensors[names]
    await t.rejects(tunnel(sensor, `${host}:443`), { message: /403/ }, title)
    const plain = `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n`
    t.match(await said(sensor, plain), /^HTTP\/1\.1 403 /)
    const upgrade = `${plain}Connection: Upgrade\r\nUpgrade: websocket\r\n`
    t.match(await said(sensor, upgrade), /^HTTP\/1\.1 403 /)
    t.match(sensor.logs.splice(0), [{ event: "destination-guarded", fields: { because } }])
    t.strictSame(sensor.proxy.asked, [])
  }
})

t.test(
  "names: proxy splices by a name only where SNI and CONNECT host are that name",
  async (t) => {
    const sensor = await chained(t, { names: "proxy" }, { rules: spliceByName })
    const origin = await tlsOrigin(t)
    for (const [host, name_agrees] of [
      ["evil.test", false],
      ["127.0.0.1", null],
    ] as const) {
      const client = await tlsThrough(sensor, `${host}:${origin.port}`, { servername: name })
      t.match(await answered(client), /from the origin/)
      t.match(await sensor.attempt(), { rule: "name-disagrees", name_agrees })
    }
    t.equal(sensor.flows.length, 0)
  },
)

t.test(
  "a splice by address goes where the client asked, by name if only the proxy resolves it",
  async (t) => {
    const sensor = await chained(t, { names: "proxy" }, { rules: spliceAll })
    const origin = await tlsOrigin(t)
    for (const [host, ip] of [
      ["any.test", null],
      ["127.0.0.1", "127.0.0.1"],
    ] as const) {
      const client = await tlsThrough(sensor, `${host}:${origin.port}`, {
        ca: originCa.certPem,
        servername: name,
      })
      t.match(await answered(client), /from the origin/)
      t.match(await sensor.flow(), { destination_ip: ip, verdict: "used" })
      t.equal(sensor.proxy.asked.at(-1), `CONNECT ${host}:${origin.port}`)
    }
  },
)

t.test("names: proxy takes a client that came with an address to the name it says", async (t) => {
  const relayed = {
    name: "lb",
    kind: "relayed" as const,
    listen: "127.0.0.1:0",
    "proxy-protocol-from": ["127.0.0.1"],
  }
  const sensor = await chained(t, { names: "proxy" }, { listeners: [relayed], rules: spliceByName })
  const origin = await tlsOrigin(t)
  const arrive = (servername: string, options = {}) => {
    const socket = connect({ port: sensor.port, host: "127.0.0.1" })
    socket.write(`PROXY TCP4 10.0.0.7 203.0.113.9 1111 ${origin.port}\r\n`)
    const tls = tlsConnect({ socket, ca: inspectionCa.certPem, servername, ...options })
    return tls.on("error", () => {})
  }
  t.match(await answered(arrive(name, { ca: originCa.certPem })), /from the origin/)
  t.match(await sensor.flow(), { destination_ip: null, verdict: "used" }, "spliced by its name")
  const other = originCertificate("inspected.test")
  const server = createTlsServer(other, (socket) => socket.end("from the other"))
  origin.port = await listening(t, server)
  t.match(await answered(arrive("inspected.test")), /from the other/)
  t.match(await sensor.attempt(), { destination_ip: null, outcome: "accepted" })
  t.equal((await handshake(arrive("a.localhost"))).ok, false)
  t.match(await sensor.attempt(), {
    outcome: "origin-failed",
    upstream: { reason: /loopback/ },
  })
  t.strictSame(
    sensor.proxy.asked.map((line) => line.replace(/:\d+$/, "")),
    [`CONNECT ${name}`, "CONNECT inspected.test"],
  )
})

t.test("where the proxy cannot reach one address the next one is tried", async (t) => {
  const lookup = async () => ["127.0.0.9", "127.0.0.1"]
  const rows: [title: string, act: Misbehaviour, wanted: RegExp | null][] = [
    ["503", says("HTTP/1.1 503 No\r\n\r\n"), null],
    ["silence in its share of the time", () => {}, null],
    ["a refusal holds for all addresses", says("HTTP/1.1 403 No\r\n\r\n"), /upstream-proxy 403/],
  ]
  for (const [title, act, because] of rows)
    await t.test(title, async (t) => {
      const proxy = connectProxy()
      proxy.act = (socket, target) => {
        if (target.startsWith("127.0.0.9")) return act(socket, target)
        return "tunnel"
      }
      const sensor = await chained(t, {}, { lookup, limits: { "upstream-time": "2s" } }, proxy)
      const origin = await tlsOrigin(t)
      const client = await tlsThrough(sensor, `${name}:${origin.port}`)
      if (because) t.equal((await handshake(client)).ok, false)
      else t.match(await answered(client), /from the origin/)
      const attempt = await sensor.attempt()
      t.match(
        attempt,
        because ? { upstream: { reason: because } } : { destination_ip: "127.0.0.1" },
      )
      t.equal(proxy.asked.length, because ? 1 : 2)
    })
})

t.test("an https:// proxy is verified, and all goes through it", async (t) => {
  const certificate = originCertificate("proxy.test")
  for (const names of ["sensor", "proxy"])
    await t.test(`names: ${names}`, async (t) => {
      const proxy = connectProxy(certificate)
      const port = await listening(t, proxy.server)
      const sensor = await chained(
        t,
        { url: `https://proxy.test:${port}`, names },
        { rules: [{ name: "s", when: { sni: ["s.test"] }, do: "splice", cause: "operator" }] },
        connectProxy(),
      )
      const origin = await tlsOrigin(t)
      for (const contact of ["first", "remembered"])
        t.match(
          await answered(await tlsThrough(sensor, `${name}:${origin.port}`)),
          /from the origin/,
          contact,
        )
      t.match(await sensor.attempt(), { outcome: "accepted", upstream: { status: "verified" } })
      const spliced = await tlsThrough(sensor, `s.test:${origin.port}`, {
        ca: originCa.certPem,
        checkServerIdentity: () => undefined,
      })
      t.match(await answered(spliced), /from the origin/)
      t.match(await sensor.flow(), { verdict: "used" })
      const web = createHttpServer((_, response) => response.end("page"))
      const webPort = await listening(t, web)
      t.match(
        await said(sensor, `GET http://w.test:${webPort}/ HTTP/1.1\r\nHost: w.test\r\n`),
        /page/,
      )
      t.equal(proxy.asked.length, 4)
    })
  const rows: [title: string, url: (port: number) => string, because: RegExp][] = [
    ["for another name", (port) => `https://other.test:${port}`, /ALTNAME/],
    ["not https at all", (port) => `http://proxy.test:${port}`, /ECONNRESET|not-http|closed/],
  ]
  for (const [title, url, because] of rows)
    await t.test(`fails closed: ${title}`, async (t) => {
      const proxy = connectProxy(certificate)
      const port = await listening(t, proxy.server)
      const sensor = await chained(t, { url: url(port) })
      t.equal((await handshake(await tlsThrough(sensor, `${name}:443`))).ok, false)
      t.match(await sensor.attempt(), { outcome: "origin-failed", upstream: { reason: because } })
      t.strictSame(proxy.asked, [])
    })
})

for (const scheme of ["http", "https"])
  t.test(`an origin's end is told apart through an ${scheme}:// proxy as well`, async (t) => {
    const proxy = connectProxy(scheme === "https" ? originCertificate("proxy.test") : undefined)
    const url = `${scheme}://proxy.test:${await listening(t, proxy.server)}`
    const sensor = await chained(t, { url })
    for (const version of ["TLSv1.2", "TLSv1.3"] as const)
      for (const size of [5, 300_000])
        for (const clean of [true, false]) {
          const backend = createServer((raw) => {
            const socket = new TLSSocket(raw, { isServer: true, ...good, maxVersion: version })
            socket.on("error", () => {})
            socket.once("data", () => {
              if (clean) socket.end(Buffer.alloc(size))
              else socket.write(Buffer.alloc(size), () => raw.end())
            })
          })
          const client = await tlsThrough(sensor, `${name}:${await listening(t, backend)}`)
          t.ok((await handshake(client)).ok)
          const end = watchEnd(client, null)
          client.write("x")
          const { bytes } = await received(client)
          client.end()
          const title = `${clean ? "close_notify" : "bare FIN"} after ${size} bytes over ${version}`
          t.equal(bytes.length, size, title)
          // A FIN that the outer TLS hides in the same read counts as clean, never the other way.
          if (clean || scheme === "http") t.equal(end.truncated, !clean, title)
          t.match(await sensor.attempt(), { outcome: "accepted" })
        }
  })

t.test("a proxy that is being asked is let go when the connection ends", async (t) => {
  const proxy = connectProxy()
  const asked = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  proxy.act = (socket) => {
    socket.on("end", () => closed.resolve()).resume()
    asked.resolve()
  }
  const sensor = await chained(t, {}, {}, proxy)
  await tlsThrough(sensor, `${name}:443`)
  await asked.promise
  await sensor.sensor.close(0)
  await closed.promise
  t.match(await sensor.attempt(), { outcome: "abandoned", upstream: { status: "not-contacted" } })
  t.strictSame(sensor.troubles, [])
})

t.test("an answer to CONNECT is read as it comes", async (t) => {
  const rows: [text: string, answer: ReturnType<typeof readConnectAnswer>][] = [
    ["", "incomplete"],
    ["HTT", "incomplete"],
    ["HTTP/1.1 200 OK\r\nA: b\r\n", "incomplete"],
    ["HTTP/1.1 200\r\n\r\nmore", { status: 200, headBytes: 16 }],
    ["HTTP/1.0 204 x\n\nmore", { status: 204, headBytes: 16 }],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", { status: 200, headBytes: 44 }],
    ["HTTP/1.1 100 Continue\r\n\r\n", "incomplete"],
    ["HTTP/2 200\r\n\r\n", { fault: "not-http" }],
    ["HTTP/1.1 2x0 OK\r\n\r\n", { fault: "not-http" }],
    ["\r\nHTTP/1.1 200 OK\r\n\r\n", { fault: "not-http" }],
    [`HTTP/1.1 200 OK\r\n${"a".repeat(longestConnectHead)}`, { fault: "head-too-large" }],
    ["HTTP/1.1 100 C\r\n\r\n".repeat(1_000), { fault: "head-too-large" }],
  ]
  for (const [text, answer] of rows)
    t.strictSame(
      readConnectAnswer(Buffer.from(text, "latin1")),
      answer,
      JSON.stringify(text.slice(0, 40)),
    )
})

t.test(
  "settings that cannot be meant are refused, and no message repeats a password",
  async (t) => {
    const rows: [settings: Record<string, unknown>, message: RegExp][] = [
      [{ url: "proxy:3128" }, /http:\/\/HOST:PORT/],
      [{ url: "socks5://proxy:1080" }, /http:\/\/HOST:PORT/],
      [{ url: "http://me:s3cret@proxy:3128" }, /user-file/],
      [{ url: "http://proxy:3128/path" }, /no path/],
      [{ url: "http://proxy:3128", except: ["*"] }, /may only stand first/],
      [{ url: "http://proxy:3128", password: "s3cret" }, /password/],
    ]
    for (const [settings, message] of rows) {
      const { error } = UpstreamProxySettings.safeParse(settings)
      t.match(error?.message, message)
      t.notMatch(error?.message, /s3cret/)
    }
    t.match(upstreamProxyEndpoint(UpstreamProxySettings.parse({ url: "https://[2001:db8::1]" })), {
      tls: true,
      host: "2001:db8::1",
      port: 443,
    })
    t.equal(upstreamProxyUser("me:s3:cret\n"), "me:s3:cret")
    for (const text of ["", "me\n", ":x\n", "me:x\nmore\n", `me:${"x".repeat(2_000)}`])
      t.throws(() => upstreamProxyUser(text), { message: "one line is needed, user:password" })
  },
)

/** What comes back to a request; then the client goes. */
async function answered(client: TLSSocket): Promise<string> {
  const text = await ask(client)
  client.end()
  return text
}

/** What the sensor answers to a plain request, up to its end. */
async function said(sensor: { port: number }, head: string): Promise<string> {
  return (
    await received(
      await sent(sensor, `${head}${/upgrade/i.test(head) ? "" : "Connection: close\r\n"}`),
    )
  ).bytes.toString("latin1")
}

async function sent({ port }: { port: number }, head: string): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" })
  socket.on("error", () => {})
  socket.write(`${head}\r\n`)
  return socket
}
