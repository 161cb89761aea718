/**
 * The explicit proxy's front, and the one place that knows http-mitm-proxy: it parses CONNECT and
 * forwards plain HTTP. CONNECT is taken over in its hook, so its own interception never runs.
 *
 * The library would listen by itself, print errors to the console and put their text into what the
 * client gets. Here sockets are handed to it, its errors go to our log, and clients get a status line.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { Agent, type IncomingMessage, type ServerResponse } from "node:http"
import { connect, Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Duplex } from "node:stream"
import { Proxy as MitmProxy } from "http-mitm-proxy"
import { dialOptions } from "./dial.ts"
import { type Found, findAddresses } from "./find-addresses.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { errorCode } from "./tls-error.ts"

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

type FrontDeps = Pick<SensorDeps, "resolver" | "guard" | "limits" | "log">

export async function openFront(deps: FrontDeps, events: FrontEvents): Promise<Front> {
  const proxy = new MitmProxy()
  const { server, forget } = await start(proxy, guardedAgent(deps))
  silence(proxy, deps)
  server.headersTimeout = deps.limits["connect-head-time"]
  server.requestTimeout = 0
  server.on("clientError", (_: Error, socket: Duplex) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    else socket.destroy()
  })
  proxy.onRequest((_, done) => {
    events.onPlainHttp()
    done()
  })
  proxy.onConnect((request, socket, head) => {
    // `done` is not called: the library is out of the way from here on.
    takeOver(request, socket as Socket, head, deps, events)
  })
  return { accept: (socket) => server.emit("connection", socket), close: forget }
}

/** Makes the library build its server, and stops the listening that it insists on. */
async function start(
  proxy: MitmProxy,
  httpAgent: Agent,
): Promise<{ server: MitmProxy["httpServer"] & object; forget: () => void }> {
  // It always makes a CA of its own (RSA, unused here): nothing of it may stay.
  const sslCaDir = mkdtempSync(join(tmpdir(), "pinsensor-front-"))
  try {
    await new Promise<void>((resolve, reject) => {
      const options = { host: "127.0.0.1", port: 0, sslCaDir, httpAgent, keepAlive: true }
      proxy.listen(options, (error?: Error | null) => (error ? reject(error) : resolve()))
    })
  } finally {
    rmSync(sslCaDir, { recursive: true, force: true })
  }
  const server = proxy.httpServer
  if (!server) throw new Error("sensor: http-mitm-proxy gave no HTTP server; check its version")
  // The TCP part only: http.Server.close would also stop its header timeouts.
  Server.prototype.close.call(server)
  return { server, forget: () => server.closeAllConnections() }
}

/** Replaces what writes to the console and into responses. */
function silence(proxy: MitmProxy, { log }: FrontDeps): void {
  const onError = (
    _kind: string,
    ctx: { proxyToClientResponse?: ServerResponse } | null,
    error: unknown,
  ) => {
    log("debug", "plain-http-failed", { reason: errorCode(error) })
    const response = ctx?.proxyToClientResponse
    if (response && !response.headersSent) response.writeHead(502, { connection: "close" })
    if (response && !response.writableEnded) response.end()
  }
  Object.assign(proxy, { _onError: onError, _onSocketError: () => {} })
}

/** Plain HTTP and plain WebSocket go through the same resolver and guard as everything else. */
function guardedAgent(deps: FrontDeps): Agent {
  const agent = new Agent({ keepAlive: false })
  agent.createConnection = (options, done) => {
    const host = String(options.host ?? "")
    const port = Number(options.port)
    Promise.resolve(findAddresses(host, port, deps)).then((found) => {
      if (found.addresses.length > 0)
        return done?.(null, connect(dialOptions(found.addresses, port)))
      const reason = found.guarded ? "EGUARDED" : (found.failure ?? "ENOTFOUND")
      const error = Object.assign(new Error(`no address to dial: ${reason}`), { code: reason })
      done?.(error, undefined as never)
    })
    return undefined
  }
  return agent
}

function takeOver(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  deps: FrontDeps,
  events: FrontEvents,
): void {
  const target = connectTarget(request.url ?? "")
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
