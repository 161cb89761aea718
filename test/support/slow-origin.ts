/** An HTTPS origin that sends one kilobyte every 100 ms, as many as the path says: `/20`. */
import { readFile } from "node:fs/promises"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import net from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import tls from "node:tls"
import type { TestCa } from "./certificates.ts"

export interface SlowOrigin {
  port: number
  close(): Promise<void>
}

export async function slowOrigin(ca: TestCa, name: string): Promise<SlowOrigin> {
  const issued = await ca.issue("slow", `DNS:${name}`)
  const [cert, key] = await Promise.all([readFile(issued.cert), readFile(issued.key)])
  const server = createServer({ cert, key }, async (request, response) => {
    const count = Number(request.url?.slice(1))
    response.on("error", () => {})
    response.writeHead(200, { "content-length": count * 1_000, connection: "close" })
    for (let sent = 0; sent < count && !response.destroyed; sent++) {
      response.write("x".repeat(1_000))
      await sleep(100)
    }
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export interface Download {
  /** Settles with the first bytes of the body. */
  begun: Promise<void>
  /** Bytes of the body when it was over, complete or not. */
  over: Promise<number>
  /** Address and port of the client. */
  client: string
}

/** Fetches `kilobytes` from the origin through the proxy. */
export async function download(
  proxy: string,
  host: string,
  port: number,
  ca: string,
  kilobytes: number,
): Promise<Download> {
  const [proxyHost = "", proxyPort] = proxy.split(":")
  const socket = net.connect(Number(proxyPort), proxyHost)
  socket.on("error", () => {})
  socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  await new Promise((resolve) => socket.once("data", resolve))
  const secure = tls.connect({ socket, servername: host, ca })
  secure.on("error", () => {})
  secure.write(`GET /${kilobytes} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  let text = ""
  const body = () => (text.includes("\r\n\r\n") ? text.split("\r\n\r\n")[1] : "") ?? ""
  const begun = new Promise<void>((resolve) => {
    secure.on("data", (chunk) => {
      text += chunk
      if (body() !== "") resolve()
    })
  })
  const over = new Promise<number>((resolve) => {
    secure.on("close", () => resolve(body().length))
    secure.on("end", () => secure.end())
  })
  return { begun, over, client: `${socket.localAddress}:${socket.localPort}` }
}
