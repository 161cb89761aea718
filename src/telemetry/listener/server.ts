/**
 * The HTTP server that telemetry is sent to.
 *
 * In: connections. Out: answers of the routes. Whatever a stranger does is bounded before a route
 * sees it: who may connect, how many at a time, how slowly, how much. It must not know what is sent.
 */
import { readFileSync } from "node:fs"
import { createServer, type RequestListener, type Server } from "node:http"
import { createServer as createTlsServer, type Server as TlsServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from "fastify"
import type { SourceLog } from "../../source/source.ts"
import { clientNetworks } from "./client-networks.ts"
import { RareWords } from "./rare-words.ts"
import { type Answer, type Route, refusal } from "./route.ts"
import { type ListenerSettings, listenHost, listenPort } from "./settings.ts"
import { Slots } from "./slots.ts"
import { readTlsFiles } from "./tls-files.ts"

/** A head of more bytes is refused (431). */
const longestHead = 16 * 1024
/** A head of more fields is cut, and then refused for want of what it lacks. */
const mostFields = 64
/** How often time limits are looked at, and changed certificates looked for, in milliseconds. */
const checkEvery = 1_000
const certificatesEvery = 60_000
/** What strangers cause is logged so often at most, in milliseconds. */
const tellEvery = 60_000
/** Requests that are still open when the listener ends get so long, in milliseconds. */
const drainTime = 2_000

export interface ServerParts {
  /** The setting it is made of, for errors: `sources.webhook`. */
  at: string
  settings: ListenerSettings
  routes: readonly Route[]
  /** False while nothing can be stored: /health says so. */
  healthy: () => boolean
  clock: () => number
  log: SourceLog
  /** Something was refused that named no route. */
  refused: () => void
  /** How often changed certificates are looked for, in milliseconds. */
  renewEvery?: number
}

/** Owned state: the listener. */
export class TelemetryServer {
  readonly #parts: ServerParts
  readonly #app: FastifyInstance
  readonly #sockets = new Set<Socket>()
  readonly #words: RareWords
  #server: Server | TlsServer | null = null
  #certificates: NodeJS.Timeout | null = null

  constructor(parts: ServerParts) {
    this.#parts = parts
    this.#words = new RareWords(parts.clock, tellEvery)
    this.#app = this.#makeApp()
  }

  /** HOST:PORT; once it is open, with the port that the system chose. */
  get listen(): string {
    const bound = this.#server?.address() as AddressInfo | null | undefined
    if (!bound) return this.#parts.settings.listen
    const { address, port, family } = bound
    return family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`
  }

  async open(): Promise<void> {
    const { settings } = this.#parts
    await this.#app.ready()
    const server = this.#server
    if (!server) throw new Error("telemetry: the listener was closed; make another")
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject)
      server.listen(listenPort(settings.listen), listenHost(settings.listen), () => {
        server.off("error", reject)
        resolve()
      })
    })
  }

  /** What is being answered is answered, for a moment; then it is cut. */
  async close(): Promise<void> {
    if (this.#certificates) clearInterval(this.#certificates)
    const late = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, drainTime)
    const server = this.#server
    if (server?.listening)
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      })
    clearTimeout(late)
    await this.#app.close()
  }

  #makeApp(): FastifyInstance {
    const { settings, routes, healthy, clock } = this.#parts
    const { limits } = settings
    const app = fastify({
      logger: false,
      bodyLimit: limits["body-bytes"],
      exposeHeadRoutes: false,
      clientErrorHandler: ({ code }, socket) => {
        if (code === "ECONNRESET" || !socket.writable) return void socket.destroy()
        this.#told(code, socket.remoteAddress ?? null)
        socket.end(brokenOff(code), () => socket.destroy())
      },
      // An address that cannot be decoded: it came to no route, and is not repeated.
      frameworkErrors: (error, _request, reply) =>
        this.#refuse(reply, this.#faultAnswer(error, [], null), null),
      serverFactory: (handler) => this.#makeServer(handler),
    }) as unknown as FastifyInstance
    const requests = new Slots(limits.requests)
    const answering = new WeakMap<object, Promise<unknown>>()
    app.removeAllContentTypeParsers()
    const types = [...new Set(routes.flatMap(({ contentTypes }) => contentTypes))]
    app.addContentTypeParser(types, { parseAs: "buffer" }, (_request, body, done) =>
      done(null, body),
    )
    // Before the body: what nobody asked for is not held in memory.
    app.addHook("onRequest", async (request, reply) => {
      if (!request.is404) return
      const text = "there is nothing here; look at the address"
      return this.#refuse(reply, refusal(404, text), null)
    })
    app.setErrorHandler((error: FastifyError, request, reply) => {
      const route = routes.find(({ path }) => path === request.routeOptions.url) ?? null
      return this.#refuse(reply, this.#faultAnswer(error, types, route), route)
    })
    app.get("/health", (_request, reply) =>
      send(reply, {
        status: healthy() ? 200 : 503,
        body: { ok: healthy(), time: new Date(clock()).toISOString() },
      }),
    )
    for (const route of routes)
      app.route({
        method: "POST",
        url: route.path,
        bodyLimit: route.largestBody ?? limits["body-bytes"],
        onRequest: async ({ ip, headers }, reply) => {
          if (!requests.take(ip)) {
            const text = "too many requests are being read or stored; send it again later"
            return this.#refuse(reply, refusal(429, text, { retryAfter: 1 }), route)
          }
          // Who hangs up has the place until its request is done with: its body is in memory still.
          reply.raw.once("close", () => {
            void Promise.resolve(answering.get(reply.raw)).finally(() => requests.give(ip))
          })
          const refused = await route.admit?.(headers)
          if (refused) return this.#refuse(reply, refused, route)
        },
        handler: async ({ ip, headers, body }, reply) => {
          if (!Buffer.isBuffer(body) || body.length === 0)
            return this.#refuse(reply, refusal(400, "there is no body; send events in it"), route)
          const gone = () => reply.raw.destroyed
          const answer = route.answer({ headers, clientIp: ip, body, gone })
          answering.set(
            reply.raw,
            answer.catch(() => {}),
          )
          return send(reply, await answer)
        },
      })
    return app
  }

  #makeServer(handler: RequestListener): Server | TlsServer {
    const { at, settings } = this.#parts
    const { limits, tls } = settings
    const options = {
      maxHeaderSize: longestHead,
      headersTimeout: limits["head-time"],
      requestTimeout: Math.max(limits["head-time"], limits["request-time"]),
      keepAliveTimeout: limits["idle-time"],
      connectionsCheckingInterval: Math.min(checkEvery, limits["head-time"]),
    }
    const server = tls
      ? createTlsServer(
          {
            ...options,
            ...readTlsFiles(`${at}.tls`, tls),
            minVersion: "TLSv1.2",
            handshakeTimeout: limits["head-time"],
            requestCert: tls["client-ca"] !== null,
            rejectUnauthorized: tls["client-ca"] !== null,
          },
          handler,
        )
      : createServer(options, handler)
    server.maxHeadersCount = mostFields
    server.timeout = limits["idle-time"]
    this.#guard(server)
    if (tls) this.#watchCertificates(server as TlsServer, tls)
    this.#server = server
    return server
  }

  /** Who may connect, and how many: decided before TLS. */
  #guard(server: Server | TlsServer): void {
    const { settings } = this.#parts
    const allowed = clientNetworks(settings["allow-client"])
    const connections = new Slots(settings.limits.connections)
    server.prependListener("connection", (socket: Socket) => {
      const address = socket.remoteAddress
      if (!allowed(address)) {
        this.#told("client-not-allowed", address ?? null)
        return socket.destroy()
      }
      if (!connections.take(address ?? "")) {
        this.#told("too-many-connections", address ?? null)
        return socket.destroy()
      }
      this.#sockets.add(socket)
      socket.once("close", () => {
        this.#sockets.delete(socket)
        connections.give(address ?? "")
      })
    })
    server.on("tlsClientError", (_error, socket) => {
      this.#told("tls", socket.remoteAddress ?? null)
      socket.destroy()
    })
  }

  /** Certificates are renewed while we run: files that changed are taken, if they fit. */
  #watchCertificates(server: TlsServer, tls: NonNullable<ListenerSettings["tls"]>): void {
    const { at, log, renewEvery = certificatesEvery } = this.#parts
    const text = () => [tls.cert, tls.key].map((file) => readFileSync(file, "utf8")).join("")
    let known = text()
    this.#certificates = setInterval(() => {
      try {
        const now = text()
        if (now === known) return
        server.setSecureContext(readTlsFiles(`${at}.tls`, tls))
        known = now
        log("info", "telemetry-certificate-renewed", { source: at })
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        log("warn", "telemetry-certificate-kept", { source: at, reason })
      }
    }, renewEvery).unref()
  }

  #faultAnswer(error: FastifyError, types: readonly string[], route: Route | null): Answer {
    const most = route?.largestBody ?? this.#parts.settings.limits["body-bytes"]
    switch (error.statusCode) {
      case 413:
        return refusal(413, `a body is at most ${most} bytes; send fewer at once`)
      case 415:
        return refusal(415, `say what it is: Content-Type is one of ${types.join(", ")}`)
    }
    if (error.statusCode !== undefined && error.statusCode < 500)
      return refusal(400, "the request cannot be read; look at its head and length")
    this.#parts.log("error", "telemetry-fault", { source: this.#parts.at, reason: error.stack })
    return refusal(500, "a fault of the receiver; send it again later", { retryAfter: 30 })
  }

  #refuse(reply: FastifyReply, answer: Answer, route: Route | null): FastifyReply {
    if (route) route.refused()
    this.#told(`status-${answer.status}`, reply.request.ip, route === null)
    return send(reply, answer)
  }

  /** Counted always, logged rarely. */
  #told(because: string, clientIp: string | null, count = true): void {
    const { at, log, refused } = this.#parts
    if (count) refused()
    const times = this.#words.due(because)
    if (times === null) return
    log("warn", "telemetry-refused", { source: at, because, client_ip: clientIp, times })
  }
}

function send(reply: FastifyReply, { status, body, retryAfter }: Answer): FastifyReply {
  if (retryAfter !== undefined) reply.header("retry-after", String(retryAfter))
  return reply.code(status).header("cache-control", "no-store").send(body)
}

/** To a client that is too slow or speaks no HTTP; nothing of it is repeated. */
function brokenOff(code: string | undefined): string {
  const [status, error] =
    code === "ERR_HTTP_REQUEST_TIMEOUT"
      ? ["408 Request Timeout", "the request took too long; send it again"]
      : code === "HPE_HEADER_OVERFLOW"
        ? ["431 Request Header Fields Too Large", "the head is too large"]
        : ["400 Bad Request", "the request cannot be read"]
  const body = JSON.stringify({ error })
  const head = [
    `HTTP/1.1 ${status}`,
    "Connection: close",
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${body.length}`,
  ]
  return `${head.join("\r\n")}\r\n\r\n${body}`
}
