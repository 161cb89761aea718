/** Listeners behind a load balancer: what a PROXY protocol header says, and what happens without it. */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer as createHttpServer } from "node:http"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer, connect as tlsConnect } from "node:tls"
import t, { type Test } from "tap"
import { pair4, ssl, tlv, version2 } from "../observe/proxy-header-bytes.ts"
import { liveHello } from "../observe/real-hellos.ts"
import { testCa } from "../support/certificates.ts"
import { freePort, tcpAnswers } from "../support/free-port.ts"
import {
  ask,
  type Given,
  handshake,
  inspectionCa,
  listening,
  once,
  originCertificate,
  pause,
  received,
  type TestSensor,
  testSensor,
} from "../support/sensor.ts"

const secret = createServer(originCertificate("app.test"), (socket) => {
  socket.once("data", () => socket.end("hello"))
})
const originPort = await listening(t, secret)
const web = createHttpServer((request, response) => response.end(`plain ${request.url}`))
const webPort = await listening(t, web)

const relays = { "proxy-protocol-from": ["127.0.0.1"] }
const listeners: Given["listeners"] = [
  { name: "explicit", kind: "explicit", listen: "127.0.0.1:0", ...relays },
  { name: "balanced", kind: "relayed", listen: "127.0.0.1:0", ...relays },
]
const start = (t: Test, given: Given = {}) =>
  testSensor(t, { clients: ["192.0.2.0/24", "127.0.0.0/8"], listeners, ...given })
const portOf = ({ sensor }: TestSensor, name: string) => sensor.addresses[name]?.port ?? 0

/** A connection on which these bytes are the first. */
function say(port: number, bytes: Buffer | string, localAddress = "127.0.0.1"): Socket {
  const socket = connect({ port, host: "127.0.0.1", localAddress, noDelay: true })
  socket.on("error", () => {})
  socket.write(bytes)
  return socket
}

async function byteByByte(port: number, bytes: Buffer): Promise<Socket> {
  const socket = say(port, bytes.subarray(0, 1))
  for (const byte of bytes.subarray(1)) {
    await new Promise((resolve) => setImmediate(resolve))
    socket.write(Buffer.from([byte]))
  }
  return socket
}

const line = `PROXY TCP4 192.0.2.7 127.0.0.1 4321 ${originPort}\r\n`
const binary = (given: Parameters<typeof version2>[0] = {}) =>
  version2({ addresses: pair4("192.0.2.7", "127.0.0.1", [4321, originPort]), ...given })
const told = [tlv(2, "app.test"), tlv(5, "id-7"), ssl(0, tlv(0x22, "phone-7"))]
const connectHead = `CONNECT app.test:${originPort} HTTP/1.1\r\nHost: x\r\n\r\n`

const hello = (socket: Socket) =>
  tlsConnect({ socket, servername: "app.test", ca: inspectionCa.certPem })

