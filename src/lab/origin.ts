/** One HTTPS origin of the lab on loopback, in h2 and http/1.1. */
import { createSecureServer } from "node:http2"
import type { AddressInfo, Socket } from "node:net"

export interface Identity {
  /** PEM: the certificate, its chain after it. */
  cert: string
  key: string
}

export interface Origin {
  port: number
  close(): Promise<void>
}

/** Long enough for a spliced session to count as strongly used (200 bytes each way). */
const page = `${"A page of the lab. ".repeat(100)}\n`

/** `clientCa`: only clients with a certificate of this CA (PEM) are served. */
export async function startOrigin(identity: Identity, clientCa?: string): Promise<Origin> {
  const asks = clientCa === undefined ? {} : { ca: clientCa, requestCert: true }
  const server = createSecureServer({ ...identity, ...asks, allowHTTP1: true }, (_, response) => {
    response.end(page)
  })
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket)).on("error", () => {})
  })
  // A client that refuses, and a sensor that has no client certificate, are what it is there for.
  server.on("sessionError", () => {}).on("tlsClientError", () => {})
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
