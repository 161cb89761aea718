/** Streams that are no request and answer: who speaks first, who ends first, who is slow or gone. */
import { execFileSync, spawnSync } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { createServer as createTcpServer, type Socket } from "node:net"
import { createServer as createTlsServer, type TLSSocket } from "node:tls"
import t, { type Test } from "tap"
import { liveHello } from "../observe/real-hellos.ts"
import { holds } from "../support/processes.ts"
import { handshake, listening, pause, received, tlsThrough, tunnel } from "../support/sensor.ts"
import { bothWays, openWay, type Way } from "./both-ways.ts"

const MiB = 1024 * 1024
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex")

const serve = (t: Test, way: Way, act: (socket: TLSSocket) => void, alpn?: string) =>
  listening(
    t,
    createTlsServer(
      { ...way.certificate, allowHalfOpen: true, ...(alpn ? { ALPNProtocols: [alpn] } : {}) },
      act,
    ),
  )

async function dial(way: Way, port: number, options: object = {}): Promise<TLSSocket> {
  const given = { ca: way.ca, allowHalfOpen: true, ...options }
  const client = await tlsThrough(way.sensor, `${way.host}:${port}`, given)
  const { ok, error } = await handshake(client)
  if (!ok) throw new Error(error)
  return client
}

const line = async (socket: TLSSocket) => String((await once(socket, "data"))[0])

t.test("a server that greets first is heard, and the dialogue that follows is whole", (t) =>
  bothWays(t, "mail", async (t, way) => {
    for (const alpn of [undefined, "imap"])
      await t.test(alpn ? `ALPN ${alpn}` : "no ALPN", async (t) => {
        const act = (socket: TLSSocket) => {
          socket.write("* OK ready, with two hundred bytes of capabilities".padEnd(250, "."))
          socket.on("data", (chunk) => {
            socket.write(`${chunk} OK `.padEnd(250, "."))
            if (String(chunk).startsWith("bye")) socket.end()
          })
        }
        const port = await serve(t, way, act, alpn)
        for (const contact of ["first", "second"]) {
          const client = await dial(way, port, alpn ? { ALPNProtocols: [alpn] } : {})
          t.match(await line(client), /^\* OK ready/, contact)
          for (const said of ["login", "noop".padEnd(250), "bye"]) {
            client.write(said)
            t.ok((await line(client)).startsWith(`${said} OK`), contact)
          }
          client.end()
          await way.used(t, { ended_by: "origin" })
        }
      })
  }),
)

t.test("who has ended his half is still answered, at length", (t) =>
  bothWays(t, "half", async (t, way) => {
    const large = randomBytes(4 * MiB)
    await t.test("the client ends, then a long answer", async (t) => {
      const port = await serve(t, way, (socket) => {
        socket.resume()
        socket.on("end", () => setTimeout(() => socket.end(large), 50))
      })
      for (const contact of ["first", "second"]) {
        const client = await dial(way, port)
        client.end("all that I have to say".padEnd(250))
        const { bytes, end } = await received(client)
        t.equal(sha256(bytes), sha256(large), contact)
        t.equal(end, "fin")
        await way.used(t, { ended_by: "client" })
      }
    })
    await t.test("the origin ends, then a long upload", async (t) => {
      const uploads: string[] = []
      const port = await serve(t, way, (socket) => {
        const hash = createHash("sha256")
        socket.on("data", (chunk) => hash.update(chunk))
        socket.on("end", () => uploads.push(hash.digest("hex")))
        socket.end("that is all from me".padEnd(250))
      })
      for (const contact of ["first", "second"]) {
        const client = await dial(way, port)
        const { bytes } = await received(client)
        t.match(bytes.toString(), /^that is all/)
        client.end(large)
        await holds(() => uploads.length > 0, 5_000)
        t.same(uploads.splice(0), [sha256(large)], contact)
        // In TLS 1.3 what came before the client's first word may be tickets: it is no answer.
        const verdict = way.title === "spliced" ? { verdict: "sent-only" } : {}
        await way.used(t, { ended_by: "origin", ...verdict })
      }
    })
  }),
)

// Of an inspected connection test/intercept/relay.test.ts says this, and the next but one.
t.test("large transfers in both directions at once arrive intact when spliced", async (t) => {
  const way = await openWay(t, "large", "spliced")
  const [up, down] = [randomBytes(16 * MiB), randomBytes(16 * MiB)]
  let uploaded = ""
  const port = await serve(t, way, (socket) => {
    const hash = createHash("sha256")
    socket.on("data", (chunk) => hash.update(chunk))
    socket.on("end", () => {
      uploaded = hash.digest("hex")
    })
    socket.end(down)
  })
  const client = await dial(way, port)
  client.end(up)
  t.equal(sha256((await received(client)).bytes), sha256(down))
  await holds(() => uploaded !== "", 5_000)
  t.equal(uploaded, sha256(up))
  await way.used(t)
})

