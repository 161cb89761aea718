/**
 * A connection to an origin through the upstream proxy that can be written to before it is there, as a
 * connecting socket can. It holds what is written until then, and reads nothing ahead.
 */
import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import type { Tunnelled, UpstreamProxy } from "./upstream-proxy.ts"

type Done = (error?: Error | null) => void

/** Emits `connect` once, or `error` whose code says what the proxy said. Owned state: one tunnel. */
export class TunnelStream extends Duplex {
  #tunnel: Socket | null = null
  #address: string | undefined
  /** What waits for the tunnel: one write, or the end. */
  #waiting: (() => void) | null = null
  #opening: { cancel: () => void } | null = null

  constructor(
    proxy: UpstreamProxy,
    to: { host: string; addresses: readonly string[]; port: number },
    timeMs: number,
  ) {
    super({ allowHalfOpen: true })
    this.#opening = proxy.tunnel(to, timeMs, (tunnelled) => this.#opened(tunnelled))
  }

  /** The origin's, as it was asked for; undefined where only the proxy knows it. */
  get remoteAddress(): string | undefined {
    return this.#address
  }

  get bytesRead(): number {
    return this.#tunnel?.bytesRead ?? 0
  }

  setTimeout(ms: number, then?: () => void): this {
    this.#tunnel?.setTimeout(ms, then)
    return this
  }

  /** The connection to the proxy has keep-alive of its own. */
  setKeepAlive(): this {
    return this
  }

  #opened(tunnelled: Tunnelled): void {
    if (!tunnelled.ok) {
      const { because } = tunnelled
      this.destroy(Object.assign(new Error(because), { code: because }))
      return
    }
    const { socket, address } = tunnelled
    if (this.destroyed) return void socket.destroy()
    this.#tunnel = socket
    this.#address = address ?? undefined
    socket.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause()
    })
    socket.on("end", () => this.push(null))
    socket.on("error", (error) => this.destroy(error))
    socket.on("close", () => {
      // A reset tells its error first; without one there is nothing more to come either way.
      if (!socket.readableEnded || !socket.writableFinished) this.destroy()
    })
    this.emit("connect")
    this.#waiting?.()
    this.#waiting = null
    socket.resume()
  }

  override _read(): void {
    this.#tunnel?.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#whenOpen((tunnel) => tunnel.write(chunk, done))
  }

  override _final(done: Done): void {
    this.#whenOpen((tunnel) => tunnel.end(done))
  }

  #whenOpen(act: (tunnel: Socket) => void): void {
    const tunnel = this.#tunnel
    if (tunnel) act(tunnel)
    else
      this.#waiting = () => {
        if (this.#tunnel) act(this.#tunnel)
      }
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#opening?.cancel()
    if (this.#tunnel) this.#tunnel.destroy()
    done(error)
  }
}
