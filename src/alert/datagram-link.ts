/**
 * Syslog over UDP (RFC 5426): one message in one datagram, and nobody says whether it arrived.
 *
 * The socket is connected, so that an ICMP "port unreachable" comes back as an error: within the grace
 * that fails the batch. Any other loss on the way is silent.
 */
import dgram from "node:dgram"
import { lookup } from "node:dns/promises"
import { type Link, type LinkTiming, pause, within } from "./link.ts"
import type { SyslogSettings } from "./settings.ts"

export async function openDatagramLink(
  settings: SyslogSettings,
  timing: LinkTiming,
  signal: AbortSignal,
): Promise<Link> {
  signal.throwIfAborted()
  const { host, port } = settings
  const late = `${host} was not resolved within ${timing.connectMs} ms`
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true })
  })
  const found = await within(timing.connectMs, late, Promise.race([lookup(host), aborted]))
  const socket = dgram.createSocket(found.family === 6 ? "udp6" : "udp4")
  const link = new DatagramLink(socket, timing)
  const connected = new Promise<void>((resolve) => socket.once("connect", resolve))
  socket.connect(port, found.address)
  await Promise.race([connected, link.failure])
  return link
}

class DatagramLink implements Link {
  readonly failure: Promise<never>
  readonly #socket: dgram.Socket
  readonly #timing: LinkTiming
  #failed = false
  #closed = false
  #fail: (fault: Error) => void = () => {}

  constructor(socket: dgram.Socket, timing: LinkTiming) {
    this.#socket = socket
    this.#timing = timing
    this.failure = new Promise((_, reject) => {
      this.#fail = (fault) => {
        this.#failed = true
        reject(fault)
      }
    })
    this.failure.catch(() => {}) // failed while idle: `usable` tells
    socket.on("error", this.#fail)
    socket.unref()
  }

  get usable(): boolean {
    return !this.#failed && !this.#closed
  }

  async deliver(messages: readonly Buffer[]): Promise<void> {
    const sent = messages.map(
      (message) =>
        new Promise<void>((resolve, reject) => {
          this.#socket.send(message, (fault) => (fault ? reject(fault) : resolve()))
        }),
    )
    const all = Promise.all(sent).then(() => {})
    const { writeMs, graceMs } = this.#timing
    await within(writeMs, "datagrams were not taken", Promise.race([all, this.failure]))
    await pause(graceMs, this.failure)
  }

  close(): void {
    if (!this.#closed) this.#socket.close()
    this.#closed = true
  }

  destroy(): void {
    this.#fail(new Error("the datagram socket is closed"))
    this.close()
  }
}
