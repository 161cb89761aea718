/** Real TLS sessions of node:tls through a recording relay on loopback, and record streams made by hand. */
import { generateKeyPairSync } from "node:crypto"
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import tls from "node:tls"
import forge from "node-forge"
import {
  type OpaqueEnd,
  OpaqueSession,
  type OpaqueVerdict,
} from "../../src/observe/opaque-session.ts"
import { bytes, vector8, vector16 } from "./hello-bytes.ts"

export type Chunk = { from: "client" | "server"; bytes: Uint8Array }

/** A self-signed RSA certificate for app.example, made anew by each test file. */
export function selfSigned(): { key: string; cert: string } {
  const pem = { type: "pkcs8", format: "pem" } as const
  const pair = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: pem,
  })
  const cert = forge.pki.createCertificate()
  cert.publicKey = forge.pki.publicKeyFromPem(pair.publicKey)
  cert.serialNumber = "01"
  cert.validity.notBefore = new Date(Date.now() - 86_400_000)
  cert.validity.notAfter = new Date(Date.now() + 86_400_000)
  const name = [{ name: "commonName", value: "app.example" }]
  cert.setSubject(name)
  cert.setIssuer(name)
  cert.setExtensions([{ name: "subjectAltName", altNames: [{ type: 2, value: "app.example" }] }])
  cert.sign(forge.pki.privateKeyFromPem(pair.privateKey), forge.md.sha256.create())
  return { key: pair.privateKey, cert: forge.pki.certificateToPem(cert) }
}

export type Recorded = { chunks: Chunk[]; session: Buffer | undefined }

export type Play = {
  server: tls.TlsOptions
  client: tls.ConnectionOptions
  /** What the origin does with an accepted connection. */
  serve: (socket: tls.TLSSocket) => void
  /** What the client does once its own side of the handshake is done. */
  use: (socket: tls.TLSSocket) => void
}

/** Runs one session until both its ends are closed. */
export async function record(play: Play): Promise<Recorded> {
  const origin = tls.createServer(play.server, (socket) => {
    socket.on("error", () => {})
    play.serve(socket)
  })
  origin.on("tlsClientError", () => {})
  const recorded = await through(origin, (port) => {
    const client = tls.connect({
      servername: "app.example",
      ...play.client,
      host: "127.0.0.1",
      port,
    })
    client.on("secureConnect", () => play.use(client))
    return client
  })
  return recorded
}

/** The relay: what each side sends, in the order in which it came through. */
export async function through(
  origin: Server,
  dial: (port: number) => tls.TLSSocket | Socket,
): Promise<Recorded> {
  const chunks: Chunk[] = []
  const relay = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({
      port: (origin.address() as AddressInfo).port,
      host: "127.0.0.1",
      allowHalfOpen: true,
    })
    const pump = (from: Chunk["from"], source: Socket, sink: Socket) => {
      source.on("data", (part) => {
        chunks.push({ from, bytes: new Uint8Array(part) })
        sink.write(part)
      })
      source.on("end", () => sink.end())
      source.on("error", () => sink.destroy())
      source.on("close", () => sink.end())
    }
    pump("client", near, far)
    pump("server", far, near)
  })
  origin.listen(0, "127.0.0.1")
  relay.listen(0, "127.0.0.1")
  await Promise.all([once(origin, "listening"), once(relay, "listening")])
  const client = dial((relay.address() as AddressInfo).port)
  let session: Buffer | undefined
  client.on("session", (ticket: Buffer) => {
    session = ticket
  })
  client.on("error", () => {})
  client.on("data", () => {})
  await new Promise<void>((closed) => client.once("close", () => closed()))
  relay.close()
  origin.close()
  await Promise.all([once(relay, "close"), once(origin, "close")])
  return { chunks, session }
}

const clientFin: OpaqueEnd = { by: "client", how: "fin" }

/** The verdict on chunks, each cut into parts of at most `size` bytes. */
export function judged(
  chunks: readonly Chunk[],
  size = Number.POSITIVE_INFINITY,
  end: OpaqueEnd = clientFin,
): OpaqueVerdict {
  const session = new OpaqueSession()
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.bytes.length; at += size) {
      session[chunk.from](chunk.bytes.subarray(at, at + size))
    }
  }
  return session.verdict(end)
}

/** One record of zeros with this header. */
export function recordOf(type: number, length: number): Uint8Array {
  return bytes([type, 3, 3], vector16(new Uint8Array(length)))
}

/** A record of application data, or of anything in TLS 1.3 after the ServerHello. */
export const data = (length: number) => recordOf(23, length)

/** The random that makes a ServerHello a HelloRetryRequest. */
export const retryRandom = Uint8Array.from(
  Buffer.from("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", "hex"),
)

/** A ServerHello message; TLS 1.3 says its version in an extension, and there may be more of them. */
export function serverHelloMessage(
  version: number,
  cipherSuite: number,
  random: Uint8Array = new Uint8Array(32),
  more: readonly number[] = [],
): Uint8Array {
  const extensions = Uint8Array.from([0, 43, 0, 2, version >> 8, version & 0xff, ...more])
  const body = bytes(
    [3, Math.min(version & 0xff, 3)],
    random,
    vector8(new Uint8Array(32)),
    [cipherSuite >> 8, cipherSuite & 0xff, 0],
    version >= 0x0304 ? vector16(extensions) : [],
  )
  return bytes([2, 0, body.length >> 8, body.length & 0xff], body)
}

export function serverHelloRecord(...given: Parameters<typeof serverHelloMessage>): Uint8Array {
  return bytes([22, 3, 3], vector16(serverHelloMessage(...given)))
}
