/**
 * What the emulated APIs share: a server on loopback, tokens that expire, and a place where a test (or a
 * `--quirks` flag) disturbs answers.
 */
import { createHash, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import http, { type IncomingMessage, type ServerResponse } from "node:http"
import https from "node:https"
import type { AddressInfo, Socket } from "node:net"

export interface Asked {
  method: string
  url: URL
  headers: http.IncomingHttpHeaders
  body: string
  /** Which request this is, from 1. */
  count: number
}

export interface Told {
  status?: number
  headers?: Record<string, string>
  /** Text and bytes as they are, anything else as JSON. */
  body?: unknown
}

/** Instead of the answer: another one, silence, or a connection that breaks (in the middle of it). */
export type Disturbance = Told | "silence" | "reset" | "half"

export interface Emulator {
  url: string
  /** Method, path and query of each request, oldest first. */
  requests: string[]
  /** What is done instead of answering; null: it answers. */
  disturb: (asked: Asked) => Disturbance | null
  close(): Promise<void>
}

export interface EmulatorOptions {
  port?: number
  /** PEM files; without them it speaks plain http. */
  tls?: { cert: string; key: string }
}

export async function startEmulator(
  { port = 0, tls }: EmulatorOptions,
  answer: (asked: Asked) => Told,
): Promise<Emulator> {
  const requests: string[] = []
  let count = 0
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const method = request.method ?? "GET"
    const url = new URL(request.url ?? "/", emulator.url)
    count += 1
    requests.push(`${method} ${decodeURIComponent(url.pathname + url.search)}`)
    const body = Buffer.concat(chunks).toString("utf8")
    const asked = { method, url, headers: request.headers, body, count }
    const disturbance = emulator.disturb(asked)
    if (disturbance === "silence") return
    if (disturbance === "reset") return void request.socket.resetAndDestroy()
    const told = disturbance === null || disturbance === "half" ? answer(asked) : disturbance
    const { body: given = {} } = told
    const text = typeof given === "string" || Buffer.isBuffer(given) ? given : JSON.stringify(given)
    response.writeHead(told.status ?? 200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      ...told.headers,
    })
    if (disturbance !== "half") return void response.end(text)
    response.write(text.slice(0, Math.floor(text.length / 2)), () => request.socket.destroy())
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    take(request, response).catch(() => request.socket.destroy())
  }
  const server = tls
    ? https.createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, onRequest)
    : http.createServer(onRequest)
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket)).on("error", () => {})
  })
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
  const emulator: Emulator = {
    url: `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    disturb: () => null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
  return emulator
}

/** Bearer tokens of one client. */
export class Tokens {
  readonly id: string
  readonly secret: string
  readonly #seconds: number
  readonly #until = new Map<string, number>()

  constructor({ id, secret, seconds }: { id: string; secret: string; seconds: number }) {
    this.id = id
    this.secret = secret
    this.#seconds = seconds
  }

  /** Answers a form of RFC 6749 section 4.4. */
  give({ body }: Asked): Told {
    const form = new URLSearchParams(body)
    if (form.get("grant_type") !== "client_credentials")
      return { status: 400, body: { error: "unsupported_grant_type" } }
    if (form.get("client_id") !== this.id || form.get("client_secret") !== this.secret)
      return {
        status: 401,
        body: { error: "invalid_client", error_description: "AADSTS7000215: …" },
      }
    const token = randomBytes(24).toString("base64url")
    this.#until.set(token, Date.now() + this.#seconds * 1_000)
    return { body: { access_token: token, token_type: "Bearer", expires_in: this.#seconds } }
  }

  accept({ headers }: Asked): boolean {
    const token = /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1] ?? ""
    return (this.#until.get(token) ?? 0) > Date.now()
  }

  /** As when an administrator revokes them. */
  revoke(): void {
    this.#until.clear()
  }
}

/** The same digits for the same words, on every run. */
export function digits(words: string, length: number): string {
  return createHash("sha256").update(words).digest("hex").slice(0, length)
}

export function guid(words: string): string {
  const hex = digits(words, 32)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-")
}
