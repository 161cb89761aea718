/** WebSocket: `ws` over http/1.1 on both sides, and RFC 8441 over h2 between two Nodes. */
import { once } from "node:events"
import http2 from "node:http2"
import { Agent, createServer } from "node:https"
import type { Duplex } from "node:stream"
import { connect as tlsConnect } from "node:tls"
import t, { type Test } from "tap"
import { type RawData, WebSocket, WebSocketServer } from "ws"
import { listening, tunnel } from "../support/sensor.ts"
import { bothWays, type Way } from "./both-ways.ts"

/** An echo; what its clients were told of and how they left. */
async function serve(t: Test, way: Way) {
  const server = createServer(way.certificate)
  const sockets = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } })
  const closed: { code: number; reason: string }[] = []
  sockets.on("connection", (socket) => {
    socket.on("message", (bytes, binary) => socket.send(bytes, { binary }))
    socket.on("close", (code, reason) => closed.push({ code, reason: String(reason) }))
  })
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate()
  })
  const port = await listening(t, server)
  return { port, sockets, closed }
}

/** An agent whose connections are TLS inside CONNECT, with http/1.1 offered as browsers do it. */
class TunnelAgent extends Agent {
  readonly #way: Way
  readonly #ca: string

  constructor(way: Way, ca: string) {
    super()
    this.#way = way
    this.#ca = ca
  }

  override createConnection(
    { port }: { port?: string | number | null },
    done: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { host, sensor } = this.#way
    tunnel(sensor, `${host}:${port}`).then((socket) => {
      const options = { socket, servername: host, ca: this.#ca, ALPNProtocols: ["http/1.1"] }
      done(null, tlsConnect(options))
    })
  }
}

async function dial(way: Way, port: number, options: { ca?: string; deflate?: boolean } = {}) {
  const { ca = way.ca, deflate = false } = options
  const socket = new WebSocket(`wss://${way.host}:${port}/`, {
    agent: new TunnelAgent(way, ca),
    perMessageDeflate: deflate ? { threshold: 0 } : false,
  })
  await once(socket, "open")
  return socket
}

async function echoed(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  const answer = once(socket, "message") as Promise<[RawData]>
  socket.send(message)
  const [bytes] = await answer
  return bytes as Buffer
}

t.test("a WebSocket over http/1.1 passes whole", (t) =>
  bothWays(t, "ws", async (t, way) => {
    const { port, sockets, closed } = await serve(t, way)
    for (const deflate of [false, true])
      await t.test(deflate ? "with permessage-deflate" : "uncompressed", async (t) => {
        const socket = await dial(way, port, { deflate })
        t.equal(socket.extensions, deflate ? "permessage-deflate" : "")
        t.equal(String(await echoed(socket, "hello")), "hello")
        const large = Buffer.alloc(3 * 1024 * 1024, "a large frame, ")
        t.ok((await echoed(socket, large)).equals(large), "3 MiB in one frame")
        socket.ping("are you there")
        t.equal(String((await once(socket, "pong"))[0]), "are you there")
        const [peer] = sockets.clients
        peer?.ping("and you")
        if (peer) t.equal(String((await once(peer, "pong"))[0]), "and you")
        const left = once(socket, "close")
        socket.close(4001, "enough")
        if (peer && peer.readyState !== WebSocket.CLOSED) await once(peer, "close")
        t.same(closed.splice(0), [{ code: 4001, reason: "enough" }])
        await left
        await way.used(t, { alpn_offered: ["http/1.1"], ended_by: "origin" })
      })
    await t.test("the server says something unasked, and closes with a code", async (t) => {
      const socket = await dial(way, port)
      const [peer] = sockets.clients
      const heard = once(socket, "message")
      peer?.send("news")
      t.equal(String((await heard)[0]), "news")
      const end = once(socket, "close")
      peer?.close(1012, "restart")
      const [code, reason] = await end
      t.same([code, String(reason)], [1012, "restart"])
      await way.used(t)
    })
    await t.test("a server that dies looks like that: 1006, no close frame", async (t) => {
      const socket = await dial(way, port)
      socket.on("error", () => {})
      const [peer] = sockets.clients
      peer?.terminate()
      t.equal((await once(socket, "close"))[0], 1006)
      await way.used(t, { ended_by: "origin" })
    })
  }),
)

t.test("a WebSocket client that does not trust what it is shown does not connect", (t) =>
  bothWays(t, "ws", async (t, way) => {
    const { port, closed } = await serve(t, way)
    await t.rejects(dial(way, port, { ca: way.otherCa }), /unable to verify|self-signed|issuer/)
    if (way.title === "inspected") t.match(await way.sensor.attempt(), { outcome: /^refused-/ })
    else t.match(await way.sensor.flow(), { verdict: "failed" })
    t.same(closed, [])
  }),
)

t.test("a WebSocket over h2 (RFC 8441) passes beside other streams", (t) =>
  bothWays(t, "ws", async (t, way) => {
    const server = http2.createSecureServer({
      ...way.certificate,
      settings: { enableConnectProtocol: true },
    })
    server.on("stream", (stream, headers) => {
      if (headers[":protocol"] !== "websocket") {
        stream.respond({ ":status": 200 })
        return stream.end("page")
      }
      stream.respond({ ":status": 200, "sec-websocket-protocol": "echo" })
      stream.pipe(stream)
    })
    const port = await listening(t, server)
    for (const contact of ["first", "second"])
      await t.test(`${contact} contact`, async (t) => {
        const socket = await tunnel(way.sensor, `${way.host}:${port}`)
        const tls = tlsConnect({
          socket,
          servername: way.host,
          ca: way.ca,
          ALPNProtocols: ["h2"],
        })
        await once(tls, "secureConnect")
        const session = http2.connect(`https://${way.host}:${port}`, {
          createConnection: () => tls,
        })
        await once(session, "remoteSettings")
        t.equal(session.remoteSettings.enableConnectProtocol, true)
        const stream = session.request({
          ":method": "CONNECT",
          ":protocol": "websocket",
          ":path": "/chat",
          "sec-websocket-version": "13",
        })
        const [headers] = await once(stream, "response")
        t.match(headers, { ":status": 200, "sec-websocket-protocol": "echo" })
        for (const word of ["one", "two"]) {
          stream.write(word)
          t.equal(String((await once(stream, "data"))[0]), word)
        }
        const page = session.request({ ":path": "/" })
        t.equal(String((await once(page, "data"))[0]), "page")
        stream.end()
        await once(stream, "end")
        session.close()
        await way.used(t, { alpn_offered: ["h2"] })
      })
  }),
)
