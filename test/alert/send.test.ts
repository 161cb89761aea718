import dgram from "node:dgram"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import net from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import tls from "node:tls"
import { type Logger, pino } from "pino"
import t, { type Test } from "tap"
import { LogSink } from "../../src/alert/log-sink.ts"
import { type SenderTiming, SyslogSender } from "../../src/alert/send.ts"
import { SyslogSettings } from "../../src/alert/settings.ts"
import { testCa } from "../support/certificates.ts"
import { freePort } from "../support/free-port.ts"
import { type MemoryOutbox, memoryOutbox } from "./memory-outbox.ts"
import { alert } from "./samples.ts"

const silent = pino({ level: "silent" })
const quick: Partial<SenderTiming> = {
  graceMs: 60,
  pollMs: 50,
  backoff: { firstMs: 20, maxMs: 100 },
}

t.test("alerts arrive in order and are marked as sent, with either framing", async (t) => {
  for (const framing of ["octet-counting", "lf"] as const) {
    const receiver = await startReceiver({ framing })
    const outbox = memoryOutbox()
    outbox.put("a1", "a2")
    const sender = start(t, { port: receiver.port, framing }, outbox)
    await until(() => outbox.waiting().length === 0)
    outbox.put("a3")
    sender.wake()
    await until(() => outbox.waiting().length === 0)
    t.same(receiver.ids, ["a1", "a2", "a3"], framing)
    t.equal(receiver.connections, 1, "over one connection")
    t.same(sender.status(), { reachable: true, last_error: null, sent_total: 3, failed_total: 0 })
    await sender.close(500)
    await receiver.stop()
  }
})

t.test("an absent receiver loses no alert, and order is kept when it comes", async (t) => {
  const port = await freePort()
  const outbox = memoryOutbox()
  outbox.put("a1", "a2", "a3")
  const sender = start(t, { port }, outbox)
  await until(() => outbox.errors.length >= 3)
  t.match(outbox.errors[0], "ECONNREFUSED")
  t.equal(sender.status().reachable, false)
  t.same(outbox.marked, [])
  const receiver = await startReceiver({ port })
  await until(() => outbox.waiting().length === 0)
  t.same(receiver.ids, ["a1", "a2", "a3"])
  t.equal(sender.status().reachable, true)
  await sender.close(500)
  await receiver.stop()
})

t.test(
  "a receiver that restarts mid-stream gets every alert at least once, in order",
  async (t) => {
    const port = await freePort()
    const outbox = memoryOutbox()
    const sender = start(t, { port }, outbox)
    const seen: string[] = []
    const all: string[] = []
    for (let round = 0; round < 4; round++) {
      const receiver = await startReceiver({ port })
      for (let index = 0; index < 40; index++) {
        const id = `a${round}-${index}`
        all.push(id)
        outbox.put(id)
        if (index % 10 === 0) {
          sender.wake()
          await sleep(15)
        }
      }
      await receiver.stop({ reset: round % 2 === 0 })
      seen.push(...receiver.ids)
    }
    const receiver = await startReceiver({ port })
    await until(() => outbox.waiting().length === 0)
    await sender.close(500)
    await receiver.stop()
    seen.push(...receiver.ids)
    t.same([...new Set(seen)], all, "each came, and for the first time in order")
  },
)

t.test("a receiver that closes while nothing is sent swallows no alert", async (t) => {
  const receiver = await startReceiver()
  const outbox = memoryOutbox()
  outbox.put("a1")
  const sender = start(t, { port: receiver.port }, outbox)
  await until(() => outbox.waiting().length === 0)
  receiver.hangUp()
  await sleep(20)
  outbox.put("a2")
  sender.wake()
  await until(() => outbox.waiting().length === 0)
  t.same(receiver.ids, ["a1", "a2"])
  t.same(outbox.errors, [], "and that is no failure")
  await sender.close(500)
  await receiver.stop()
})

