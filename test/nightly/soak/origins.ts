/** The origins of a soak: one of every sort that an egress meets, on loopback. */
import { readFile } from "node:fs/promises"
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http"
import { createSecureServer } from "node:http2"
import { createServer as createHttpsServer } from "node:https"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { type TestCa, testCa } from "../../support/certificates.ts"
import { freePort } from "../../support/free-port.ts"

/** Ports by what is behind them. */
export interface Ports {
  /** h2 and http/1.1: `/`, `/big`, `/broken`. */
  web: number
  /** http/1.1 only, WebSocket too. */
  socket: number
  /** Plain HTTP, WebSocket too. */
  plain: number
  /** No TLS: sends back what it gets. */
  echo: number
  /** TLS with a certificate of a CA that nobody trusts. */
  untrusted: number
  /** Accepts and says nothing. */
  hanging: number
  /** Accepts and resets. */
  resetting: number
  /** Nobody listens. */
  closed: number
}

export interface Origins {
  ports: Ports
  /** PEM of the CA that the good ones have their certificate from, and its file. */
  ca: string
  caFile: string
  close(): Promise<void>
}

/** Every answer ends so: who reads it knows that it is whole. */
export const answerEnd = "END."
export const answer = "x".repeat(500) + answerEnd
/** Bytes of `/big`. */
const bigLength = 4_000_000
/** Bytes of `/broken` that come before the reset. */
const brokenLength = 64_000

export async function startOrigins(): Promise<Origins> {
  const [good, bad] = await Promise.all([testCa(), testCa()])
  const [own, foreign] = await Promise.all([issued(good), issued(bad)])
  const servers: Server[] = []
  const open = new Set<Socket>()
  const listening = async (server: Server): Promise<number> => {
    server.on("connection", (socket: Socket) => {
      open.add(socket)
      socket.on("error", () => {})
      socket.once("close", () => open.delete(socket))
    })
    server.on("tlsClientError", () => {}).on("sessionError", () => {})
    server.on("secureConnection", (socket: TLSSocket) => socket.on("error", () => {}))
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()))
    servers.push(server)
    return (server.address() as AddressInfo).port
  }
  // The compatibility API: what page() uses of requests and responses is the same.
  const web = createSecureServer({ ...own, allowHTTP1: true }, page as never)
  const socket = createHttpsServer(own, page).on("upgrade", echoUpgraded)
  const plain = createHttpServer(page).on("upgrade", echoUpgraded)
  for (const server of [socket, plain]) server.keepAliveTimeout = 60_000
  const echo = createServer((client) => client.pipe(client))
  const untrusted = createHttpsServer(foreign, page)
  const hanging = createServer((client) => client.resume())
  const resetting = createServer((client) => client.resetAndDestroy())
  return {
    ports: {
      web: await listening(web),
      socket: await listening(socket),
      plain: await listening(plain),
      echo: await listening(echo),
      untrusted: await listening(untrusted),
      hanging: await listening(hanging),
      resetting: await listening(resetting),
      closed: await freePort(),
    },
    ca: await readFile(good.file, "utf8"),
    caFile: good.file,
    close: async () => {
      for (const server of servers) server.close()
      for (const client of open) client.destroy()
      await Promise.all([good.remove(), bad.remove()])
    },
  }
}

async function issued(ca: TestCa): Promise<{ cert: string; key: string }> {
  const files = await ca.issue("origin", "DNS:*.soak.example,DNS:soak.example")
  const [cert, key] = await Promise.all([readFile(files.cert, "utf8"), readFile(files.key, "utf8")])
  return { cert, key }
}

function page(request: IncomingMessage, response: ServerResponse): void {
  request.on("error", () => {})
  response.on("error", () => {})
  request.resume()
  if (request.url === "/big") {
    response.writeHead(200, { "content-length": bigLength })
    return void response.end(Buffer.alloc(bigLength, "b"))
  }
  if (request.url !== "/broken") {
    response.writeHead(200, { "content-length": answer.length })
    return void response.end(answer)
  }
  response.writeHead(200, { "content-length": bigLength })
  response.write(Buffer.alloc(brokenLength, "c"), () => setTimeout(() => reset(request.socket), 20))
}

/** By the TCP socket below TLS, which alone can be reset. */
function reset(socket: Socket): void {
  const below: unknown = Reflect.get(socket, "_parent")
  if (below && typeof below === "object" && "resetAndDestroy" in below)
    (below as Socket).resetAndDestroy()
  else socket.destroy()
}

function echoUpgraded(_: IncomingMessage, socket: Socket): void {
  socket.on("error", () => {})
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  )
  socket.pipe(socket)
}