const headers: Record<string, [header: Buffer, relayedBy: Record<string, unknown>]> = {
  "version 1": [
    Buffer.from(line),
    { proxy_ip: "127.0.0.1", authority: null, unique_id: null, client_cn: null },
  ],
  "version 2 with TLVs": [
    binary({ tlvs: told, checksum: "right" }),
    { proxy_ip: "127.0.0.1", authority: "app.test", unique_id: "69642d37", client_cn: "phone-7" },
  ],
}
for (const [name, [header, relayedBy]] of Object.entries(headers)) {
  const whole = { client_ip: "192.0.2.7", client_port: 4321, transport: "relayed" }
  const expected = { ...whole, relayed_by: relayedBy, outcome: "accepted" }

  t.test(`a relay's word about the client and its destination is taken: ${name}`, async (t) => {
    const sensor = await start(t)
    const client = hello(say(portOf(sensor, "balanced"), header))
    t.equal(await ask(client), "hello")
    t.match(await sensor.attempt(), {
      ...expected,
      connect_host: null,
      destination_ip: "127.0.0.1",
      destination_port: originPort,
      rtt_ms: null,
    })
  })

  t.test(`the header comes before CONNECT, in one segment or byte by byte: ${name}`, async (t) => {
    const sensor = await start(t)
    const bytes = Buffer.concat([header, Buffer.from(connectHead)])
    for (const socket of [
      say(sensor.port, bytes),
      await byteByByte(sensor.port, bytes),
      say(sensor.port, header),
    ]) {
      if (socket.bytesWritten === header.length) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        socket.write(connectHead)
      }
      t.match(String(await once(socket, "data")), /^HTTP\/1.1 200 /)
      t.equal(await ask(hello(socket)), "hello")
      t.match(await sensor.attempt(), { ...expected, connect_host: "app.test" })
    }
  })

  t.test(`plain HTTP may follow the header as well: ${name}`, async (t) => {
    const sensor = await start(t)
    const request = `GET http://app.test:${webPort}/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    const socket = say(sensor.port, Buffer.concat([header, Buffer.from(request)]))
    t.match((await received(socket)).bytes.toString(), /plain \/a/)
    t.equal(sensor.sensor.counts.plain_http, 1)
  })
}

t.test("a ClientHello may come in the same segment as the header and CONNECT", async (t) => {
  const sensor = await start(t)
  const clientHello = await liveHello({ servername: "app.test" })
  const socket = say(sensor.port, Buffer.concat([binary(), Buffer.from(connectHead), clientHello]))
  await once(socket, "data")
  socket.destroy()
  t.match(await sensor.attempt(), { client_ip: "192.0.2.7", sni: "app.test", hello_fault: null })
})

const closed: Record<string, [listener: string, bytes: Buffer | string, because: RegExp]> = {
  "no header, on an explicit listener": ["explicit", connectHead, /no PROXY protocol header/],
  "no header, on a relayed one": ["balanced", "\x16\x03\x01", /no PROXY protocol header/],
  "a broken header": ["balanced", "PROXY TCP4 1.2.3.4\r\n", /cannot be read/],
  "a wrong checksum": ["explicit", binary({ checksum: "wrong" }), /checksum/],
}
for (const [name, [listener, bytes, because]] of Object.entries(closed))
  t.test(
    `fails closed: a relay that does not say who the client is, is not served: ${name}`,
    async (t) => {
      const sensor = await start(t)
      const { bytes: answer } = await received(say(portOf(sensor, listener), bytes))
      t.equal(answer.length, 0)
      t.equal(sensor.sensor.counts.bad_relay_header, 1)
      t.match(sensor.logs, [
        { level: "warn", event: "relay-header-bad", fields: { listener, because, times: 1 } },
      ])
      t.same(sensor.attempts, [])
    },
  )

t.test("a header that does not come in time is a broken one, and its log is bounded", async (t) => {
  const sensor = await start(t, { limits: { "connect-head-time": "50ms" } })
  const slow = [1, 2, 3].map(() => say(portOf(sensor, "balanced"), "PROXY TC"))
  await Promise.all(slow.map(received))
  t.equal(sensor.sensor.counts.bad_relay_header, 3)
  t.match(sensor.logs, [{ event: "relay-header-bad", fields: { because: "no header in time" } }])
  t.equal(sensor.logs.length, 1)
})

t.test("a relay's own connections are closed quietly and are no attempts", async (t) => {
  const sensor = await start(t)
  await received(
    say(sensor.port, version2({ versionAndCommand: 0x20, addresses: Buffer.alloc(0) })),
  )
  await received(say(portOf(sensor, "balanced"), "PROXY UNKNOWN\r\n"))
  const check = connect({ port: portOf(sensor, "balanced"), host: "127.0.0.1" })
  await once(check, "connect")
  check.write(`PROXY TCP4 127.0.0.1 127.0.0.1 ${check.localPort} ${originPort}\r\n`)
  await received(check)
  const probe = say(portOf(sensor, "balanced"), "")
  await once(probe, "connect")
  probe.end()
  await received(probe)
  t.match(sensor.sensor.counts, { accepted: 4, relay_local: 3, no_request: 1, tunnels: 0 })
  t.same(sensor.logs, [])
})

t.test("from anybody else no header is read", async (t) => {
  const sensor = await start(t)
  const other = "127.0.0.2"
  await received(say(portOf(sensor, "balanced"), line, other))
  t.equal(sensor.sensor.counts.refused_client, 1, "a relayed listener serves relays alone")
  t.match(
    (await received(say(sensor.port, line + connectHead, other))).bytes.toString(),
    /^HTTP\/1.1 400 /,
  )
  const socket = say(sensor.port, connectHead, other)
  t.match(String(await once(socket, "data")), /^HTTP\/1.1 200 /)
  socket.destroy()
  t.match(await sensor.attempt(), {
    client_ip: other,
    transport: "direct",
    relayed_by: null,
  })
})

t.test(
  "who may use the sensor, and how often, goes by the client and not by the relay",
  async (t) => {
    const sensor = await start(t, {
      clients: ["192.0.2.0/24"],
      limits: { "connections-per-client": 1 },
    })
    const from = (client: string) =>
      version2({ addresses: pair4(client, "127.0.0.1", [1, originPort]) })
    const port = portOf(sensor, "balanced")
    await received(say(port, from("203.0.113.1")))
    t.equal(sensor.sensor.counts.refused_client, 1)
    const first = hello(say(port, from("192.0.2.1")))
    t.match(await handshake(first), { ok: true })
    await received(say(port, from("192.0.2.1")))
    t.equal(sensor.sensor.counts.over_limit, 1)
    const other = hello(say(port, from("192.0.2.2")))
    t.match(await handshake(other), { ok: true }, "another client of the same relay has room")
    first.destroy()
    other.destroy()
  },
)

t.test("fails closed: the guard holds for a destination that a relay names", async (t) => {
  const sensor = await start(t)
  const to = (address: string) => version2({ addresses: pair4("192.0.2.7", address) })
  await received(say(portOf(sensor, "balanced"), to("169.254.169.254")))
  t.equal(sensor.sensor.counts.guarded, 1)
  t.match(sensor.logs, [
    {
      event: "destination-guarded",
      fields: { client_ip: "192.0.2.7", host: "169.254.169.254", because: /link-local/ },
    },
  ])
  t.same(sensor.attempts, [])
})

t.test("behind a relay a close or a reset is weak evidence, an alert is not", async (t) => {
  const sensor = await start(t)
  const port = portOf(sensor, "balanced")
  const clientHello = await liveHello({ servername: "app.test" })
  const rows: [string, (raw: Socket) => void, Record<string, unknown>][] = [
    ["FIN", (raw) => raw.end(), { outcome: "refused-close", strength: "weak" }],
    ["RST", (raw) => raw.resetAndDestroy(), { outcome: "refused-reset", strength: "weak" }],
    [
      "alert 46",
      (raw) => raw.end(Buffer.from([21, 3, 3, 0, 2, 2, 46])),
      { outcome: "refused-alert", alert: 46, strength: "strong" },
    ],
  ]
  for (const [name, stop, expected] of rows)
    await t.test(name, async (t) => {
      const raw = say(port, Buffer.concat([Buffer.from(line), clientHello]))
      await once(raw, "data")
      raw.pause()
      stop(raw)
      t.match(await sensor.attempt(), { ...expected, rtt_ms: null, retransmits: null })
    })
  await t.test("Finished, and silence", async (t) => {
    const silent = hello(say(port, line))
    t.match(await handshake(silent), { ok: true })
    silent.end()
    t.match(await sensor.attempt(), { outcome: "refused-after-handshake", strength: "weak" })
  })
})

const haproxy = spawnSync("haproxy", ["-v"]).status === 0
const skip = haproxy ? false : "needs haproxy"

t.test("a real haproxy says with version 1 who the client is", { skip }, async (t) => {
  const sensor = await start(t)
  const port = await haproxyTo(t, sensor.port, "", "send-proxy")
  const socket = say(port, connectHead, "127.0.0.3")
  t.match(String(await once(socket, "data")), /^HTTP\/1.1 200 /)
  const { localPort } = socket
  t.equal(await ask(hello(socket)), "hello")
  t.match(await sensor.attempt(), {
    client_ip: "127.0.0.3",
    client_port: localPort,
    transport: "relayed",
    relayed_by: { proxy_ip: "127.0.0.1", authority: null, unique_id: null, client_cn: null },
  })
})

t.test(
  "a real haproxy names with version 2 the destination that it was set",
  { skip },
  async (t) => {
    const sensor = await start(t)
    const port = await haproxyTo(
      t,
      portOf(sensor, "balanced"),
      `tcp-request connection set-dst str(127.0.0.1)
     tcp-request connection set-dst-port int(${originPort})`,
      "send-proxy-v2 proxy-v2-options crc32c",
    )
    const socket = say(port, "", "127.0.0.4")
    await once(socket, "connect")
    const { localPort } = socket
    t.equal(await ask(hello(socket)), "hello")
    t.match(await sensor.attempt(), {
      client_ip: "127.0.0.4",
      client_port: localPort,
      destination_ip: "127.0.0.1",
      destination_port: originPort,
      connect_host: null,
    })
  },
)

t.test("a real haproxy tells of the TLS that it ended: an HTTPS proxy", { skip }, async (t) => {
  const sensor = await start(t)
  const ca = await testCa()
  t.teardown(() => ca.remove())
  const [own, phone] = [
    await ca.issue("proxy", "DNS:proxy.test"),
    await ca.issue("phone-7", "DNS:p"),
  ]
  const both = `${own.cert}.both`
  writeFileSync(both, readFileSync(own.cert, "utf8") + readFileSync(own.key, "utf8"))
  const port = await haproxyTo(
    t,
    sensor.port,
    "unique-id-format id-7",
    "send-proxy-v2 proxy-v2-options ssl,cert-cn,authority,unique-id",
    `ssl crt ${both} ca-file ${ca.file} verify required`,
  )
  const outer = tlsConnect({
    socket: connect({ port, host: "127.0.0.1", localAddress: "127.0.0.5" }),
    servername: "proxy.test",
    ca: readFileSync(ca.file),
    cert: readFileSync(phone.cert),
    key: readFileSync(phone.key),
  })
  outer.write(connectHead)
  t.match(String(await once(outer, "data")), /^HTTP\/1.1 200 /)
  t.equal(await ask(hello(outer)), "hello")
  t.match(await sensor.attempt(), {
    client_ip: "127.0.0.5",
    relayed_by: {
      proxy_ip: "127.0.0.1",
      authority: "proxy.test",
      unique_id: Buffer.from("id-7").toString("hex"),
      client_cn: "phone-7",
    },
  })
})

t.test("a real haproxy's health checks are no attempts", { skip }, async (t) => {
  for (const option of ["send-proxy", "send-proxy-v2"]) {
    const sensor = await start(t)
    await haproxyTo(t, portOf(sensor, "balanced"), "", `${option} check inter 50ms`)
    while (sensor.sensor.counts.accepted < 3 || sensor.sensor.open > 0) await pause(5)
    const { accepted, relay_local, no_request } = sensor.sensor.counts
    t.equal(accepted, relay_local + no_request)
    t.same([sensor.attempts, sensor.logs], [[], []])
  }
})

/** The port of a haproxy in TCP mode before the sensor; it ends with the test. */
async function haproxyTo(
  t: Test,
  to: number,
  rules: string,
  option: string,
  bind = "",
): Promise<number> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), "pinsensor-haproxy-"))
  const file = join(folder, "haproxy.cfg")
  writeFileSync(
    file,
    `defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen it
  bind 127.0.0.1:${port} ${bind}
  tcp-request connection reject if { src 127.0.0.1 }
  ${rules}
  server sensor 127.0.0.1:${to} ${option}
`,
  )
  const child = spawn("haproxy", ["-db", "-f", file], { stdio: ["ignore", "ignore", "pipe"] })
  t.teardown(() => {
    child.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  })
  await tcpAnswers(port, child)
  return port
}
