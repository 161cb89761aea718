/**
 * Syslog over TCP (RFC 6587) and over TLS (RFC 5425).
 *
 * Plain syslog has no acknowledgement: a successful write says that our own kernel has the bytes, no more.
 * What TCP itself tells is used to the full. A receiver that goes away with bytes unread, or that had gone
 * before they came, answers with RST: within the grace that fails the batch. A FIN alone is ambiguous: the
 * receiver may have closed before it saw the batch, or after it had read some or all of it. A batch of
 * several then counts as failed. A single message is written once more after the grace: if a RST had
 * answered it, this write fails with EPIPE; if not, it was taken before the receiver closed. So a
 * receiver that hangs up after each message gets on, and one that hangs up unread is not believed.
 */
import { readFile } from "node:fs/promises"
import net from "node:net"
import tls from "node:tls"
import { frame } from "./frame.ts"
import { type Link, type LinkTiming, pause, within } from "./link.ts"
import type { SyslogSettings } from "./settings.ts"

export async function openStreamLink(
  settings: SyslogSettings,
  timing: LinkTiming,
  signal: AbortSignal,
): Promise<Link> {
  signal.throwIfAborted()
  const { host, port } = settings
  const socket =
    settings.transport === "tls"
      ? tls.connect(await tlsOptions(settings))
      : net.connect({ host, port, allowHalfOpen: true })
  const link = new StreamLink(socket, settings, timing)
  const stop = () => link.destroy()
  signal.addEventListener("abort", stop, { once: true })
  try {
    const ready = settings.transport === "tls" ? "secureConnect" : "connect"
    const connected = new Promise<void>((resolve) => socket.once(ready, () => resolve()))
    const late = `${host}:${port} did not answer within ${timing.connectMs} ms`
    await within(timing.connectMs, late, Promise.race([connected, link.failure]))
    return link
  } catch (cause) {
    link.destroy()
    throw settings.transport === "tls" ? tlsFault(settings, cause) : cause
  } finally {
    signal.removeEventListener("abort", stop)
  }
}

/** The files are read at every connection, so that a renewed certificate needs no restart. */
async function tlsOptions(
  settings: SyslogSettings,
): Promise<tls.ConnectionOptions & { allowHalfOpen: boolean }> {
  const file = async (name: "ca" | "cert" | "key") => {
    const path = settings[name]
    if (path === null) return {}
    try {
      return { [name]: await readFile(path) }
    } catch (cause) {
      throw new Error(`operator: syslog ${name} file ${path} cannot be read`, { cause })
    }
  }
  const name = settings["server-name"] ?? settings.host
  return {
    host: settings.host,
    port: settings.port,
    ...(net.isIP(name) ? {} : { servername: name }),
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate),
    minVersion: "TLSv1.2",
    allowHalfOpen: true,
    ...(await file("ca")),
    ...(await file("cert")),
    ...(await file("key")),
  }
}

/** OpenSSL's words for a receiver that we do not trust, with the way out. */
function tlsFault(settings: SyslogSettings, cause: unknown): unknown {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  const { host, port } = settings
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return new Error(
      `operator: the certificate of syslog receiver ${host}:${port} is for another name; set server-name to the name it carries`,
      { cause },
    )
  if (/^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_)/.test(code))
    return new Error(
      `operator: the certificate of syslog receiver ${host}:${port} is refused (${code}); set ca to the CA that issued it`,
      { cause },
    )
  return cause
}

class StreamLink implements Link {
  /** Rejects when the connection is lost by error or for good; never resolves. */
  readonly failure: Promise<never>
  readonly #socket: net.Socket
  readonly #settings: SyslogSettings
  readonly #timing: LinkTiming
  #receiverClosed = false
  #delivering = false

  constructor(socket: net.Socket, settings: SyslogSettings, timing: LinkTiming) {
    this.#socket = socket
    this.#settings = settings
    this.#timing = timing
    this.failure = new Promise((_, reject) => {
      socket.on("error", reject)
      socket.once("close", () =>
        reject(new Error(`the connection to ${settings.host}:${settings.port} is closed`)),
      )
    })
    this.failure.catch(() => {}) // lost while idle: `usable` tells
    socket.on("end", () => {
      this.#receiverClosed = true
      if (!this.#delivering) socket.destroy()
    })
    socket.resume() // receivers say nothing; reading is what shows FIN and RST
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
  }

  get usable(): boolean {
    return !this.#receiverClosed && !this.#socket.destroyed && this.#socket.writable
  }

  async deliver(messages: readonly Buffer[]): Promise<void> {
    this.#delivering = true
    try {
      await this.#write(messages)
      await pause(this.#timing.graceMs, this.failure)
      const [first, second] = messages
      if (this.#receiverClosed && second) throw new Error("the receiver closed amid a batch")
      if (this.#receiverClosed && first) await this.#write([first])
    } catch (cause) {
      this.#socket.destroy()
      throw cause
    } finally {
      this.#delivering = false
      if (this.#receiverClosed) this.#socket.destroy()
    }
  }

  close(): void {
    this.#socket.end()
    // The receiver may never close its side; what was written is in the kernel and goes out anyhow.
    setTimeout(() => this.#socket.destroy(), 1_000).unref()
    this.#socket.unref()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Resolves once the kernel has all of it. */
  async #write(messages: readonly Buffer[]): Promise<void> {
    const { host, port, framing } = this.#settings
    const written = messages.map(
      (message) =>
        new Promise<void>((resolve, reject) => {
          this.#socket.write(frame(message, framing), (fault) =>
            fault ? reject(fault) : resolve(),
          )
        }),
    )
    const slow = `${host}:${port} does not read: a batch was not taken within ${this.#timing.writeMs} ms`
    const all = Promise.all(written).then(() => {})
    await within(this.#timing.writeMs, slow, Promise.race([all, this.failure]))
  }
}