t.test("a receiver that hangs up after each message still gets all of them", async (t) => {
  for (const [hangUpAfterEach, most] of [
    ["close", 6],
    ["half-close", 11],
  ] as const) {
    const receiver = await startReceiver({ hangUpAfterEach })
    const outbox = memoryOutbox()
    outbox.put("a1", "a2", "a3", "a4", "a5")
    const sender = start(t, { port: receiver.port }, outbox)
    await until(() => outbox.waiting().length === 0)
    t.same([...new Set(receiver.ids)], ["a1", "a2", "a3", "a4", "a5"], hangUpAfterEach)
    t.ok(receiver.ids.length <= most, `${receiver.ids.length} messages: no endless repetition`)
    await sender.close(500)
    await receiver.stop()
  }
})

t.test(
  "a receiver that accepts and hangs up unread is never taken for one that read",
  async (t) => {
    for (const how of ["at once", "with the message unread"] as const) {
      const server = net.createServer({ pauseOnConnect: true }, (socket) => {
        socket.on("error", () => {})
        if (how === "at once") socket.destroy()
        else setTimeout(() => socket.destroy(), 20)
      })
      const port = await listen(server)
      const outbox = memoryOutbox()
      outbox.put("a1", "a2")
      const sender = start(t, { port }, outbox)
      await until(() => outbox.errors.length >= 4)
      t.same(outbox.marked, [], how)
      await sender.close(200)
      server.close()
    }
  },
)

t.test("a receiver that half-closes and goes on reading is not flooded", async (t) => {
  const receiver = await startReceiver({ halfClose: true })
  const outbox = memoryOutbox()
  outbox.put("a1")
  const sender = start(t, { port: receiver.port }, outbox)
  await until(() => outbox.waiting().length === 0)
  await sleep(100)
  t.same(receiver.ids, ["a1", "a1"], "once more, to ask whether the connection still lives")
  await sender.close(500)
  await receiver.stop()
})

t.test("a receiver that never reads holds the alerts in the outbox, not in memory", async (t) => {
  const sockets: net.Socket[] = []
  const server = net.createServer({ pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {})
    sockets.push(socket)
  })
  const port = await listen(server)
  const outbox = memoryOutbox()
  const ids = Array.from({ length: 20_000 }, (_, index) => `a${index}`)
  outbox.put(...ids)
  const sender = start(t, { port }, outbox, { graceMs: 1, writeMs: 300 })
  await until(() => outbox.errors.length >= 1, 20_000)
  t.match(outbox.errors[0], "does not read")
  t.ok(outbox.waiting().length > 0, `${outbox.waiting().length} wait`)
  const waiting = outbox.waiting()
  t.same(waiting, ids.slice(-waiting.length), "the rest, in order")
  await sender.close(100)
  for (const socket of sockets) socket.destroy()
  server.close()
})

t.test(
  "closing sends what is there, and gives up at the deadline without a receiver",
  async (t) => {
    const receiver = await startReceiver()
    const outbox = memoryOutbox()
    const sender = start(t, { port: receiver.port }, outbox, { pollMs: 60_000 })
    await sleep(30)
    outbox.put("a1", "a2")
    await sender.close(2_000)
    t.same(receiver.ids, ["a1", "a2"])
    t.same(outbox.waiting(), [])
    outbox.put("a3")
    sender.wake()
    await receiver.stop()

    // A receiver that never answers the TLS handshake stands in for one that is not reachable at all.
    const hole = net.createServer({ pauseOnConnect: true }, (socket) =>
      socket.on("error", () => {}),
    )
    const port = await listen(hole)
    const lost = memoryOutbox()
    lost.put("b1")
    const tlsToNobody = start(t, { port, transport: "tls" }, lost)
    const before = Date.now()
    await tlsToNobody.close(100)
    t.ok(Date.now() - before < 1_500, "the deadline holds")
    t.same(lost.waiting(), ["b1"], "the alert stays in the outbox")
    hole.close()
  },
)

