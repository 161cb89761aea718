/** The explicit proxy's front: CONNECT, plain HTTP, upgrades, and who may use it. */
import {
  createServer as createHttpServer,
  request as httpRequest,
  type IncomingMessage,
} from "node:http"
import { connect, createServer, type Socket } from "node:net"
import t from "tap"
import { connectTarget } from "../../src/intercept/front.ts"
import {
  listening,
  pause,
  received,
  type TestSensor,
  testSensor,
  tunnel,
} from "../support/sensor.ts"

// Whatever the library would print is a failure of this file: see the last test.
const printed: string[] = []
for (const method of ["log", "error", "warn", "debug", "info"] as const)
  console[method] = (...words: unknown[]) => printed.push(words.join(" "))

const web = createHttpServer((request, response) => {
  const chunks: Buffer[] = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", () => {
    response.setHeader("x-path", request.url ?? "")
    response.setHeader(
      "x-proxy-headers",
      Object.keys(request.headers)
        .filter((name) => name.startsWith("proxy-"))
        .join(),
    )
    response.end(`${request.method} ${Buffer.concat(chunks).length}`)
  })
})
const webPort = await listening(t, web)

interface Answer {
  status: number
  headers: IncomingMessage["headers"]
  body: string
}

/** A request in absolute-form, as a browser sends it to its proxy. */
function through(
  sensor: TestSensor,
  url: string,
  { method = "GET", body = "" } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { host: new URL(url).host, "proxy-connection": "keep-alive" }
    const request = httpRequest({
      port: sensor.port,
      host: "127.0.0.1",
      method,
      path: url,
      headers,
    })
    request.on("error", reject)
    request.on("response", (response) => {
      let text = ""
      response.on("data", (chunk) => {
        text += chunk
      })
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      )
    })
    request.end(body)
  })
}

/** Sends bytes to the sensor and returns all that it says until it ends. */
async function said(sensor: TestSensor, bytes: string): Promise<string> {
  const socket = connect(sensor.port, "127.0.0.1")
  socket.on("error", () => {})
  socket.write(bytes)
  const { bytes: answer } = await received(socket)
  socket.destroy()
  return answer.toString("latin1")
}

t.test("plain HTTP is forwarded with its body, and without what was for the proxy", async (t) => {
  const sensor = await testSensor(t)
  const get = await through(sensor, `http://web.test:${webPort}/a?b=c`)
  t.match(get, {
    status: 200,
    body: "GET 0",
    headers: { "x-path": "/a?b=c", "x-proxy-headers": "" },
  })
  const post = await through(sensor, `http://web.test:${webPort}/`, {
    method: "POST",
    body: "x".repeat(100_000),
  })
  t.match(post, { status: 200, body: "POST 100000" })
  t.equal(sensor.sensor.counts.plain_http_requests, 2)
  t.equal(sensor.attempts.length, 0)
})

t.test("a client's connection outlives what the origin says of its own", async (t) => {
  const sensor = await testSensor(t)
  const closing = createHttpServer((_, response) => {
    response.writeHead(200, { connection: "close", "content-length": 2 }).end("ok")
  })
  const socket = connect(sensor.port, "127.0.0.1")
  const url = `http://web.test:${await listening(t, closing)}/`
  for (const _ of [1, 2]) {
    socket.write(`GET ${url} HTTP/1.1\r\nHost: web.test\r\n\r\n`)
    const answer = String(await new Promise((resolve) => socket.once("data", resolve)))
    t.match(answer, /^HTTP\/1.1 200 /)
    t.notMatch(answer, /connection: close/i)
  }
  socket.destroy()
})

t.test(
  "a large answer waits for a slow reader instead of filling the sensor's memory",
  async (t) => {
    const sensor = await testSensor(t)
    let sent = 0
    const flood = createServer((socket) => {
      socket.on("error", () => {})
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        const chunk = Buffer.alloc(65_536)
        const more = () => {
          while (sent < 100_000_000) {
            sent += chunk.length
            if (!socket.write(chunk)) return void socket.once("drain", more)
          }
        }
        more()
      })
    })
    const port = await listening(t, flood)
    const client = connect(sensor.port, "127.0.0.1")
    client.pause()
    client.write(`GET http://web.test:${port}/ HTTP/1.1\r\nHost: web.test\r\n\r\n`)
    for (let last = -1; last !== sent || sent === 0; ) {
      last = sent
      await pause(250)
    }
    t.ok(sent < 32_000_000, `${sent} bytes left the origin`)
    client.destroy()
  },
)

