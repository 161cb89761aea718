/** A DNS server on loopback (RFC 1035), UDP and TCP on one port, whose answers the test decides. */
import { createSocket } from "node:dgram"
import { type AddressInfo, createServer } from "node:net"

export interface DnsRecord {
  type: "A" | "AAAA" | "CNAME"
  /** Seconds. */
  ttl: number
  value: string
  /** Owner, if it is not the name that was asked for: what an alias leads to. */
  name?: string
}
export interface DnsAnswer {
  records?: DnsRecord[]
  /** RFC 1035 section 4.1.1: 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED. */
  rcode?: number
  delayMs?: number
}

export interface DnsServer {
  /** 127.0.0.1:PORT. */
  address: string
  /** Questions in their order: `A name.test`. */
  readonly asked: string[]
  /** How many came by TCP. */
  readonly overTcp: number
  /** null: it says nothing. */
  answer: (name: string, type: string) => DnsAnswer | null
  close(): Promise<void>
}

const types = new Map([
  [1, "A"],
  [5, "CNAME"],
  [28, "AAAA"],
])
/** What fits into a datagram without EDNS; longer answers are cut off, and asked for by TCP. */
const datagram = 512

export async function dnsServer(answer: DnsServer["answer"]): Promise<DnsServer> {
  const udp = createSocket("udp4")
  const tcp = createServer()
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve))
  const { port } = tcp.address() as AddressInfo
  await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve))
  const server = {
    address: `127.0.0.1:${port}`,
    asked: [] as string[],
    overTcp: 0,
    answer,
    close: async () => {
      udp.close()
      tcp.close()
    },
  }
  function reply(message: Buffer, send: (bytes: Buffer) => void): void {
    const { name, type, end } = question(message)
    server.asked.push(`${type} ${name}`)
    const told = server.answer(name, type)
    if (told === null) return
    const bytes = response(message, end, told)
    setTimeout(() => send(bytes), told.delayMs ?? 0)
  }
  udp.on("message", (message, from) =>
    reply(message, (bytes) => {
      const cut = bytes.length > datagram
      if (cut) bytes.writeUInt8(bytes.readUInt8(2) | 2, 2)
      if (cut) bytes.writeUInt16BE(0, 6)
      try {
        udp.send(cut ? bytes.subarray(0, question(message).end) : bytes, from.port, from.address)
      } catch {
        // The test is over.
      }
    }),
  )
  tcp.on("connection", (socket) => {
    socket.on("error", () => {})
    let read = Buffer.alloc(0)
    socket.on("data", (chunk) => {
      read = Buffer.concat([read, chunk])
      while (read.length >= 2 && read.length >= 2 + read.readUInt16BE()) {
        server.overTcp++
        reply(read.subarray(2, 2 + read.readUInt16BE()), (bytes) => {
          const length = Buffer.alloc(2)
          length.writeUInt16BE(bytes.length)
          socket.write(Buffer.concat([length, bytes]))
        })
        read = read.subarray(2 + read.readUInt16BE())
      }
    })
  })
  return server
}

function question(message: Buffer): { name: string; type: string; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length))
    at += 1 + length
  }
  const type = message.readUInt16BE(at + 1)
  // Letters may come in either case (0x20), and go back as they came.
  return { name: labels.join(".").toLowerCase(), type: types.get(type) ?? `${type}`, end: at + 5 }
}

function response(message: Buffer, end: number, { records = [], rcode = 0 }: DnsAnswer): Buffer {
  const head = Buffer.from(message.subarray(0, end))
  head.writeUInt16BE(0x8180 | rcode, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(records.length, 6)
  head.writeUInt32BE(0, 8)
  return Buffer.concat([head, ...records.map(record)])
}

function record({ type, ttl, value, name }: DnsRecord): Buffer {
  const owner = name === undefined ? Buffer.from([0xc0, 12]) : wireName(name)
  const data = type === "CNAME" ? wireName(value) : addressBytes(value)
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE([...types].find(([, text]) => text === type)?.[0] ?? 0, 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(ttl, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([owner, fixed, data])
}

function wireName(name: string): Buffer {
  const labels = name.split(".").map((label) => {
    const text = Buffer.from(label, "latin1")
    return Buffer.concat([Buffer.from([text.length]), text])
  })
  return Buffer.concat([...labels, Buffer.from([0])])
}

function addressBytes(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number))
  const [before = "", after = ""] = address.split("::")
  const groups = (text: string) => (text === "" ? [] : text.split(":"))
  const zeros = 8 - groups(before).length - groups(after).length
  const all = [...groups(before), ...Array.from({ length: zeros }, () => "0"), ...groups(after)]
  return Buffer.from(all.map((group) => group.padStart(4, "0")).join(""), "hex")
}