t.test("an outbox that fails stops nothing but the sending, which goes on later", async (t) => {
  const receiver = await startReceiver()
  const outbox = memoryOutbox()
  outbox.put("a1")
  let locked = 3
  const due: MemoryOutbox["due"] = (...ask) => {
    if (locked-- > 0) throw new Error("database is locked")
    return outbox.due(...ask)
  }
  const sender = start(t, { port: receiver.port }, { ...outbox, due })
  await until(() => outbox.waiting().length === 0)
  t.same(receiver.ids, ["a1"])
  await sender.close(500)
  await receiver.stop()
})

t.test("a crash between delivery and mark brings the alert again under the same id", async (t) => {
  const receiver = await startReceiver()
  const outbox = memoryOutbox()
  outbox.put("a1", "a2")
  let crashes = 1
  const sent: MemoryOutbox["sent"] = (...mark) => {
    if (crashes-- > 0) throw new Error("killed")
    outbox.sent(...mark)
  }
  const sender = start(t, { port: receiver.port }, { ...outbox, sent })
  await until(() => outbox.waiting().length === 0)
  t.same(receiver.ids, ["a1", "a2", "a1", "a2"])
  await sender.close(500)
  await receiver.stop()
})

t.test("over UDP each alert is one datagram of at most 2048 bytes", async (t) => {
  const receiver = await startUdpReceiver()
  const outbox = memoryOutbox()
  const ids = Array.from({ length: 40 }, (_, index) => `a${index}`)
  outbox.put(...ids)
  const sender = start(t, { port: receiver.port, transport: "udp" }, outbox, { graceMs: 20 })
  await until(() => outbox.waiting().length === 0)
  t.same(receiver.ids, ids)
  t.ok(Math.max(...receiver.sizes) <= 2_048)
  await sender.close(500)
  receiver.stop()
})

t.test("over UDP a closed port is a failure, and the alert is sent again", async (t) => {
  const port = await freePort()
  const outbox = memoryOutbox()
  outbox.put("a1")
  const sender = start(t, { port, transport: "udp" }, outbox)
  await until(() => outbox.errors.length >= 2)
  t.match(outbox.errors[0], "ECONNREFUSED")
  t.same(outbox.marked, [])
  const receiver = await startUdpReceiver(port)
  await until(() => outbox.waiting().length === 0)
  t.same(receiver.ids, ["a1"])
  await sender.close(500)
  receiver.stop()
})

