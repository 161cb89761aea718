/**
 * One request to one server, with every bound that a broken or hostile one calls for.
 *
 * In: a URL below the configured origin. Out: status, headers and a body of bounded size. No redirect
 * is followed, nothing is sent to another origin, and no byte of an answer gets into an error.
 */
import { readFileSync } from "node:fs"
import http, { type IncomingMessage } from "node:http"
import https from "node:https"
import { pipeline } from "node:stream"
import { createGunzip } from "node:zlib"
import { readSecret } from "../../source/secret.ts"
import { MdmFault } from "./mdm-fault.ts"
import type { MdmHttpSettings } from "./poll-settings.ts"

const MiB = 1024 * 1024
/** Connections to one server at once. */
const mostSockets = 4

export interface MdmRequest {
  method: "GET" | "POST"
  headers: Record<string, string>
  body?: string
}

export interface MdmAnswer {
  status: number
  headers: http.IncomingHttpHeaders
  body: Buffer
}

/** Owned state: the open connections to one origin. */
export class MdmHttp {
  /** scheme://host:port of the one server that is asked. */
  readonly origin: string
  readonly #settings: MdmHttpSettings
  readonly #key: string
  #agent: http.Agent | https.Agent | null = null

  /** `key` is the setting it is about, for errors. */
  constructor(key: string, url: string, settings: MdmHttpSettings) {
    const { origin, protocol } = new URL(url)
    if (protocol === "http:" && !settings["allow-plain-http"])
      throw new Error(`${key}: ${origin} is plain http; write https`)
    this.origin = origin
    this.#settings = settings
    this.#key = key
  }

  /** Throws a MdmFault for everything but an answer; an answer of any status is one. */
  async ask(url: URL, request: MdmRequest, signal: AbortSignal): Promise<MdmAnswer> {
    // The origin of blob:https://HOST/ is https://HOST.
    const other = url.origin !== this.origin || !/^https?:$/.test(url.protocol)
    if (other || url.username !== "" || url.password !== "")
      throw new MdmFault(
        "lasting",
        `${this.origin} sent us to another server (${url.origin.slice(0, 100)}), which is not followed`,
      )
    signal.throwIfAborted()
    this.#agent ??= this.#newAgent()
    const answer = await this.#exchange(url, request, signal)
    const { status, headers } = answer
    if (status >= 300 && status < 400)
      throw new MdmFault(
        "lasting",
        `${this.origin} answered with a redirect (${status}), which is not followed`,
        { status },
      )
    return { status, headers, body: answer.body }
  }

  close(): void {
    this.#agent?.destroy()
    this.#agent = null
  }

