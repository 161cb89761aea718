/**
 * The origins of bench/scale.ts, one process for all: a TLS server whose client says in one line what
 * it wants. `DOWN n` sends n bytes and ends; `UP` counts until the client ends, then tells; `PING` is
 * answered each time; `SINK n` reads ten KiB a second for n seconds and breaks off.
 */
import { readFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { createServer, type TLSSocket } from "node:tls"
import { readSlowly } from "./slow-reader.ts"

const [cert = "", key = ""] = process.argv.slice(2).map((file) => readFileSync(file))
const chunk = Buffer.alloc(256 * 1024)

const options = { cert, key, ALPNProtocols: ["http/1.1"], allowHalfOpen: true }
const server = createServer(options, (socket: TLSSocket) => {
  socket.on("error", () => {})
  socket.once("data", (first: Buffer) => {
    const line = first.subarray(0, first.indexOf(10)).toString()
    const [verb, count] = line.split(" ")
    const rest = first.length - line.length - 1
    if (verb === "DOWN") send(socket, Number(count))
    else if (verb === "UP") receive(socket, rest)
    else if (verb === "SINK") {
      readSlowly(socket, 10 * 1024)
      setTimeout(() => socket.destroy(), Number(count) * 1_000)
    } else {
      socket.write("PONG\n")
      socket.on("data", () => socket.write("PONG\n"))
      socket.on("end", () => socket.end())
    }
  })
})

function send(socket: TLSSocket, count: number): void {
  let left = count
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      const part = left >= chunk.length ? chunk : chunk.subarray(0, left)
      left -= part.length
      if (!socket.write(part)) return void socket.once("drain", more)
    }
    socket.end()
  }
  more()
}

function receive(socket: TLSSocket, already: number): void {
  let count = already
  socket.on("data", (part: Buffer) => {
    count += part.length
  })
  socket.on("end", () => socket.end(`${count}\n`))
}

server.on("tlsClientError", () => {})
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => {
  process.send?.((server.address() as AddressInfo).port)
})
process.once("disconnect", () => process.exit())