t.test("TLS", async (t) => {
  const ca = await testCa()
  const other = await testCa()
  t.teardown(() => Promise.all([ca.remove(), other.remove()]))
  const [good, otherName, ours, theirs] = await Promise.all([
    ca.issue("receiver", "IP:127.0.0.1"),
    ca.issue("elsewhere", "DNS:log.example"),
    ca.issue("sensor", "DNS:sensor.example"),
    other.issue("stranger", "IP:127.0.0.1"),
  ])
  const mutual = { ...good, ca: ca.file }

  t.test("a receiver whose certificate our CA issued gets the alerts", async (t) => {
    const receiver = await startReceiver({ tls: good })
    const outbox = memoryOutbox()
    outbox.put("a1", "a2")
    const sender = start(t, { port: receiver.port, transport: "tls", ca: ca.file }, outbox)
    await until(() => outbox.waiting().length === 0)
    t.same(receiver.ids, ["a1", "a2"])
    await sender.close(500)
    await receiver.stop()
  })

  t.test("a receiver with a wrong certificate gets no byte of an alert", async (t) => {
    const rows: [string, { cert: string; key: string }, object, RegExp][] = [
      ["issued by a stranger", theirs, { ca: ca.file }, /certificate .* is refused .* set ca/],
      ["for another name", otherName, { ca: ca.file }, /for another name; set server-name/],
      ["no CA given", good, {}, /certificate .* is refused .* set ca/],
    ]
    for (const [name, files, with_, words] of rows) {
      const receiver = await startReceiver({ tls: files })
      const outbox = memoryOutbox()
      outbox.put("a1")
      const sender = start(t, { port: receiver.port, transport: "tls", ...with_ }, outbox)
      await until(() => outbox.errors.length >= 2)
      t.match(outbox.errors[0], words, name)
      t.same(receiver.ids, [], name)
      t.same(outbox.marked, [], name)
      await sender.close(200)
      await receiver.stop()
    }
  })

  t.test("server-name says which name the certificate must carry", async (t) => {
    const receiver = await startReceiver({ tls: otherName })
    const outbox = memoryOutbox()
    outbox.put("a1")
    const named = { ca: ca.file, "server-name": "log.example" }
    const sender = start(t, { port: receiver.port, transport: "tls", ...named }, outbox)
    await until(() => outbox.waiting().length === 0)
    t.same(receiver.ids, ["a1"])
    await sender.close(500)
    await receiver.stop()
  })

  t.test("a receiver that asks for our certificate gets alerts only with it", async (t) => {
    const receiver = await startReceiver({ tls: mutual })
    const outbox = memoryOutbox()
    outbox.put("a1")
    const target = { port: receiver.port, transport: "tls" as const, ca: ca.file }
    const without = start(t, target, outbox)
    await until(() => outbox.errors.length >= 2)
    t.same(outbox.marked, [], "TLS 1.3 refuses after our handshake is done: that counts as failure")
    await without.close(200)
    const sender = start(t, { ...target, ...ours }, outbox)
    await until(() => outbox.waiting().length === 0)
    t.same(receiver.ids, ["a1"])
    await sender.close(500)
    await receiver.stop()
  })

  t.test("a TLS receiver that hangs up after each message still gets all of them", async (t) => {
    const receiver = await startReceiver({ tls: good, hangUpAfterEach: "half-close" })
    const outbox = memoryOutbox()
    outbox.put("a1", "a2", "a3")
    const sender = start(t, { port: receiver.port, transport: "tls", ca: ca.file }, outbox)
    await until(() => outbox.waiting().length === 0)
    t.same([...new Set(receiver.ids)], ["a1", "a2", "a3"])
    t.ok(receiver.ids.length <= 7, `${receiver.ids.length} messages: each at most twice`)
    await sender.close(500)
    await receiver.stop()
  })

  t.test("a certificate file that cannot be read is named", async (t) => {
    const outbox = memoryOutbox()
    outbox.put("a1")
    const sender = start(t, { port: 1, transport: "tls", ca: `${ca.file}.gone` }, outbox)
    await until(() => outbox.errors.length >= 1)
    t.match(outbox.errors[0], "operator: syslog ca file")
    await sender.close(200)
  })
})

t.test("without a syslog target an alert is one line of the log, and then sent", async (t) => {
  const lines: { alert?: unknown }[] = []
  const log = pino({ base: null }, { write: (line) => lines.push(JSON.parse(line)) }) as Logger
  const outbox = memoryOutbox()
  outbox.put("a1")
  const sink = new LogSink({ outbox, log, now: Date.now, pollMs: 20 })
  sink.start()
  outbox.put("a2")
  await until(() => outbox.waiting().length === 0)
  await sink.close(0)
  t.match(lines, [
    { msg: "alert", alert: { id: "a1", analytic: "AN1725" } },
    { msg: "alert", alert: { id: "a2" } },
  ])
  t.same(lines[0]?.alert, alert({ id: "a1" }))
})

type Target = Partial<SyslogSettings> & { port: number }

