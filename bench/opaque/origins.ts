/**
 * Origins that count what they decrypt. What one does stands in the first label of the name it is asked for:
 * `answer300`, `silent`, `greet64`, `greetmute`, `slam`, `drop`, `reset`, `http` (the path says how many bytes).
 */
import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer as createHttp } from "node:http"
import { createServer as createHttp2 } from "node:http2"
import { type AddressInfo, createServer as createTcp } from "node:net"
import { join } from "node:path"
import { Duplex } from "node:stream"
import { createServer, type TLSSocket, type TlsOptions } from "node:tls"
import { freePort } from "../../test/support/free-port.ts"
import { pause } from "./bed.ts"
import type { Files } from "./files.ts"
import { LineChild } from "./line-child.ts"

/** What an origin saw of one session. */
export interface OriginSaw {
  handshake: boolean
  /** It ended the handshake itself: nothing was established. */
  rejected: boolean
  /** Application bytes after the handshake: of the client, ours, and ours after the first of the client. */
  got: number
  wrote: number
  after: number
}

export interface Origins {
  /** `node.plain`, `go.mtls`, ... */
  ports: ReadonlyMap<string, number>
  /** By the port from which the origin was dialled. Null for those whose clients count for them. */
  saw(origin: string, port: number): Promise<OriginSaw | null>
  /** Which name the client asks for who is about to come from this port: node:tls forgets it when it resumes. */
  expect(origin: string, port: number, name: string): void
  close(): void
}

export async function startOrigins(files: Files): Promise<Origins> {
  const seen = new Map<string, OriginSaw>()
  const asked = new Map<string, string>()
  const ports = new Map<string, number>()
  const closing: (() => void)[] = []
  const pair = { key: readFileSync(files.key), cert: readFileSync(files.cert) }
  const ca = readFileSync(files.ca)
  const node: Record<string, TlsOptions> = {
    plain: { ALPNProtocols: ["h2", "http/1.1"] },
    mtls: { requestCert: true, rejectUnauthorized: true, ca },
    ask: { requestCert: true, rejectUnauthorized: false, ca },
    hrr: { ecdhCurve: "P-384" },
    sha256: { ciphers: "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256" },
    chacha: { ciphers: "TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-CHACHA20-POLY1305" },
    cbc: { ciphers: "ECDHE-ECDSA-AES128-SHA:DEFAULT@SECLEVEL=0", maxVersion: "TLSv1.2" },
  }
  for (const [kind, options] of Object.entries(node)) {
    const server = createServer({ ...pair, ...options })
    server.on("connection", (raw) => {
      const saw = { handshake: false, rejected: false, got: 0, wrote: 0, after: 0 }
      seen.set(`node ${raw.remotePort}`, saw)
    })
    server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      const saw = seen.get(`node ${socket.remotePort}`)
      if (saw)
        saw.rejected = !/alert|ECONNRESET|disconnected/i.test(`${error.code} ${error.message}`)
    })
    server.on("secureConnection", (socket) => {
      const saw = seen.get(`node ${socket.remotePort}`)
      if (saw) serve(socket, saw, asked.get(`node ${socket.remotePort}`) ?? "")
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    ports.set(`node.${kind}`, (server.address() as AddressInfo).port)
    closing.push(() => server.close())
  }
  const notTls = createTcp((socket) => {
    socket.on("error", () => {})
    seen.set(`node ${socket.remotePort}`, {
      handshake: false,
      rejected: true,
      got: 0,
      wrote: 0,
      after: 0,
    })
    socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
  })
  await new Promise<void>((resolve) => notTls.listen(0, "127.0.0.1", resolve))
  ports.set("node.not-tls", (notTls.address() as AddressInfo).port)
  closing.push(() => notTls.close())
  const children: [string, string[] | null, string[]][] = [
    ["java", files.java, ["serve", files.ca, files.p12]],
    ["go", files.go, ["serve", files.ca, files.cert, files.key]],
  ]
  for (const [stack, start, args] of children) {
    if (!start) continue
    const child = new LineChild([...start, ...args])
    closing.push(() => child.close())
    const kinds = Object.entries(await child.line())
    for (const [kind, port] of kinds) ports.set(`${stack}.${kind}`, Number(port))
    child.each(({ port, handshake, rejected, got, wrote, after }) =>
      seen.set(`${stack} ${port}`, {
        handshake: handshake === "1",
        rejected: rejected === "1",
        got: Number(got),
        wrote: Number(wrote),
        after: Number(after),
      }),
    )
  }
  ports.set("s_server.early", await earlyDataOrigin(files, closing))
  ports.set("gnutls.echo", await gnutlsOrigin(files, [], closing))
  ports.set("gnutls.noticket", await gnutlsOrigin(files, ["--noticket"], closing))
  return {
    ports,
    saw: async (origin, port) => {
      const stack = origin.split(".")[0] ?? ""
      const counts = ["node", ...children.map(([name]) => name)].includes(stack)
      for (let i = 0; counts && i < 50 && !seen.has(`${stack} ${port}`); i++) await pause(20)
      return seen.get(`${stack} ${port}`) ?? null
    },
    expect: (origin, port, name) => {
      const key = `${origin.split(".")[0]} ${port}`
      asked.set(key, name)
      // Ports come again; node's own count began when the connection came.
      if (!key.startsWith("node")) seen.delete(key)
    },
    close: () => {
      for (const each of closing) each()
    },
  }
}

