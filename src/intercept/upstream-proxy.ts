/**
 * The proxy that stands between the sensor and origins (`upstream-proxy`). Comes in: where a connection
 * is to go; goes out, once: a socket whose bytes are the origin's, or why there is none, in words that
 * name this proxy. What it says itself beside its status is never passed on.
 *
 * Its own address is the operator's word and is not shown to the guard.
 */
import { connect, isIP, type Socket } from "node:net"
import { checkServerIdentity, connect as tlsConnect } from "node:tls"
import { type HostPattern, matchesHost, parseHostPattern } from "../record/host-pattern.ts"
import { readConnectAnswer } from "./connect-answer.ts"
import { dialOptions } from "./dial.ts"
import { keepAlive } from "./keep-alive.ts"
import type { OriginTrust } from "./origin-trust.ts"
import type { Resolver } from "./resolver.ts"
import { errorCode } from "./tls-error.ts"
import { type UpstreamProxySettings, upstreamProxyEndpoint } from "./upstream-proxy-settings.ts"

export interface UpstreamProxyParts {
  settings: UpstreamProxySettings
  /** `user:password` of the operator; null: none is sent. */
  user: string | null
  resolver: Pick<Resolver, "known" | "resolve">
  /** What certificate an https:// proxy may show. */
  trust: OriginTrust
  /** Each connection that could not be had. */
  onTrouble: (because: string) => void
}

/** `because` begins with `upstream-proxy`. */
export type Opened = { ok: true; socket: Socket } | { ok: false; because: string }
/** `address`: the origin's; null where it was asked for by name. */
export type Tunnelled = (Opened & { ok: true; address: string | null }) | (Opened & { ok: false })

interface Target {
  host: string
  addresses: readonly string[]
  port: number
}
interface Cancel {
  cancel: () => void
}

/** Of the time for all addresses of an origin, one of them has at least this part. */
const leastShare = 1 / 4

/** Owned state: the counts. */
export class UpstreamProxy {
  readonly counts = { opened: 0, failed: 0 }
  readonly #parts: UpstreamProxyParts
  readonly #endpoint: ReturnType<typeof upstreamProxyEndpoint>
  readonly #except: readonly HostPattern[]
  readonly #authorization: string | null

  constructor(parts: UpstreamProxyParts) {
    const { settings, user } = parts
    this.#parts = parts
    this.#endpoint = upstreamProxyEndpoint(settings)
    this.#except = settings.except.map(parseHostPattern)
    this.#authorization = user === null ? null : `Basic ${Buffer.from(user).toString("base64")}`
  }

  /** What a request in absolute-form needs beside its own headers (RFC 9110 section 11.7.1). */
  get headers(): Readonly<Record<string, string>> {
    return this.#authorization === null ? {} : { "proxy-authorization": this.#authorization }
  }

  /** Whether this host is a name that only the proxy resolves. */
  resolves(host: string): boolean {
    return this.#parts.settings.names === "proxy" && isIP(host) === 0 && this.carries(host, null)
  }