t.test("a slow reader slows the sender down, whichever side it is on", (t) =>
  bothWays(t, "slow", async (t, way) => {
    const chunk = Buffer.alloc(64 * 1024)
    /** What the kernel's socket buffers on the way may take; more would be in the sensor's memory. */
    const most = 32 * MiB
    const flood = (socket: TLSSocket, sent: { bytes: number }) => {
      const more = () => {
        while (sent.bytes < 3 * most && !socket.destroyed) {
          sent.bytes += chunk.length
          if (!socket.write(chunk)) return void socket.once("drain", more)
        }
      }
      more()
    }
    const settled = async (sent: { bytes: number }) => {
      for (let last = -1; last !== sent.bytes; await pause(200)) last = sent.bytes
    }
    await t.test("the client", async (t) => {
      const sent = { bytes: 0 }
      const port = await serve(t, way, (socket) => flood(socket, sent))
      const client = await dial(way, port)
      client.pause()
      client.write("go")
      await settled(sent)
      t.ok(sent.bytes > 0 && sent.bytes < most, `${sent.bytes} bytes left the origin`)
      client.destroy()
    })
    await t.test("the origin", async (t) => {
      const sent = { bytes: 0 }
      const port = await serve(t, way, (socket) => socket.pause())
      const client = await dial(way, port)
      flood(client, sent)
      await settled(sent)
      t.ok(sent.bytes > 0 && sent.bytes < most, `${sent.bytes} bytes left the client`)
      client.destroy()
    })
  }),
)

t.test("a spliced end is the origin's own: nothing is added to it, nothing lost", async (t) => {
  const way = await openWay(t, "cut", "spliced")
  for (const how of ["fin", "rst"] as const)
    await t.test(how, async (t) => {
      const answer = randomBytes(100_000)
      const server = createTcpServer((socket: Socket) => {
        socket.once("data", () => {
          socket.write(answer)
          // Sent once all of it has been taken: a reset would overtake it.
          setTimeout(() => (how === "fin" ? socket.end() : socket.resetAndDestroy()), 150)
        })
      })
      const raw = await tunnel(way.sensor, `${way.host}:${await listening(t, server)}`)
      raw.write(await liveHello({ servername: way.host }))
      const { bytes } = await received(raw)
      t.ok(bytes.equals(answer), `${bytes.length} bytes`)
      raw.end()
      t.match(await way.sensor.flow(), { end: how, ended_by: "origin", server_bytes: 100_000 })
    })
})

t.test("a connection that was silent for long goes on where it was", (t) =>
  bothWays(
    t,
    "idle",
    async (t, way) => {
      const port = await serve(t, way, (socket) => socket.on("data", (part) => socket.write(part)))
      const client = await dial(way, port)
      const words = "x".repeat(250)
      client.write(words)
      t.equal(await line(client), words)
      await way.used(t, { end: "none", ended_by: null })
      await pause(700)
      client.write("still here")
      t.equal(await line(client), "still here")
      client.destroy()
    },
    { limits: { "record-after": "50ms", "idle-time": "2s" } },
  ),
)

const noSs = spawnSync("ss", ["-V"]).error ? "needs ss (Debian package iproute2)" : false

t.test("a peer that vanishes is noticed: keep-alive on both legs", { skip: noSs }, async (t) => {
  /** Whether one connection has such a timer now: the filter picks the sensor's end of a leg. */
  const watched = (filter: string) => () => {
    const sockets = execFileSync("ss", ["-Htno", "state", "established", filter]).toString()
    return sockets.match(/timer:\(keepalive,4min/g)?.length === 1
  }
  const bothLegs = async (t: Test, way: Way, port: number) => {
    const towards = { client: `sport = :${way.sensor.port}`, origin: `dport = :${port}` }
    for (const [peer, filter] of Object.entries(towards))
      t.ok(await holds(watched(`( ${filter} )`), 3_000), `towards the ${peer}`)
  }
  await bothWays(t, "vanish", async (t, way) => {
    const port = await serve(t, way, (socket) => socket.on("data", (part) => socket.write(part)))
    const client = await dial(way, port)
    client.write("hello")
    await line(client)
    await bothLegs(t, way, port)
    client.destroy()
  })
  await t.test("and on what is passed on unread", async (t) => {
    const way = await openWay(t, "vanish", "inspected")
    const server = createTcpServer((socket) => socket.on("data", (part) => socket.write(part)))
    const port = await listening(t, server)
    const raw = await tunnel(way.sensor, `${way.host}:${port}`)
    raw.write("SSH-2.0-x\r\n")
    await once(raw, "data")
    await bothLegs(t, way, port)
    raw.destroy()
  })
})
