/** Bytes between an accepted client and its origin: whole, bounded, and ended as they were ended. */
import { createHash, randomBytes } from "node:crypto"
import { readdirSync } from "node:fs"
import { createServer as createTcpServer, type Socket } from "node:net"
import { Duplex } from "node:stream"
import { setTimeout as delay } from "node:timers/promises"
import { createServer as createTlsServer, type TLSSocket } from "node:tls"
import t from "tap"
import { liveHello } from "../observe/real-hellos.ts"
import {
  handshake,
  listening,
  originCertificate,
  pause,
  received,
  type TestSensor,
  testSensor,
  tlsThrough,
  tunnel,
} from "../support/sensor.ts"

const name = "relay.test"
const good = originCertificate(name)
const MiB = 1024 * 1024
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex")

async function server(
  t: { teardown(fn: () => unknown): void },
  act: (socket: TLSSocket) => void,
): Promise<string> {
  const options = { ...good, allowHalfOpen: true }
  return `${name}:${await listening(t, createTlsServer(options, act))}`
}

async function connected(sensor: TestSensor, target: string): Promise<TLSSocket> {
  const client = await tlsThrough(sensor, target, { allowHalfOpen: true } as object)
  const { ok, error } = await handshake(client)
  if (!ok) throw new Error(error)
  return client
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !what(); i++) await delay(10)
}

t.test("16 MiB arrive intact in both directions at once", async (t) => {
  const sensor = await testSensor(t)
  const [up, down] = [randomBytes(16 * MiB), randomBytes(16 * MiB)]
  let uploaded = ""
  const target = await server(t, (socket) => {
    const hash = createHash("sha256")
    socket.on("data", (chunk) => hash.update(chunk))
    socket.on("end", () => {
      uploaded = hash.digest("hex")
    })
    socket.end(down)
  })
  const client = await connected(sensor, target)
  client.end(up)
  const { bytes } = await received(client)
  await until(() => uploaded !== "")
  t.equal(sha256(bytes), sha256(down))
  t.equal(uploaded, sha256(up))
  t.match(await sensor.attempt(), {
    outcome: "accepted",
    client_app_bytes: up.length,
    delivered_app_bytes: down.length,
  })
})

t.test("either side may end its half and go on listening", async (t) => {
  const sensor = await testSensor(t)
  await t.test("the client ends first", async (t) => {
    const target = await server(t, (socket) => {
      let got = ""
      socket.on("data", (chunk) => {
        got += chunk
      })
      socket.on("end", () => setTimeout(() => socket.end(`you said ${got}`), 30))
    })
    for (const contact of ["first", "remembered"]) {
      const client = await connected(sensor, target)
      client.end("all of it")
      t.equal((await received(client)).bytes.toString(), "you said all of it", contact)
      t.match(await sensor.attempt(), { outcome: "accepted", ended_by: "client" })
    }
  })
  await t.test("the origin ends first", async (t) => {
    let got = ""
    const target = await server(t, (socket) => {
      socket.on("data", (chunk) => {
        got += chunk
      })
      socket.end("that is all")
    })
    const client = await connected(sensor, target)
    t.equal((await received(client)).bytes.toString(), "that is all")
    client.end("still talking")
    await until(() => got !== "")
    t.equal(got, "still talking")
    await sensor.attempt()
  })
})

t.test("a slow reader slows the sender down instead of filling the sensor's memory", async (t) => {
  const sensor = await testSensor(t)
  const chunk = Buffer.alloc(64 * 1024)
  const most = 100 * MiB
  /** Writes as fast as it is taken, up to `most`; tells how much was taken. */
  const flood = (socket: TLSSocket, sent: { bytes: number }) => {
    const more = () => {
      while (sent.bytes < most && !socket.destroyed) {
        sent.bytes += chunk.length
        if (!socket.write(chunk)) return void socket.once("drain", more)
      }
    }
    more()
  }
  await t.test("the client reads slowly", async (t) => {
    const sent = { bytes: 0 }
    const target = await server(t, (socket) => flood(socket, sent))
    const client = await connected(sensor, target)
    client.pause()
    client.write("go")
    await settled(sent)
    t.ok(sent.bytes < 32 * MiB, `${sent.bytes} bytes left the origin`)
    client.destroy()
  })
  await t.test("the origin reads slowly", async (t) => {
    const sent = { bytes: 0 }
    const target = await server(t, (socket) => socket.pause())
    const client = await connected(sensor, target)
    flood(client, sent)
    await settled(sent)
    t.ok(sent.bytes < 32 * MiB, `${sent.bytes} bytes left the client`)
    client.destroy()
  })
})

