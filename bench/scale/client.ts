/** The clients of bench/scale.ts, one process for all: does what it is told by message, and answers. */
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { createSecureContext, type TLSSocket, connect as tlsConnect } from "node:tls"
import { readSlowly } from "./slow-reader.ts"

export type Order =
  | { do: "download" | "upload"; host: string; bytes: number }
  /** Opens connections and uses each once. */
  | { do: "open"; host: string; count: number }
  /** Uses each once more; the answer is how many are alive. */
  | { do: "use" }
  | { do: "close" }
  | { do: "read-slowly" | "be-read-slowly"; host: string; count: number; seconds: number }

export interface Done {
  count: number
  ms: number
  /** Bytes of the slowest and the fastest of several. */
  least?: number
  most?: number
}

const [proxyHost = "", proxyPort = "", originPort = "", ...caFiles] = process.argv.slice(2)
const secureContext = createSecureContext({ ca: caFiles.map((file) => readFileSync(file)) })
const chunk = Buffer.alloc(256 * 1024)
/** Handshakes at a time. */
const atOnce = 32
const held: TLSSocket[] = []

async function dial(host: string): Promise<TLSSocket> {
  const socket = connect({ host: proxyHost, port: Number(proxyPort), noDelay: true })
  const target = `${host}:${originPort}`
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
  await new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject))
  const options = { socket, servername: host, secureContext, ALPNProtocols: ["http/1.1"] }
  const client = tlsConnect({ ...options, allowHalfOpen: true } as object)
  await new Promise((resolve, reject) =>
    client.once("secureConnect", resolve).once("error", reject),
  )
  client.on("error", () => {})
  return client
}

/** The count of a connection that is gone is what it had by then. */
async function download(host: string, bytes: number): Promise<number> {
  const client = await dial(host)
  let count = 0
  client.on("data", (part: Buffer) => {
    count += part.length
  })
  client.write(`DOWN ${bytes}\n`)
  await new Promise((resolve) => client.once("end", resolve).once("close", resolve))
  client.end()
  return count
}

async function upload(host: string, bytes: number): Promise<number> {
  const client = await dial(host)
  let answer = ""
  client.on("data", (part: Buffer) => {
    answer += part
  })
  client.write("UP\n")
  let go = () => {}
  client.on("drain", () => go()).once("close", () => go())
  for (let left = bytes; left > 0 && !client.destroyed; left -= chunk.length)
    if (!client.write(left >= chunk.length ? chunk : chunk.subarray(0, left)))
      await new Promise<void>((resolve) => {
        go = resolve
      })
  client.end()
  await new Promise((resolve) => client.once("close", resolve))
  return Number(answer)
}

/** Whether a word is answered within half a minute. */
function answers(client: TLSSocket): Promise<boolean> {
  if (client.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 30_000)
    const settle = (alive: boolean) => {
      clearTimeout(timer)
      client.off("data", onData).off("close", onClose)
      resolve(alive)
    }
    const onData = () => settle(true)
    const onClose = () => settle(false)
    client.on("data", onData).on("close", onClose)
    client.write("PING\n")
  })
}

async function open(host: string, count: number): Promise<number> {
  let begun = 0
  const one = async () => {
    while (begun++ < count) {
      const client = await dial(host).catch(() => null)
      if (client && (await answers(client))) held.push(client)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  return held.length
}

async function use(): Promise<number> {
  let alive = 0
  for (let at = 0; at < held.length; at += 100) {
    const some = await Promise.all(held.slice(at, at + 100).map(answers))
    alive += some.filter((answered) => answered).length
  }
  return alive
}

async function close(): Promise<number> {
  const all = held.splice(0)
  await Promise.all(
    all.map((client) => {
      const closed = new Promise((resolve) => client.once("close", resolve))
      client.resume()
      client.end()
      return client.destroyed ? null : closed
    }),
  )
  return all.length
}

/** So many readers (or writers) at once; the counts are bytes that each took (or gave). */
async function slowly(order: Extract<Order, { seconds: number }>): Promise<Omit<Done, "ms">> {
  const clients = await Promise.all(Array.from({ length: order.count }, () => dial(order.host)))
  const counts = clients.map((client) =>
    order.do === "read-slowly" ? slowReader(client) : slowlyRead(client, order.seconds + 1),
  )
  await new Promise((resolve) => setTimeout(resolve, order.seconds * 1_000))
  const bytes = counts.map((count) => count())
  const alive = clients.filter((client) => !client.destroyed).length
  for (const client of clients) client.destroy()
  return { count: alive, least: Math.min(...bytes), most: Math.max(...bytes) }
}

function slowReader(client: TLSSocket): () => number {
  client.write(`DOWN ${2 ** 32}\n`)
  return readSlowly(client, 10 * 1024)
}

function slowlyRead(client: TLSSocket, seconds: number): () => number {
  let given = 0
  client.write(`SINK ${seconds}\n`)
  const more = () => {
    while (!client.destroyed) {
      given += chunk.length
      if (!client.write(chunk)) return void client.once("drain", more)
    }
  }
  more()
  return () => given - client.writableLength
}

async function obey(order: Order): Promise<Omit<Done, "ms">> {
  switch (order.do) {
    case "download":
      return { count: await download(order.host, order.bytes) }
    case "upload":
      return { count: await upload(order.host, order.bytes) }
    case "open":
      return { count: await open(order.host, order.count) }
    case "use":
      return { count: await use() }
    case "close":
      return { count: await close() }
    case "read-slowly":
    case "be-read-slowly":
      return slowly(order)
  }
}

process.on("message", async (order: Order) => {
  const began = performance.now()
  const done = await obey(order)
  process.send?.({ ...done, ms: performance.now() - began } satisfies Done)
})
process.once("disconnect", () => process.exit())
process.send?.("ready")