t.test(
  "fails closed: what the guard does not allow is not dialled, by whatever name it was reached",
  async (t) => {
    const sensor = await testSensor(t, {
      open: ["198.51.100.1/32"],
      lookup: async () => ["127.0.0.1"],
    })
    const connects = [
      "127.0.0.1",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "0.0.0.0",
      "169.254.169.254",
      "loopback.test",
      "localhost",
      "2130706433",
      "0x7f.1",
      "127.1",
    ]
    for (const host of connects)
      await t.test(`CONNECT ${host}`, async (t) => {
        t.match(
          await said(sensor, `CONNECT ${host}:${webPort} HTTP/1.1\r\nHost: x\r\n\r\n`),
          /^HTTP\/1.1 403 /,
        )
      })
    for (const host of ["127.0.0.1", "loopback.test"]) {
      await t.test(`plain HTTP to ${host}`, async (t) => {
        t.match(await through(sensor, `http://${host}:${webPort}/`), { status: 403, body: "" })
      })
      await t.test(`a WebSocket to ${host}`, async (t) => {
        t.match(
          await said(sensor, upgradeHead(`http://${host}:${webPort}/`, `${host}:${webPort}`)),
          /^HTTP\/1.1 403 /,
        )
      })
    }
    t.equal(sensor.sensor.counts.guarded, connects.length + 4)
    t.match(sensor.logs[0], {
      level: "warn",
      event: "destination-guarded",
      fields: { client_ip: "127.0.0.1", because: /loopback/ },
    })
    t.equal(sensor.attempts.length, 0)
  },
)

const upgradeHead = (target: string, host: string) =>
  `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\nProxy-Connection: keep-alive\r\n\r\n`