/** Waits until no more is taken: what is on its way sits in the kernel's buffers. */
async function settled(sent: { bytes: number }): Promise<void> {
  for (let last = -1; last !== sent.bytes; ) {
    last = sent.bytes
    await pause(250)
  }
}

t.test("what one side breaks off is broken off on the other", async (t) => {
  const sensor = await testSensor(t)
  await t.test("the client resets in mid-stream", async (t) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const target = await server(t, (socket) => {
      socket.on("data", () => socket.write("more"))
      socket.once("end", () => resolve("ended"))
    })
    const raw = await tunnel(sensor, target)
    const { connect } = await import("node:tls")
    const client = connect({ socket: raw, servername: name, rejectUnauthorized: false })
    client.on("error", () => {})
    await handshake(client)
    client.write("go")
    await new Promise((done) => client.once("data", done))
    raw.resetAndDestroy()
    t.equal(await promise, "ended")
    t.match(await sensor.attempt(), { outcome: "accepted", end: "rst", ended_by: "client" })
  })
  await t.test("the origin resets in mid-stream: no clean TLS close for the client", async (t) => {
    const backend = createTlsServer(good, (socket) => {
      socket.once("data", () => {
        socket.write("half of an ans")
        setTimeout(() => reset(), 50)
      })
    })
    let reset = () => {}
    backend.prependListener("connection", (raw) => {
      reset = () => raw.resetAndDestroy()
    })
    const target = `${name}:${await listening(t, backend)}`
    const raw = await tunnel(sensor, target)
    const records: number[] = []
    raw.on("data", (chunk: Buffer) => records.push(chunk.length))
    const { connect } = await import("node:tls")
    const client = connect({
      socket: raw,
      servername: name,
      rejectUnauthorized: false,
      maxVersion: "TLSv1.2",
    })
    client.on("error", () => {})
    await handshake(client)
    client.write("go")
    const { bytes } = await received(client)
    t.equal(bytes.toString(), "half of an ans")
    t.match(await sensor.attempt(), {
      outcome: "accepted",
      end: "rst",
      ended_by: "origin",
      close_notify_from: null,
    })
  })
})

/** Whether the last TLS 1.2 record of these bytes is an alert: a close_notify in its cipher. */
function endsWithAlert(bytes: Buffer): boolean {
  let type = 0
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3))
    type = bytes[at] ?? 0
  return type === 21
}

t.test("an origin's end is passed on as it was: a truncation is not laundered", async (t) => {
  const sensor = await testSensor(t)
  for (const version of ["TLSv1.2", "TLSv1.3"] as const)
    for (const size of [5, 300_000])
      for (const clean of [true, false])
        for (const contact of ["first", "remembered"])
          await t.test(
            `${clean ? "close_notify" : "bare FIN"} after ${size} bytes over ${version}, ${contact}`,
            async (t) => {
              let under: Socket | null = null
              const backend = createTlsServer({ ...good, maxVersion: version }, (socket) => {
                const raw = under
                socket.once("data", () => {
                  if (clean) socket.end(Buffer.alloc(size))
                  else socket.write(Buffer.alloc(size), () => raw?.destroy())
                })
              })
              backend.prependListener("connection", (raw: Socket) => {
                under = raw
              })
              const target = `${name}:${await listening(t, backend)}`
              if (contact === "remembered") {
                const first = await tlsThrough(sensor, target, { maxVersion: "TLSv1.2" })
                await handshake(first)
                first.destroy()
                await sensor.attempt()
              }
              const raw = await tunnel(sensor, target)
              const { connect } = await import("node:tls")
              const records: Buffer[] = []
              const client = connect({
                socket: tapped(raw, records),
                servername: name,
                rejectUnauthorized: false,
                maxVersion: "TLSv1.2",
              })
              client.on("error", () => {})
              await handshake(client)
              client.write("go")
              t.equal((await received(client)).bytes.length, size, "all of it came")
              client.end()
              await sensor.attempt()
              t.equal(endsWithAlert(Buffer.concat(records)), clean)
            },
          )
})

/** The same socket, with what it receives kept. */
function tapped(raw: Socket, received: Buffer[]): Duplex {
  const duplex = new Duplex({
    read: () => raw.resume(),
    write: (chunk, _, done) => raw.write(chunk, () => done()),
    final: (done) => {
      raw.end()
      done()
    },
  })
  raw.on("data", (chunk: Buffer) => {
    received.push(chunk)
    if (!duplex.push(chunk)) raw.pause()
  })
  raw.on("end", () => duplex.push(null))
  return duplex
}

