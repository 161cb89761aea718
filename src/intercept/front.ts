/**
 * The explicit proxy's front: one HTTP server, whose sockets are handed to it. Comes in: accepted
 * connections; goes out: CONNECT requests with the addresses that they may go to. Plain HTTP and
 * upgrades it has forwarded by others. It must not know what becomes of a tunnel.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { type Found, findAddresses } from "./find-addresses.ts"
import { forwarder } from "./plain-http.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { errorCode } from "./tls-error.ts"
import { upgrade } from "./upgrade.ts"

export interface ConnectRequest {
  socket: Socket
  host: string
  port: number
  userAgent: string | null
  head: Buffer
  found: Found
}

export interface Front {
  /** Takes an accepted connection whose bytes nobody has read. */
  accept(socket: Socket): void
  close(): void
}

export interface FrontEvents {
  onConnect: (request: ConnectRequest) => void
  onPlainHttp: () => void
  onGuarded: (socket: Socket, host: string, because: string) => void
}

/** Longest User-Agent that is kept. */
const userAgentLength = 512

export type FrontDeps = Pick<SensorDeps, "resolver" | "guard" | "limits" | "log">

export function openFront(deps: FrontDeps, events: FrontEvents): Front {
  const proxy = forwarder(deps, events)
  const server = httpServer(deps)
  server.on("connect", (request: IncomingMessage, socket: Socket, head: Buffer) =>
    proxy._onHttpServerConnect(request, socket, head),
  )
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    try {
      proxy._onHttpServerRequest(false, request, response)
    } catch (error) {
      // It throws at what Node's client refuses to send on, such as a tab in the path.
      deps.log("debug", "plain-http-failed", { reason: errorCode(error) })
      if (response.headersSent) response.destroy()
      else response.writeHead(400, { connection: "close" }).end()
    }
  })
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    events.onPlainHttp()
    upgrade(request, socket, head, deps, (host, because) => {
      events.onGuarded(socket, host, because)
      answer(socket, "403 Forbidden")
    })
  })
  proxy.onConnect((request, socket, head) => {
    // `done` is not called: the library is out of the way from here on, its own interception too.
    takeOver(request, socket as Socket, head, deps, events)
  })
  return {
    accept: (socket) => server.emit("connection", socket),
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** It never listens; "listening" makes Node watch for slow heads all the same. */
function httpServer({ limits }: FrontDeps): Server {
  const headTime = limits["connect-head-time"]
  const server = createServer({
    headersTimeout: headTime,
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(headTime / 4)),
  })
  server.timeout = limits["idle-time"]
  server.on("clientError", (error: Error, socket: Duplex) => {
    if (socket.writable) answer(socket as Socket, statusOf(error))
    else socket.destroy()
  })
  server.emit("listening")
  return server
}

/** RFC 9110 section 15.5.9, RFC 6585 section 5. */
function statusOf(error: Error): string {
  const code = errorCode(error)
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "408 Request Timeout"
  return code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request"
}

function takeOver(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  deps: FrontDeps,
  events: FrontEvents,
): void {
  const target = connectTarget(request.url ?? "")
  // From here on times are the tunnel's own.
  socket.setTimeout(0)
  if (!target) return answer(socket, "400 Bad Request")
  const { host, port } = target
  const userAgent = request.headers["user-agent"]?.slice(0, userAgentLength) ?? null
  const found = findAddresses(host, port, deps)
  const go = (found: Found) => {
    if (socket.destroyed) return
    if (found.guarded !== null) {
      events.onGuarded(socket, host, found.guarded)
      return answer(socket, "403 Forbidden")
    }
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
    events.onConnect({ socket, host, port, userAgent, head, found })
  }
  if (found instanceof Promise) found.then(go)
  else go(found)
}

function answer(socket: Socket, status: string): void {
  socket.on("error", () => {})
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
  socket.destroySoon()
}

/** RFC 9110 section 9.3.6: host and port, nothing else; IPv6 in brackets. */
export function connectTarget(target: string): { host: string; port: number } | null {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/?#@[\]]{1,255})):(\d{1,5})$/.exec(target)
  const port = Number(parts?.[3])
  if (!parts || port < 1 || port > 65535) return null
  const host = (parts[1] ?? parts[2] ?? "").toLowerCase().replace(/\.$/, "")
  return host === "" ? null : { host, port }
}
