/** What a client of the lab is sent to do, and its way to the origin: CONNECT through the proxy. */
import { createHash, type KeyObject, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls"

export interface Errand {
  /** HOST:PORT of the sensor's explicit proxy. */
  proxy: string
  /** Loopback address that stands for the device. */
  from: string
  host: string
  port: number
  /** User-Agent of the CONNECT and of the request. */
  agent: string
  /** PEM file of the CAs that the device trusts. */
  trust: string
  /** `sha256//...` of the public key that the app expects, as curl writes it. */
  pin: string
}

/** Makes a request long enough that a spliced session counts as strongly used (200 bytes each way). */
export const padding = "x".repeat(300)

/** Longest a client waits for anything, in milliseconds. */
const patience = 10_000

/** Runs one client process: its errand stands in the first argument. Its word goes to stdout, and
 * the exit code says whether there was content. */
export async function runClient(visit: (errand: Errand) => Promise<string>): Promise<void> {
  const errand: Errand = JSON.parse(process.argv[2] ?? "")
  const limit = setTimeout(() => {
    leave("no end in time", 1)
    process.exit()
  }, patience)
  try {
    leave(await visit(errand), 0)
  } catch (error) {
    leave(wordOf(error), 1)
  } finally {
    clearTimeout(limit)
  }
}

/** What OpenSSL says has addresses in it; its code reads better. */
function wordOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  return code?.startsWith("ERR_SSL") ? code : error.message
}

function leave(word: string, code: number): void {
  process.stdout.write(`${word.split("\n")[0]}\n`)
  process.exitCode = code
}

/** A TLS connection to the errand's host, by a client that wants HTTP/1.1. */
export async function connectTo(errand: Errand, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = await tunnel(errand)
  const tls = connectTls({
    socket,
    servername: errand.host,
    ca: readFileSync(errand.trust),
    ALPNProtocols: ["http/1.1"],
    ...more,
  })
  return new Promise((resolve, reject) => {
    tls.once("secureConnect", () => resolve(tls))
    tls.once("error", reject)
    tls.once("close", () => reject(new Error("closed during the handshake")))
  })
}

/** One request, and what came back. */
export function ask(tls: TLSSocket, { host, agent }: Errand): Promise<string> {
  return new Promise((resolve, reject) => {
    let bytes = 0
    tls.on("data", (chunk: Buffer) => {
      bytes += chunk.length
    })
    tls.once("error", reject)
    tls.once("close", () =>
      bytes > 0
        ? resolve(`${bytes} bytes of content`)
        : reject(new Error("closed without content")),
    )
    tls.write(
      `GET / HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${agent}\r\nX-Padding: ${padding}\r\n` +
        "Connection: close\r\n\r\n",
    )
  })
}

/** As RFC 7469 section 2.4 has it and curl writes it. */
export function pinOf(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: "spki", format: "der" })
  return `sha256//${createHash("sha256").update(spki).digest("base64")}`
}

export function pinOfCertificate(der: Buffer): string {
  return pinOf(new X509Certificate(der).publicKey)
}

/** The tunnel of a CONNECT that was answered with 200. */
function tunnel({ proxy, from, host, port, agent }: Errand): Promise<Socket> {
  const at = proxy.lastIndexOf(":")
  const socket = connect({
    host: proxy.slice(0, at),
    port: Number(proxy.slice(at + 1)),
    localAddress: from,
  })
  return new Promise((resolve, reject) => {
    let head = ""
    const onData = (chunk: Buffer) => {
      head += chunk.toString("latin1")
      if (!head.includes("\r\n\r\n")) return
      socket.off("data", onData)
      const [status = ""] = head.split("\r\n")
      if (/^HTTP\/1\.[01] 200/.test(status)) resolve(socket)
      else reject(new Error(`proxy: ${status}`))
    }
    socket.on("data", onData)
    socket.once("error", reject)
    socket.once("close", () => reject(new Error("the proxy closed the connection")))
    socket.write(
      `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\nUser-Agent: ${agent}\r\n\r\n`,
    )
  })
}
