/**
 * The explicit proxy's front, and the one place that knows http-mitm-proxy: it parses CONNECT and
 * forwards plain HTTP. CONNECT is taken over in its hook, so its own interception never runs.
 *
 * The library would listen by itself, print errors to the console, put their text into what the
 * client gets, throw at what it cannot forward and hold whole bodies in memory for a slow reader.
 * Here sockets are handed to it, its errors go to our log, clients get a status line, and bodies wait.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { Agent, type IncomingMessage, type ServerResponse } from "node:http"
import { connect, Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Duplex, Transform, type Writable } from "node:stream"
import { type IContext, Proxy as MitmProxy } from "http-mitm-proxy"
import { dialOptions } from "./dial.ts"
import { type Found, findAddresses } from "./find-addresses.ts"
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

/** Code of the error for an address that the guard does not allow. */
const guarded = "EGUARDED"

type FrontServer = MitmProxy["httpServer"] & object
type FrontDeps = Pick<SensorDeps, "resolver" | "guard" | "limits" | "log">

export async function openFront(deps: FrontDeps, events: FrontEvents): Promise<Front> {
  const proxy = new MitmProxy()
  const { server, forget } = await start(proxy, guardedAgent(deps))
  silence(proxy, deps, events)
  contain(server, deps)
  limitTimes(server, deps)
  server.on("clientError", (error: Error, socket: Duplex) => {
    if (socket.writable) answer(socket as Socket, statusOf(error))
    else socket.destroy()
  })
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    events.onPlainHttp()
    upgrade(request, socket, head, deps, (host, because) => {
      events.onGuarded(socket, host, because)
      answer(socket, "403 Forbidden")
    })
  })
  proxy.onRequest((ctx, done) => {
    events.onPlainHttp()
    pace(ctx)
    done()
  })
  proxy.onResponse((ctx, done) => {
    const status = ctx.serverToProxyResponse?.statusCode ?? 0
    done(status < 200 ? new Error(`an origin answered with status ${status}`) : null)
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
): Promise<{ server: FrontServer; forget: () => void }> {
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
  const forget = () => {
    server.closeAllConnections()
    server.close()
  }
  return { server, forget }
}

/** Replaces what writes to the console and into responses. */
function silence(proxy: MitmProxy, { log }: FrontDeps, events: FrontEvents): void {
  const onError = (_kind: string, ctx: IContext | null, error: unknown) => {
    const reason = errorCode(error)
    log("debug", "plain-http-failed", { reason })
    if (!ctx) return
    const { clientToProxyRequest: request, proxyToClientResponse: response } = ctx
    const host = ctx.proxyToServerRequestOptions?.host ?? ""
    if (reason === guarded) events.onGuarded(request.socket, host, (error as Error).message)
    ctx.proxyToServerRequest?.destroy()
    if (response.headersSent) response.destroy()
    else response.writeHead(reason === guarded ? 403 : 502, { connection: "close" }).end()
  }
  Object.assign(proxy, { _onError: onError, _onSocketError: () => {} })
}

/** Takes the library's WebSocket bridge away (upgrade.ts does that), and catches what it throws. */
function contain(server: FrontServer, { log }: FrontDeps): void {
  server.removeAllListeners("upgrade")
  const listeners = server.listeners("request")
  server.removeAllListeners("request")
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    try {
      for (const listener of listeners) Reflect.apply(listener, server, [request, response])
    } catch (error) {
      log("debug", "plain-http-failed", { reason: errorCode(error) })
      if (response.headersSent) response.destroy()
      else response.writeHead(400, { connection: "close" }).end()
    }
  })
}

/** Node looks for slow heads every 30 s; "listening", emitted again, makes it take the new time. */
function limitTimes(server: FrontServer, { limits }: FrontDeps): void {
  server.headersTimeout = limits["connect-head-time"]
  server.requestTimeout = 0
  server.timeout = limits["idle-time"]
  const connectionsCheckingInterval = Math.min(1_000, Math.ceil(limits["connect-head-time"] / 4))
  Object.assign(server, { connectionsCheckingInterval })
  server.emit("listening")
}

/** Bodies wait for whoever is slow, and end with whoever goes: the library does neither. */
function pace(ctx: IContext): void {
  const { proxyToClientResponse: response } = ctx
  ctx.requestFilters.push(pacedBy(() => ctx.proxyToServerRequest))
  ctx.responseFilters.push(pacedBy(() => response))
  response.once("close", () => ctx.proxyToServerRequest?.destroy())
}

/** Passes chunks on, each when `sink` has room again: it holds a few chunks at most. */
function pacedBy(sink: () => Writable | undefined): Transform {
  return new Transform({
    transform: (chunk, _, done) => {
      const to = sink()
      if (to?.writableNeedDrain) to.once("drain", () => done(null, chunk))
      else done(null, chunk)
    },
  })
}

/** RFC 9110 section 15.5.9, RFC 6585 section 5. */
function statusOf(error: Error): string {
  const code = errorCode(error)
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "408 Request Timeout"
  return code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request"
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
      const code = found.guarded ? guarded : (found.failure ?? "ENOTFOUND")
      const error = Object.assign(new Error(found.guarded ?? "no address to dial"), { code })
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