  /** Files are read when the first request is made, and again after `close`. */
  #newAgent(): http.Agent | https.Agent {
    const { ca, proxy, "proxy-user": user } = this.#settings
    const options = { keepAlive: true, maxSockets: mostSockets, timeout: 60_000 }
    const via =
      proxy === null
        ? {}
        : { proxyEnv: proxyEnv(proxy, user && readSecret(`${this.#key}.http.proxy-user`, user)) }
    if (this.origin.startsWith("http:")) return new http.Agent({ ...options, ...via })
    const trust = ca === null ? {} : { ca: caFile(`${this.#key}.http.ca`, ca) }
    return new https.Agent({ ...options, ...via, ...trust, minVersion: "TLSv1.2" })
  }

  #exchange(url: URL, { method, headers, body }: MdmRequest, signal: AbortSignal) {
    const settings = this.#settings
    const agent = this.#agent as http.Agent
    const ask = url.protocol === "https:" ? https.request : http.request
    return new Promise<MdmAnswer>((resolve, reject) => {
      let done = false
      let timer: NodeJS.Timeout
      const all = {
        accept: "application/json",
        "accept-encoding": "gzip",
        "user-agent": "pinsensor",
        ...headers,
        ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
      }
      const request = ask(url, { agent, method, headers: all, signal, maxHeaderSize: 64 * 1024 })
      const settle = (act: () => void) => {
        if (done) return
        done = true
        clearTimeout(timer)
        act()
      }
      const fail = (error: unknown) =>
        settle(() => {
          reject(signal.aborted ? signal.reason : this.#faultOf(error))
          request.destroy()
        })
      const within = (ms: number, what: string) => {
        clearTimeout(timer)
        if (done) return
        timer = setTimeout(
          () => fail(new MdmFault("passing", `${this.origin} ${what} within ${ms} ms`)),
          ms,
        )
      }
      within(settings["connect-timeout"], "could not be connected")
      request.on("error", fail)
      request.on("socket", (socket) => {
        const connected = () => {
          if (!done) within(settings["answer-timeout"], "did not begin to answer")
        }
        if (
          request.reusedSocket ||
          (!socket.connecting && !("secureConnecting" in socket && socket.secureConnecting))
        )
          connected()
        else socket.once(url.protocol === "https:" ? "secureConnect" : "connect", connected)
      })
      request.on("response", (response) => {
        const idle = () => within(settings["idle-timeout"], "sent no further byte of its answer")
        idle()
        this.#body(response, idle).then(
          (bytes) =>
            settle(() =>
              resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes }),
            ),
          fail,
        )
      })
      request.end(body)
    })
  }

  /** The whole body, unpacked, in at most `max-page` and, all in all, in ten idle timeouts and a minute. */
  #body(response: IncomingMessage, idle: () => void): Promise<Buffer> {
    const limit = this.#settings["max-page"] * MiB
    const tooLarge = () =>
      new MdmFault(
        "lasting",
        `${this.origin} sent more than ${this.#settings["max-page"]} MiB in one answer (http.max-page)`,
      )
    const encoding = response.headers["content-encoding"] ?? "identity"
    if (!/^(identity|gzip)$/i.test(encoding))
      return Promise.reject(
        new MdmFault("lasting", `${this.origin} packed its answer in a way that was not offered`),
      )
    const until = performance.now() + 10 * this.#settings["idle-timeout"] + 60_000
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let size = 0
      const refuse = (fault: MdmFault) => {
        reject(fault)
        // What is still packed would go on unpacking.
        unpacked.destroy()
      }
      const take = (chunk: Buffer) => {
        idle()
        size += chunk.length
        if (size > limit) return refuse(tooLarge())
        chunks.push(chunk)
        if (performance.now() > until)
          refuse(new MdmFault("passing", `${this.origin} sent its answer too slowly`))
      }
      const gzip = /^gzip$/i.test(encoding)
      const unpacked = gzip ? pipeline(response, createGunzip(), () => {}) : response
      unpacked.on("data", take)
      unpacked.once("end", () => resolve(Buffer.concat(chunks)))
      unpacked.once("error", reject)
      unpacked.once("close", () =>
        reject(new MdmFault("passing", `${this.origin} broke off its answer`)),
      )
    })
  }

  /** The system's codes say what happened; its texts may repeat what the server sent. */
  #faultOf(error: unknown): MdmFault {
    if (error instanceof MdmFault) return error
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown"
    if (/^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS_CERT)/.test(code))
      return new MdmFault(
        "lasting",
        `the certificate of ${this.origin} is refused (${code}); set http.ca to the CA that issued it`,
        { cause: error },
      )
    return new MdmFault("passing", `${this.origin} could not be asked (${code})`, { cause: error })
  }
}

function proxyEnv(proxy: string, user: string | null): NodeJS.ProcessEnv {
  const url = new URL(proxy)
  if (user !== null) {
    const colon = user.indexOf(":")
    url.username = encodeURIComponent(colon < 0 ? user : user.slice(0, colon))
    url.password = encodeURIComponent(colon < 0 ? "" : user.slice(colon + 1))
  }
  return { HTTP_PROXY: url.href, HTTPS_PROXY: url.href }
}

function caFile(key: string, file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown"
    throw new Error(`${key}: ${file} cannot be read (${code})`, { cause })
  }
}