t.test("a plain WebSocket passes with its own headers, in both forms of the request", async (t) => {
  const sensor = await testSensor(t)
  const echo = createServer((socket: Socket) => {
    let head = ""
    socket.on("data", (chunk) => {
      if (head.endsWith("\r\n\r\n")) return socket.end(chunk)
      head += chunk
      const [first, ...lines] = head.split("\r\n")
      const kept = lines.filter((line) => /^(sec-websocket-protocol|proxy-)/i.test(line))
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nX-Saw: ${first} ${kept.join()}\r\n\r\n`)
    })
  })
  const host = `ws.test:${await listening(t, echo)}`
  for (const target of [`http://${host}/chat?x=1`, `ws://${host}/chat?x=1`, "/chat?x=1"]) {
    const socket = connect(sensor.port, "127.0.0.1")
    socket.write(upgradeHead(target, host))
    const head = String(await new Promise((resolve) => socket.once("data", resolve)))
    t.match(head, "X-Saw: GET /chat?x=1 HTTP/1.1 Sec-WebSocket-Protocol: chat\r\n")
    socket.write("frame")
    t.equal((await received(socket)).bytes.toString(), "frame")
    socket.destroy()
  }
})

t.test("a bad CONNECT target gets 400", async (t) => {
  const sensor = await testSensor(t)
  for (const target of [
    "host",
    "host:0",
    "host:65536",
    "host:http",
    "http://host:80",
    "a b:1",
    ":443",
    "[::1:443",
    "user@host:443",
    ".:443",
    "a..:443",
    "[:.]:443",
    "[abc]:443",
    "[192.0.2.1]:443",
  ])
    t.match(
      await said(sensor, `CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`),
      /^HTTP\/1.1 400 /,
      target,
    )
  t.same(connectTarget("EXAMPLE.org.:443"), { host: "example.org", port: 443 })
  t.same(connectTarget("[2001:DB8::1]:8443"), { host: "2001:db8::1", port: 8443 })
})

t.test("requests that cannot be forwarded get a status line and none of our words", async (t) => {
  const sensor = await testSensor(t, { limits: { "connect-head-time": "200ms" } })
  const odd = createServer((socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"))
  })
  const reset = createServer((socket) => socket.resetAndDestroy())
  const garbage = createServer((socket) => socket.end("no HTTP at all\r\n\r\n"))
  const at = async (server: ReturnType<typeof createServer>) =>
    `http://web.test:${await listening(t, server)}`
  const rows: [string, string, RegExp][] = [
    [
      "an oversize head",
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
      /^HTTP\/1.1 431 /,
    ],
    ["no HTTP at all", "\x16\x03\x01\x00\x05hello\r\n\r\n", /^HTTP\/1.1 400 /],
    ["a head that never ends", "GET / HTTP/1.1\r\nHost: x\r\n", /^HTTP\/1.1 408 /],
    ["nothing", "", /^HTTP\/1.1 408 /],
    [
      "a tab in the path",
      `GET http://web.test:${webPort}/a\tb HTTP/1.1\r\nHost: x\r\n\r\n`,
      /^HTTP\/1.1 400 /,
    ],
    ["no host", "GET / HTTP/1.0\r\n\r\n", /^HTTP\/1.1 400 /],
    [
      "a port out of range",
      "GET http://web.test:99999/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      /^HTTP\/1.1 (403|502) /,
    ],
    [
      "a name without an address",
      "GET http://nowhere.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
      /^HTTP\/1.1 502 /,
    ],
    [
      "an origin with status 099",
      `GET ${await at(odd)}/ HTTP/1.1\r\nHost: x\r\n\r\n`,
      /^HTTP\/1.1 502 /,
    ],
    [
      "an origin that resets",
      `GET ${await at(reset)}/ HTTP/1.1\r\nHost: x\r\n\r\n`,
      /^HTTP\/1.1 502 /,
    ],
    [
      "an origin that speaks no HTTP",
      `GET ${await at(garbage)}/ HTTP/1.1\r\nHost: x\r\n\r\n`,
      /^HTTP\/1.1 502 /,
    ],
    ["an upgrade to wss", upgradeHead(`wss://web.test:${webPort}/`, "web.test"), /^$/],
    ["an upgrade to another scheme", upgradeHead("ftp://web.test/", "web.test"), /^$/],
    [
      "an upgrade without a host",
      "GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      /^$|^HTTP\/1.1 400 /,
    ],
  ]
  for (const [title, request, expected] of rows)
    await t.test(title, async (t) => {
      const answer = await said(sensor, request)
      t.match(answer, expected)
      t.notMatch(answer, /error|ECONN|ENOTFOUND|node:|Parse|mitm|EGUARD/i)
    })
  t.match(
    await through(sensor, `http://web.test:${webPort}/`),
    { status: 200 },
    "and the sensor goes on",
  )
})

t.test("fails closed: who may not use the sensor is dropped unheard", async (t) => {
  const sensor = await testSensor(t, { clients: ["10.0.0.0/8"] })
  t.equal(await said(sensor, `CONNECT web.test:${webPort} HTTP/1.1\r\n\r\n`), "")
  t.match(sensor.sensor.counts, { accepted: 1, refused_client: 1, tunnels: 0 })
})

t.test(
  "fails closed: there is no room above the limits, and there is again once one has gone",
  async (t) => {
    for (const limits of [{ connections: 3 }, { "connections-per-client": 3 }])
      await t.test(Object.keys(limits).join(), async (t) => {
        const sensor = await testSensor(t, { limits })
        const open = await Promise.all([1, 2, 3].map(() => tunnel(sensor, `web.test:${webPort}`)))
        t.equal(await said(sensor, "GET / HTTP/1.1\r\n\r\n"), "")
        t.equal(sensor.sensor.counts.over_limit, 1)
        open[0]?.destroy()
        await sensor.attempt()
        await pause(20)
        const again = await tunnel(sensor, `web.test:${webPort}`)
        t.equal(sensor.sensor.open, 3)
        for (const socket of [...open, again]) socket.destroy()
      })
  },
)

t.test("closing waits for open connections until the deadline, then ends them", async (t) => {
  const sensor = await testSensor(t)
  const socket = await tunnel(sensor, `web.test:${webPort}`)
  const ended = received(socket)
  const began = performance.now()
  await sensor.sensor.close(150)
  t.ok(performance.now() - began >= 140)
  await ended
  t.equal(sensor.sensor.open, 0)
  t.match(sensor.attempts, [{ outcome: "abandoned" }], "and its record is there")
  const refused = await new Promise((resolve) =>
    connect(sensor.port, "127.0.0.1").once("error", resolve),
  )
  t.match(refused, { code: "ECONNREFUSED" })
})

t.test("nothing of all this was printed", async (t) => {
  t.same(printed, [])
})