function start(
  t: Pick<Test, "teardown">,
  target: Target,
  outbox: ConstructorParameters<typeof SyslogSender>[0]["outbox"],
  timing: Partial<SenderTiming> = {},
): SyslogSender {
  const sender = new SyslogSender({
    sink: "test",
    settings: SyslogSettings.parse({ transport: "tcp", host: "127.0.0.1", ...target }),
    outbox,
    origin: { hostname: "sensor-1", procid: "1" },
    log: silent,
    now: Date.now,
    random: () => 0.5,
    timing: { ...quick, ...timing },
  })
  sender.start()
  t.teardown(() => sender.close(0))
  return sender
}

interface Receiver {
  port: number
  /** Alert ids as they came, repetitions included. */
  ids: string[]
  connections: number
  hangUp(): void
  stop(how?: { reset: boolean }): Promise<void>
}

interface ReceiverOptions {
  port?: number
  framing?: "octet-counting" | "lf"
  hangUpAfterEach?: "close" | "half-close"
  halfClose?: boolean
  tls?: { cert: string; key: string; ca?: string }
}

/** A TCP or TLS receiver that reads frames as RFC 6587 says. */
async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const sockets = new Set<net.Socket>()
  const onConnection = (socket: net.Socket) => {
    receiver.connections += 1
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
    socket.on("error", () => {})
    let unread = ""
    socket.on("data", (bytes: Buffer) => {
      unread += bytes.toString("latin1")
      for (;;) {
        const cut = options.framing === "lf" ? cutLine(unread) : cutCounted(unread)
        if (!cut) return
        unread = cut.rest
        receiver.ids.push(alertId(cut.message))
        if (options.hangUpAfterEach === "close") return void socket.destroy()
        if (options.hangUpAfterEach === "half-close") return void socket.end()
        if (options.halfClose) socket.end()
      }
    })
  }
  const files = options.tls
  const server = files
    ? tls.createServer(
        {
          allowHalfOpen: options.halfClose === true,
          cert: readFileSync(files.cert),
          key: readFileSync(files.key),
          ...(files.ca ? { ca: readFileSync(files.ca), requestCert: true } : {}),
        },
        onConnection,
      )
    : net.createServer({ allowHalfOpen: options.halfClose === true }, onConnection)
  server.on("tlsClientError", () => {})
  const receiver: Receiver = {
    port: 0,
    ids: [],
    connections: 0,
    hangUp: () => {
      for (const socket of sockets) socket.end()
    },
    stop: async (how) => {
      const closed = once(server, "close")
      server.close()
      for (const socket of sockets) {
        if (how?.reset) socket.resetAndDestroy()
        else socket.destroy()
      }
      await closed
    },
  }
  receiver.port = await listen(server, options.port)
  return receiver
}

function cutCounted(stream: string): { message: string; rest: string } | null {
  const [, count] = /^(\d+) /.exec(stream) ?? []
  if (count === undefined) return null
  const end = count.length + 1 + Number(count)
  if (stream.length < end) return null
  return { message: stream.slice(count.length + 1, end), rest: stream.slice(end) }
}

function cutLine(stream: string): { message: string; rest: string } | null {
  const end = stream.indexOf("\n")
  return end < 0 ? null : { message: stream.slice(0, end), rest: stream.slice(end + 1) }
}

function alertId(message: string): string {
  return /alert_id="([^"]+)"/.exec(message)?.[1] ?? "none"
}

async function startUdpReceiver(port = 0) {
  const socket = dgram.createSocket("udp4")
  const ids: string[] = []
  const sizes: number[] = []
  socket.on("message", (message) => {
    ids.push(alertId(message.toString()))
    sizes.push(message.length)
  })
  socket.bind(port, "127.0.0.1")
  await once(socket, "listening")
  return { port: socket.address().port, ids, sizes, stop: () => socket.close() }
}

async function listen(server: net.Server, port = 0): Promise<number> {
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  return (server.address() as net.AddressInfo).port
}

async function until(so: () => boolean, ms = 10_000): Promise<void> {
  for (const end = Date.now() + ms; !so(); await sleep(10)) {
    if (Date.now() > end) throw new Error("did not come to pass in time")
  }
}