/** openssl s_server takes early data; it answers nothing, and its clients count for it. */
async function earlyDataOrigin(files: Files, closing: (() => void)[]): Promise<number> {
  const port = await freePort()
  writeFileSync(join(files.folder, "early"), "e".repeat(200))
  const args = ["-accept", `127.0.0.1:${port}`, "-cert", files.cert, "-key", files.key]
  const child = spawn("openssl", ["s_server", ...args, "-early_data", "-no_anti_replay"], {
    stdio: ["pipe", "ignore", "ignore"],
  })
  child.on("error", () => {})
  closing.push(() => child.kill())
  return port
}

/** gnutls-serv sends back what it gets; its clients count for it. */
async function gnutlsOrigin(
  files: Files,
  more: string[],
  closing: (() => void)[],
): Promise<number> {
  const port = await freePort()
  const pair = [`--x509certfile=${files.cert}`, `--x509keyfile=${files.key}`]
  const child = spawn("gnutls-serv", ["--echo", "-q", "-p", String(port), ...pair, ...more], {
    stdio: "ignore",
  })
  child.on("error", () => {})
  closing.push(() => child.kill())
  return port
}

function serve(socket: TLSSocket, saw: OriginSaw, name: string): void {
  saw.handshake = true
  socket.setNoDelay(true)
  const label = name.split("-")[0] ?? ""
  const does = label.replace(/\d+$/, "")
  const size = Math.max(1, Number(label.slice(does.length)))
  const counted = new Counted(socket, saw)
  counted.on("error", () => {})
  if (does === "http") {
    const server = socket.alpnProtocol === "h2" ? createHttp2(respond) : createHttp(respond)
    server.on("sessionError", () => {})
    return void server.emit("connection", counted)
  }
  if (does.startsWith("greet")) counted.write(Buffer.alloc(64, "g"))
  if (does === "slam") counted.end()
  counted.on("data", () => {
    if (does === "answer" || does === "greet") counted.write(Buffer.alloc(size, "a"))
    else if (does === "drop") counted.end()
    else if (does === "reset") socket.resetAndDestroy()
  })
  counted.on("end", () => counted.end())
}

/** `/2000`: a body of so many bytes. A posted body is read to its end first. */
function respond(
  request: {
    url?: string | undefined
    resume(): unknown
    on(event: "end", fn: () => void): unknown
  },
  response: { end(body: Buffer): unknown; setHeader(name: string, value: string): unknown },
): void {
  const size = Number(/\d+/.exec(request.url ?? "")?.[0] ?? 200)
  request.resume()
  request.on("end", () => {
    response.setHeader("content-type", "text/html")
    response.end(Buffer.alloc(size, "<p>origin</p>"))
  })
}

/** The application's bytes on their way between TLS and the protocol above it. */
class Counted extends Duplex {
  readonly #socket: TLSSocket
  readonly #saw: OriginSaw

  constructor(socket: TLSSocket, saw: OriginSaw) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    this.#saw = saw
    socket.on("data", (chunk: Buffer) => {
      saw.got += chunk.length
      if (!this.push(chunk)) socket.pause()
    })
    socket.on("end", () => this.push(null))
    socket.on("error", (error) => this.destroy(error))
    socket.on("close", () => this.destroy())
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _: string, done: (error?: Error | null) => void): void {
    this.#saw.wrote += chunk.length
    if (this.#saw.got > 0) this.#saw.after += chunk.length
    this.#socket.write(chunk, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
