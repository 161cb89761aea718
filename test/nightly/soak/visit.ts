/** What the clients of a soak are made of: a TCP connection to the proxy, a tunnel, TLS in it. */
import { connect, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls"
import type { Ports } from "./origins.ts"

/** What one visit is given. */
export interface Stage {
  /** Of the proxy. */
  host: string
  port: number
  /** The name that tells the kind of client in records: `KIND.soak.example`. */
  name: string
  /** Of this visit alone. */
  localAddress: string
  ports: Ports
  /** PEM of the inspection CA and of the origins' own, and their files. */
  trust: { inspection: string; origin: string; inspectionFile: string; originFile: string }
  /** A whole ClientHello that names `name`. */
  hello: Uint8Array
  /** Told once the TCP connection to the proxy stands. */
  connected: () => void
}

/** A TCP connection to the proxy. */
export async function dial(stage: Stage): Promise<Socket> {
  const { host, port, localAddress } = stage
  const socket = connect({ host, port, localAddress, noDelay: true, allowHalfOpen: true })
  socket.on("error", () => {})
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve)
    socket.once("close", () => reject(new Error("the proxy did not accept")))
  })
  stage.connected()
  return socket
}

/** A tunnel to a port of the origins under the visit's name, or to another host. */
export async function tunnel(
  stage: Stage,
  port: number,
  host = stage.name,
  answered = " 200 ",
): Promise<Socket> {
  const socket = await dial(stage)
  const to = `${host}:${port}`
  socket.write(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\nUser-Agent: soak/1\r\n\r\n`)
  const head = await first(socket)
  if (!head.includes(answered)) throw new Error(`CONNECT was answered: ${head.slice(0, 80)}`)
  return socket
}

/** The first bytes that come; empty where the connection ends instead. */
export function first(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    if (socket.readableEnded || socket.closed) return resolve("")
    socket.once("data", (chunk: Buffer) => {
      socket.pause()
      resolve(chunk.toString("latin1"))
    })
    socket.once("close", () => resolve(""))
    socket.once("end", () => resolve(""))
    socket.resume()
  })
}

/** TLS over a tunnel, its handshake done. */
export async function secured(
  stage: Stage,
  socket: Socket,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const ca = stage.trust.inspection
  const client = tlsConnect({ socket, servername: stage.name, ca, ...options })
  client.on("error", () => {})
  await new Promise<void>((resolve, reject) => {
    client.once("secureConnect", resolve)
    client.once("error", reject)
    client.once("close", () => reject(new Error("closed in the handshake")))
  })
  return client
}

/** Waits until `text` has come so often in all; fails if the connection ends before. */
export async function told(socket: Socket, text: string, times: number): Promise<void> {
  let seen = ""
  let count = 0
  await new Promise<void>((resolve, reject) => {
    const gone = () => reject(new Error(`ended after ${count} of ${times} answers`))
    if (socket.readableEnded || socket.closed) return gone()
    const take = (chunk: Buffer) => {
      seen += chunk.toString("latin1")
      for (let at = seen.indexOf(text); at >= 0; at = seen.indexOf(text)) {
        count++
        seen = seen.slice(at + text.length)
      }
      seen = seen.slice(-text.length)
      if (count < times) return
      socket.off("data", take).off("close", gone).off("end", gone)
      resolve()
    }
    socket.on("data", take).once("close", gone).once("end", gone)
    socket.resume()
  })
}

/** Ends our half, if it is not ended, and waits for the other's end. */
export async function leave(socket: Socket): Promise<void> {
  if (!socket.writableEnded) socket.end()
  await ended(socket)
}

/** Waits until the connection is over, and closes what is left of it. */
export async function ended(socket: Socket): Promise<void> {
  if (!socket.closed && !socket.readableEnded)
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve())
      socket.once("end", () => resolve())
      socket.resume()
    })
  socket.destroy()
}

/** Breaks off, at TCP; what the other side has sent is left unread. */
export async function breakOff(socket: Socket, afterMs = 0): Promise<void> {
  if (afterMs > 0) await sleep(afterMs)
  if (socket.closed) return
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()))
  socket.resetAndDestroy()
  await closed
}
