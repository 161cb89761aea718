/** An HTTPS origin on loopback (h2 and http/1.1) with a certificate of a test CA. */
import { createHash, X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import { createSecureServer } from "node:http2"
import type { AddressInfo, Socket } from "node:net"
import type { TestCa } from "./certificates.ts"

export interface HttpsOrigin {
  port: number
  /** sha256//... as curl's --pinnedpubkey wants it. */
  pin: string
  close(): Promise<void>
}

/** `names`: what its certificate is good for, e.g. `*.bank.example`. */
export async function httpsOrigin(ca: TestCa, names: readonly string[]): Promise<HttpsOrigin> {
  const issued = await ca.issue("origin", names.map((name) => `DNS:${name}`).join(","))
  const cert = await readFile(issued.cert, "utf8")
  const key = await readFile(issued.key, "utf8")
  const page = "x".repeat(2_000)
  const server = createSecureServer({ key, cert, allowHTTP1: true }, (_, response) => {
    response.end(page)
  })
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket)).on("error", () => {})
  })
  server.on("sessionError", () => {}).on("tlsClientError", () => {})
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()))
  const spki = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" })
  return {
    port: (server.address() as AddressInfo).port,
    pin: `sha256//${createHash("sha256").update(spki).digest("base64")}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
