/**
 * Plain HTTP, forwarded by http-mitm-proxy; with front.ts the one place that knows it.
 *
 * The library would make a CA and listen by itself (`listen`, which is therefore not called), print
 * errors to the console, put their text into what the client gets, and hold whole bodies in memory
 * for a slow reader. Here its errors go to our log, clients get a status line, and bodies wait.
 */
import { Agent } from "node:http"
import { connect } from "node:net"
import { Transform, type Writable } from "node:stream"
import { type IContext, Proxy as MitmProxy } from "http-mitm-proxy"
import { proxyAgent, refusedByProxy, toAbsoluteForm } from "./absolute-form.ts"
import { destination } from "./destination.ts"
import { dialOptions } from "./dial.ts"
import { type Found, findAddresses } from "./find-addresses.ts"
import type { FrontDeps, FrontEvents } from "./front-deps.ts"
import { errorCode } from "./tls-error.ts"

/** Code of the error for an address that the guard does not allow. */
const guarded = "EGUARDED"

export function forwarder(deps: FrontDeps, events: FrontEvents): MitmProxy {
  const proxy = new MitmProxy()
  const upstream = throughUpstream(deps)
  Object.assign(proxy, {
    options: {},
    keepAlive: true,
    httpAgent: guardedAgent(deps),
    _onError: answering(deps, events),
    _onSocketError: () => {},
  })
  proxy.onRequest((ctx, done) => {
    events.onPlainHttp(ctx.clientToProxyRequest.socket)
    pace(ctx)
    if (upstream) upstream.route(ctx, done)
    else done()
  })
  proxy.onResponse((ctx, done) => {
    const response = ctx.serverToProxyResponse
    const status = response?.statusCode ?? 0
    // Words about the origin's connection, not the client's (RFC 9110 section 7.6.1).
    delete response?.headers.connection
    delete response?.headers["keep-alive"]
    if (status < 200) return done(new Error(`an origin answered with status ${status}`))
    done(upstream?.refusal(ctx) ?? null)
  })
  return proxy
}

/** Sends requests to the upstream proxy that are not excepted from it; null: there is none. */
function throughUpstream(deps: FrontDeps) {
  const { upstreamProxy: upstream, limits } = deps
  if (upstream === null) return null
  const agent = proxyAgent(upstream, limits["upstream-time"])
  return {
    async route(ctx: IContext, done: (error?: Error) => void): Promise<void> {
      const options = ctx.proxyToServerRequestOptions
      if (!options) return done()
      const host = String(options.host ?? "")
      const port = Number(options.port)
      const found = await findAddresses(host, port, deps)
      const fault = noDestination(found)
      if (fault) return done(fault)
      if (destination(found, host, port, upstream).via) toAbsoluteForm(options, upstream, agent)
      done()
    },
    refusal: (ctx: IContext): Error | null =>
      ctx.proxyToServerRequestOptions?.agent === agent && ctx.serverToProxyResponse
        ? refusedByProxy(ctx.serverToProxyResponse)
        : null,
  }
}

function noDestination({ addresses, name, guarded: because, failure }: Found): Error | null {
  if (addresses.length > 0 || name !== null) return null
  const code = because === null ? (failure ?? "ENOTFOUND") : guarded
  return Object.assign(new Error(because ?? "no address to dial"), { code })
}

/** Stands for what writes to the console and into responses. */
function answering({ log }: FrontDeps, events: FrontEvents) {
  return (_kind: string, ctx: IContext | null, error: unknown) => {
    const reason = errorCode(error)
    log("debug", "plain-http-failed", { reason })
    if (!ctx) return
    const { clientToProxyRequest: request, proxyToClientResponse: response } = ctx
    const host = ctx.proxyToServerRequestOptions?.host ?? ""
    if (reason === guarded && error instanceof Error)
      events.onGuarded(request.socket, host, error.message)
    ctx.proxyToServerRequest?.destroy()
    if (response.headersSent) response.destroy()
    else response.writeHead(reason === guarded ? 403 : 502, { connection: "close" }).end()
  }
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

/** Plain HTTP and plain WebSocket go through the same resolver and guard as everything else. */
function guardedAgent(deps: FrontDeps): Agent {
  const agent = new Agent({ keepAlive: false })
  agent.createConnection = (options, done) => {
    const host = String(options.host ?? "")
    const port = Number(options.port)
    Promise.resolve(findAddresses(host, port, deps)).then((found) => {
      const fault = noDestination(found)
      if (fault) done?.(fault, undefined as never)
      else done?.(null, connect(dialOptions(found.addresses, port)))
    })
    return undefined
  }
  return agent
}