t.test("an idle connection is ended after idle-time", async (t) => {
  const sensor = await testSensor(t, { limits: { "idle-time": "150ms" } })
  const target = await server(t, (socket) => socket.on("data", (chunk) => socket.write(chunk)))
  const client = await connected(sensor, target)
  t.equal((await received(client)).bytes.length, 0)
  t.match(await sensor.attempt(), { outcome: "idle", end: "timeout", ended_by: "sensor" })
})

t.test("many connections at once each get their own answer", async (t) => {
  const sensor = await testSensor(t)
  const target = await server(t, (socket) => {
    socket.on("data", (chunk) => socket.write(chunk))
    socket.on("end", () => socket.end())
  })
  const answers = await Promise.all(
    Array.from({ length: 100 }, async (_, n) => {
      const client = await connected(sensor, target)
      client.end(`I am ${n}`)
      return (await received(client)).bytes.toString()
    }),
  )
  t.same(
    answers,
    answers.map((_, n) => `I am ${n}`),
  )
  await until(() => sensor.attempts.length === 100)
  t.same([...new Set(sensor.attempts.map(({ outcome }) => outcome))], ["accepted"])
})

const descriptors = () => readdirSync("/proc/self/fd").length
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length

t.test(
  "connections of all kinds leave nothing behind",
  { skip: process.platform !== "linux" },
  async (t) => {
    const sensor = await testSensor(t, {
      limits: { "hello-time": "5s" },
      rules: [{ name: "let-go", when: { sni: ["splice.test"] }, do: "splice" }],
    })
    const echo = createTlsServer(good, (socket) => socket.pipe(socket))
    const target = `${name}:${await listening(t, echo)}`
    const dead = createTcpServer((socket) => socket.resetAndDestroy())
    const deadTarget = `dead.test:${await listening(t, dead)}`
    const port = target.split(":")[1]
    const hello = await liveHello({ servername: name })
    const afterHello = async (act: (raw: Awaited<ReturnType<typeof tunnel>>) => void) => {
      const raw = await tunnel(sensor, target)
      raw.write(hello)
      await new Promise((resolve) => raw.once("data", resolve))
      act(raw)
      return raw
    }
    const kinds: (() => Promise<{ destroy(): unknown }>)[] = [
      async () => {
        const client = await connected(sensor, target)
        client.end("hello")
        await received(client)
        return client
      },
      async () => {
        const client = await tlsThrough(sensor, target, { ca: [] })
        await handshake(client)
        return client
      },
      async () => {
        const client = await connected(sensor, target)
        await pause(2)
        client.end()
        return client
      },
      () => afterHello((raw) => raw.end()),
      () => afterHello((raw) => raw.resetAndDestroy()),
      () => afterHello((raw) => raw.end(Buffer.from([21, 3, 3, 0, 2, 2, 48]))),
      async () => (await tunnel(sensor, target)).end(hello.subarray(0, 60)),
      async () => (await tunnel(sensor, target)).end("GET / HTTP/1.0\r\n\r\n"),
      async () => tunnel(sensor, target),
      async () => {
        const client = await tlsThrough(sensor, deadTarget)
        await handshake(client)
        return client
      },
      async () => {
        const client = await tlsThrough(sensor, `splice.test:${port}`, {
          rejectUnauthorized: false,
        })
        await handshake(client)
        client.end("hello")
        await received(client)
        return client
      },
    ]
    const round = async () => {
      const clients = await Promise.all(kinds.map((kind) => kind()))
      await pause(150)
      for (const client of clients) client.destroy()
      await until(() => sensor.sensor.open === 0)
    }
    await round()
    await pause(100)
    const before = { descriptors: descriptors(), timers: timers() }
    for (let i = 0; i < 3; i++) await Promise.all([round(), round(), round(), round()])
    await until(() => descriptors() <= before.descriptors && timers() <= before.timers)
    t.equal(sensor.sensor.open, 0)
    t.ok(
      descriptors() <= before.descriptors,
      `${descriptors()} descriptors, ${before.descriptors} before`,
    )
    t.ok(timers() <= before.timers, `${timers()} timers, ${before.timers} before`)
    const kept = sensor.attempts.length + sensor.flows.length
    t.equal(kept, 13 * kinds.length, "each connection is in exactly one record")
  },
)