  /** Whether connections to this host, at this address, go through the proxy. */
  carries(host: string, address: string | null): boolean {
    return !this.#except.some(
      (pattern) =>
        matchesHost(pattern, host) || (address !== null && matchesHost(pattern, address)),
    )
  }

  /** A connection to the proxy itself; one to https:// is verified. */
  open(timeMs: number, done: (opened: Opened) => void): Cancel {
    return this.#open(timeMs, (opened) => done(this.#counted(opened)))
  }

  /**
   * A tunnel to an origin, by its addresses in their order, else by its name. Another address is
   * tried where the proxy says that it cannot reach one (5xx), or says nothing in its share of time.
   */
  tunnel(to: Target, timeMs: number, done: (tunnelled: Tunnelled) => void): Cancel {
    const byName = to.addresses.length === 0
    const hosts = byName ? [to.host] : to.addresses
    const until = performance.now() + timeMs
    let current: Cancel = { cancel: () => {} }
    const tryFrom = (at: number) => {
      const host = hosts[at] ?? ""
      const left = Math.max(0, until - performance.now())
      const share = Math.max(left / (hosts.length - at), Math.min(left, timeMs * leastShare))
      current = this.#tunnelTo(host, to.port, share, (opened, another) => {
        if (another && at + 1 < hosts.length && performance.now() < until) return tryFrom(at + 1)
        this.#counted(opened)
        done(opened.ok ? { ...opened, address: byName ? null : host } : opened)
      })
    }
    tryFrom(0)
    return { cancel: () => current.cancel() }
  }

  #counted(opened: Opened): Opened {
    if (opened.ok) this.counts.opened++
    else {
      this.counts.failed++
      this.#parts.onTrouble(opened.because)
    }
    return opened
  }

  /** `another`: another address of the origin may do better. */
  #tunnelTo(
    host: string,
    port: number,
    timeMs: number,
    done: (opened: Opened, another: boolean) => void,
  ): Cancel {
    const began = performance.now()
    let current = this.#open(timeMs, (opened) => {
      if (!opened.ok) return done(opened, false)
      const left = Math.max(0, timeMs - (performance.now() - began))
      const { socket } = opened
      socket.write(connectHead(host, port, this.#authorization))
      current = readAnswer(socket, left, (fault, status) => {
        if (fault === null) return done(opened, false)
        socket.destroy()
        const another = fault === "timeout" || (status !== null && status >= 500)
        done({ ok: false, because: `upstream-proxy ${fault}` }, another)
      })
    })
    return { cancel: () => current.cancel() }
  }

  #open(timeMs: number, done: (opened: Opened) => void): Cancel {
    const { resolver } = this.#parts
    const { host } = this.#endpoint
    let socket: Socket | null = null
    let over = false
    const timer = setTimeout(() => fail("timeout"), timeMs)
    function finish(): boolean {
      if (over) return false
      over = true
      clearTimeout(timer)
      return true
    }
    function fail(fault: string): void {
      if (!finish()) return
      socket?.destroy()
      done({ ok: false, because: `upstream-proxy ${fault}` })
    }
    const dial = (addresses: readonly string[]) => {
      if (over) return
      if (addresses.length === 0) return fail("ENOTFOUND")
      const opening = this.#connect(addresses)
      socket = opening
      const onClose = () => fail("closed")
      const onError = (error: Error) => fail(errorCode(error))
      // Whoever gets the socket may be late with listeners of its own.
      opening.on("error", () => {})
      opening.once("error", onError).once("close", onClose)
      opening.once(this.#endpoint.tls ? "secureConnect" : "connect", () => {
        opening.off("error", onError).off("close", onClose)
        keepAlive(opening)
        if (finish()) done({ ok: true, socket: opening })
      })
    }
    const known = resolver.known(host)
    if (known) dial(known)
    else resolver.resolve(host).then(dial, (error) => fail(errorCode(error)))
    return {
      cancel: () => {
        if (finish()) socket?.destroy()
      },
    }
  }

  #connect(addresses: readonly string[]): Socket {
    const { tls, host, port } = this.#endpoint
    const options = { ...dialOptions(addresses, port), allowHalfOpen: true, noDelay: true }
    if (!tls) return connect(options)
    return tlsConnect({
      ...options,
      servername: isIP(host) === 0 ? host : "",
      checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
      secureContext: this.#parts.trust.context({ hybrid: false, lowest: "TLSv1.2" }),
      ALPNProtocols: ["http/1.1"],
    })
  }
}

/** RFC 9110 section 9.3.6: the authority of the origin, with its port. */
function connectHead(host: string, port: number, authorization: string | null): string {
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`
  const credentials = authorization === null ? "" : `Proxy-Authorization: ${authorization}\r\n`
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`
}

/** Calls back once: null for a tunnel; what came behind the head is put back, the socket paused. */
function readAnswer(
  socket: Socket,
  timeMs: number,
  done: (fault: string | null, status: number | null) => void,
): Cancel {
  let bytes: Buffer = Buffer.alloc(0)
  const timer = setTimeout(() => finish("timeout"), timeMs)
  function stop(): void {
    clearTimeout(timer)
    socket.off("data", onData).off("end", onClose).off("close", onClose).off("error", onError)
  }
  function finish(fault: string | null, status: number | null = null): void {
    stop()
    socket.pause()
    done(fault, status)
  }
  const onClose = () => finish("closed")
  const onError = (error: Error) => finish(errorCode(error))
  function onData(chunk: Buffer): void {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const answer = readConnectAnswer(bytes)
    if (answer === "incomplete") return
    if ("fault" in answer) return finish(answer.fault)
    const { status, headBytes } = answer
    if (status >= 300) return finish(String(status), status)
    stop()
    socket.pause()
    if (bytes.length > headBytes) socket.unshift(bytes.subarray(headBytes))
    done(null, status)
  }
  socket.on("data", onData).on("end", onClose).on("close", onClose).on("error", onError)
  return {
    cancel: () => {
      stop()
      socket.destroy()
    },
  }
}
