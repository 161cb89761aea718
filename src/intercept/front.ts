/**
 * The explicit proxy's front: one HTTP server, whose sockets are handed to it. Comes in: accepted
 * connections; goes out: CONNECT requests with the addresses that they may go to. Plain HTTP and
 * upgrades it has forwarded by others. It must not know what becomes of a tunnel.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { isIPv6, type Socket } from "node:net"
import type { Duplex } from "node:stream"
import { firstRequest } from "./connect-head.ts"
import { type Found, findAddresses } from "./find-addresses.ts"
import type { FrontDeps, FrontEvents } from "./front-deps.ts"
import { forwarder } from "./plain-http.ts"
import type { LoginVerdict } from "./proxy-logins.ts"
import { errorCode } from "./tls-error.ts"
import { upgrade } from "./upgrade.ts"

export interface Front {
  /** Takes an accepted connection whose bytes nobody has read, or were put back. */
  accept(socket: Socket): void
  close(): void
}

/** Longest User-Agent that is kept. */
const userAgentLength = 512

export function openFront(deps: FrontDeps, events: FrontEvents): Front {
  const proxy = forwarder(deps, events)
  const server = httpServer(deps, events)
  server.on("connect", (request: IncomingMessage, socket: Socket, head: Buffer) =>
    proxy._onHttpServerConnect(request, socket, head),
  )
  const forward = (request: IncomingMessage, response: ServerResponse) => {
    try {
      proxy._onHttpServerRequest(false, request, response)
    } catch (error) {
      // It throws at what Node's client refuses to send on, such as a tab in the path.
      deps.log("debug", "plain-http-failed", { reason: errorCode(error) })
      events.onBadRequest(request.socket)
      if (response.headersSent) response.destroy()
      else response.writeHead(400, { connection: "close" }).end()
    }
  }
  server.on("request", (request: IncomingMessage, response: ServerResponse) =>
    whenLoggedIn(request, request.socket, deps, events, {
      go: () => forward(request, response),
      refuse: (how) => refuseRequest(response, how),
    }),
  )
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) =>
    whenLoggedIn(request, socket, deps, events, {
      go: () => {
        events.onPlainHttp(socket)
        upgrade(request, socket, head, deps, (host, because) => {
          events.onGuarded(socket, host, because)
          answer(socket, "403 Forbidden")
        })
      },
      refuse: (how) => refuseSocket(socket, how),
    }),
  )
  proxy.onConnect((request, socket, head) => {
    // `done` is not called: the library is out of the way from here on, its own interception too.
    takeOver(request, socket as Socket, head, deps, events)
  })
  return {
    accept: (socket) =>
      firstRequest(socket, deps.limits["connect-head-time"], {
        connect: (request, rest) =>
          proxy._onHttpServerConnect(request as unknown as IncomingMessage, socket, rest),
        other: () => {
          server.emit("connection", socket)
          socket.resume()
        },
        late: () => answer(socket, "408 Request Timeout"),
      }),
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** It never listens; "listening" makes Node watch for slow heads all the same. */
function httpServer({ limits }: FrontDeps, events: FrontEvents): Server {
  const headTime = limits["connect-head-time"]
  const server = createServer({
    headersTimeout: headTime,
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(headTime / 4)),
  })
  server.timeout = limits["idle-time"]
  server.on("clientError", (error: Error, socket: Duplex) => {
    if (!socket.writable) return void socket.destroy()
    const status = statusOf(error)
    if (isRequest(error)) events.onBadRequest(socket as Socket)
    answer(socket as Socket, status)
  })
  server.emit("listening")
  return server
}

/** Not, if it came too slowly or broke off. */
function isRequest(error: Error): boolean {
  return !/^(?:ERR_HTTP_REQUEST_TIMEOUT|HPE_INVALID_EOF_STATE)$/.test(errorCode(error))
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
  if (!target) {
    events.onBadRequest(socket)
    return answer(socket, "400 Bad Request")
  }
  events.onAsked(socket)
  whenLoggedIn(request, socket, deps, events, {
    go: (user) => openTunnel({ request, socket, head, ...target, user }, deps, events),
    refuse: (how) => refuseSocket(socket, how),
  })
}

interface Asked {
  request: IncomingMessage
  socket: Socket
  head: Buffer
  host: string
  port: number
  user: string | null
}

function openTunnel(
  { request, socket, head, host, port, user }: Asked,
  deps: FrontDeps,
  events: FrontEvents,
): void {
  const userAgent = request.headers["user-agent"]?.slice(0, userAgentLength) ?? null
  const found = findAddresses(host, port, deps)
  const go = (found: Found) => {
    if (found.guarded !== null) {
      events.onGuarded(socket, host, found.guarded)
      return answer(socket, "403 Forbidden")
    }
    // Of a client that has left meanwhile there is a record too.
    if (!socket.destroyed) socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
    events.onConnect({ socket, host, port, userAgent, proxyUser: user, head, found })
  }
  if (found instanceof Promise) found.then(go)
  else go(found)
}

type LoginRefusal = Extract<LoginVerdict, { refused: unknown }>["refused"]

/** Without proxy users everybody is nobody, and the header is not looked at. */
function whenLoggedIn(
  request: IncomingMessage,
  socket: Socket,
  { logins }: FrontDeps,
  events: FrontEvents,
  then: { go: (user: string | null) => void; refuse: (how: LoginRefusal) => void },
): void {
  if (logins === null) return then.go(null)
  const judge = (verdict: LoginVerdict) => {
    if ("user" in verdict) return then.go(verdict.user)
    events.onUnauthorized(socket)
    then.refuse(verdict.refused)
  }
  const verdict = logins.check(request.headers["proxy-authorization"], events.clientOf(socket))
  if (verdict instanceof Promise) verdict.then(judge)
  else judge(verdict)
}

/** RFC 9110 section 11.7.1. */
const challenge = 'Basic realm="pinsensor"'

function refuseRequest(response: ServerResponse, how: LoginRefusal): void {
  const login = how === "unknown" ? { "proxy-authenticate": challenge } : {}
  response.writeHead(how === "unknown" ? 407 : 503, { connection: "close", ...login }).end()
}

function refuseSocket(socket: Socket, how: LoginRefusal): void {
  if (how === "busy") answer(socket, "503 Service Unavailable")
  else answer(socket, "407 Proxy Authentication Required", `Proxy-Authenticate: ${challenge}\r\n`)
}

function answer(socket: Socket, status: string, headers = ""): void {
  socket.on("error", () => {})
  socket.end(`HTTP/1.1 ${status}\r\n${headers}Content-Length: 0\r\nConnection: close\r\n\r\n`)
  socket.destroySoon()
}

/** RFC 9110 section 9.3.6: host and port, nothing else; IPv6 in brackets. */
export function connectTarget(target: string): { host: string; port: number } | null {
  const parts = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([^\s:/?#@[\]]{1,255})):(\d{1,5})$/.exec(target)
  const port = Number(parts?.[3])
  if (!parts || port < 1 || port > 65535) return null
  if (parts[1] !== undefined && !isIPv6(parts[1])) return null
  const host = (parts[1] ?? parts[2] ?? "").toLowerCase().replace(/\.$/, "")
  return host === "" || host.endsWith(".") ? null : { host, port }
}
