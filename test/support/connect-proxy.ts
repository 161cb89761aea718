/**
 * An HTTP proxy for tests that stands behind the sensor: CONNECT, and plain requests in absolute-form.
 * It takes every name for this machine, notes the heads it is sent, and may misbehave instead.
 */
import { connect, createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer } from "node:tls"

/** What it does with a request, unless that says that it is to be a tunnel after all. */
export type Misbehaviour = (socket: Socket, target: string) => "tunnel" | undefined

export interface ConnectProxy {
  server: Server
  /** Request lines in their order: `CONNECT origin.test:443`. */
  readonly asked: string[]
  /** Whole heads. */
  readonly heads: string[]
  /** null: it behaves. */
  act: Misbehaviour | null
}

/** `tls`: it is an https:// proxy with this certificate. */
export function connectProxy(tls?: { key: string; cert: string }): ConnectProxy {
  const onSocket = (socket: Socket) => {
    socket.on("error", () => {})
    let text = ""
    socket.on("data", function read(chunk: Buffer) {
      text += chunk.toString("latin1")
      const end = text.indexOf("\r\n\r\n")
      if (end < 0) return
      socket.off("data", read).pause()
      proxy.heads.push(text.slice(0, end + 4))
      const [method = "", target = ""] = text.split(" ")
      proxy.asked.push(`${method} ${target}`)
      const rest = Buffer.from(text.slice(end + 4), "latin1")
      if (proxy.act && proxy.act(socket, target) !== "tunnel") return
      if (method === "CONNECT") return tunnel(socket, target, rest)
      const { port, pathname, search } = new URL(target)
      const own = text.replace(target, pathname + search)
      join(socket, Number(port || 80), Buffer.from(own, "latin1"))
    })
  }
  const options = { allowHalfOpen: true, noDelay: true }
  const server = tls
    ? createTlsServer({ ...options, ...tls }, onSocket)
    : createServer(options, onSocket)
  const proxy: ConnectProxy = { server, asked: [], heads: [], act: null }
  return proxy
}

function tunnel(socket: Socket, target: string, rest: Buffer): void {
  const established = Buffer.from("HTTP/1.1 200 Connection established\r\nX-Proxy: test\r\n\r\n")
  join(socket, Number(target.replace(/^.*:/, "")), rest, established)
}

/** `banner` goes to the client in one segment with the first bytes of the origin, if those come soon. */
function join(socket: Socket, port: number, first: Buffer, banner?: Buffer): void {
  const origin = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true })
  origin.on("error", () => socket.resetAndDestroy())
  socket.on("error", () => origin.resetAndDestroy())
  origin.once("connect", () => {
    if (first.length > 0) origin.write(first)
    let waiting = banner
    const soon = setTimeout(() => {
      if (waiting) socket.write(waiting)
      waiting = undefined
    }, 30)
    origin.on("data", (chunk: Buffer) => {
      clearTimeout(soon)
      if (!socket.write(waiting ? Buffer.concat([waiting, chunk]) : chunk)) origin.pause()
      waiting = undefined
    })
    socket.on("drain", () => origin.resume())
    origin.on("end", () => socket.end())
    socket.pipe(origin)
  })
  socket.on("close", () => origin.destroy())
}
