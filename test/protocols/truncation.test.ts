/**
 * An origin that ends without close_notify, at any point of its records, is never made to look like
 * one that ended well (RFC 8446 section 6.1): the client gets a bare FIN or a reset.
 */
import { once } from "node:events"
import { createServer as createTcpServer, type Socket } from "node:net"
import { Duplex } from "node:stream"
import { createServer as createTlsServer, type TLSSocket, connect as tlsConnect } from "node:tls"
import t, { type Test } from "tap"
import {
  inspectionCa,
  listening,
  originCertificate,
  received,
  testSensor,
  tunnel,
} from "../support/sensor.ts"

const name = "cut.test"
const good = originCertificate(name)
const record = 16_384

interface End {
  title: string
  /** Bytes of the answer, and how many of their ciphertext are let out before the end. */
  answer: number
  out: number
  how: "fin" | "rst" | "close_notify"
  /** What of the answer the client gets at least. */
  least: number
}

const ends: End[] = [
  { title: "FIN without an answer", answer: 0, out: 0, how: "fin", least: 0 },
  { title: "FIN in a record's head", answer: record, out: 3, how: "fin", least: 0 },
  { title: "FIN in its first record", answer: record, out: 9_000, how: "fin", least: 0 },
  {
    title: "FIN in its tenth record",
    answer: 20 * record,
    out: 150_000,
    how: "fin",
    least: record,
  },
  { title: "FIN after an answer", answer: 1_000, out: 1e9, how: "fin", least: 1_000 },
  { title: "RST without an answer", answer: 0, out: 0, how: "rst", least: 0 },
  { title: "RST in its first record", answer: record, out: 9_000, how: "rst", least: 0 },
  { title: "RST after an answer", answer: 1_000, out: 1e9, how: "rst", least: 1_000 },
  { title: "close_notify without an answer", answer: 0, out: 1e9, how: "close_notify", least: 0 },
  { title: "close_notify after it", answer: record, out: 1e9, how: "close_notify", least: record },
]

/** An origin that answers the first word, lets some bytes of its answer out, and ends as is said. */
async function serve(t: Test, end: End, version: "TLSv1.2" | "TLSv1.3"): Promise<number> {
  const inner = createTlsServer({ ...good, minVersion: version, maxVersion: version })
  const server = createTcpServer((raw: Socket) => {
    let left = Number.POSITIVE_INFINITY
    let answering = false
    const wire = new Duplex({
      read: () => raw.resume(),
      write: (chunk: Buffer, _, done) => {
        if (answering) {
          answering = false
          left = end.out
        }
        const part = chunk.subarray(0, Math.max(0, left))
        left -= part.length
        raw.write(part, () => done())
      },
      final: (done) => void raw.end(() => done()),
    })
    raw.on("data", (chunk) => wire.push(chunk))
    raw.on("end", () => wire.push(null))
    raw.on("error", () => wire.destroy())
    inner.emit("connection", wire)
    const stop = () => (end.how === "rst" ? raw.resetAndDestroy() : raw.end())
    inner.once("secureConnection", (socket: TLSSocket) => {
      socket.on("error", () => {})
      socket.once("data", () => {
        answering = true
        if (end.how === "close_notify") return socket.end(Buffer.alloc(end.answer))
        if (end.answer > 0) socket.write(Buffer.alloc(end.answer))
        // In a segment of its own: what comes together cannot be told apart.
        setTimeout(stop, 60)
      })
    })
  })
  return listening(t, server)
}

/** A TLS 1.2 client whose records can be told apart: the types of those that it was sent. */
async function visit(sensor: { port: number }, port: number) {
  const raw = await tunnel(sensor, `${name}:${port}`)
  const wire: Buffer[] = []
  const socket = new Duplex({
    read: () => raw.resume(),
    write: (chunk, _, done) => void raw.write(chunk, () => done()),
    final: (done) => void raw.end(() => done()),
  })
  raw.on("data", (chunk: Buffer) => {
    wire.push(chunk)
    socket.push(chunk)
  })
  raw.on("end", () => socket.push(null))
  raw.on("error", () => socket.destroy())
  const client = tlsConnect({
    socket,
    servername: name,
    ca: inspectionCa.certPem,
    maxVersion: "TLSv1.2",
  })
  client.on("error", () => {})
  await once(client, "secureConnect")
  client.write("go")
  const { bytes } = await received(client)
  client.destroy()
  raw.destroy()
  return { bytes, types: recordTypes(Buffer.concat(wire)) }
}

/** RFC 5246 section 6.2.1: 21 is an alert, encrypted or not. */
function recordTypes(bytes: Buffer): number[] {
  const types: number[] = []
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3))
    types.push(bytes[at] ?? 0)
  return types
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const)
  t.test(`an origin's end over ${version} reaches the client as what it was`, async (t) => {
    const sensor = await testSensor(t)
    for (const end of ends)
      await t.test(end.title, async (t) => {
        const port = await serve(t, end, version)
        for (const contact of ["first", "second"]) {
          const { bytes, types } = await visit(sensor, port)
          t.ok(bytes.length >= end.least && bytes.length <= end.answer, `${bytes.length} bytes`)
          t.equal(types.includes(21), end.how === "close_notify", `a close_notify, ${contact}`)
          t.match(await sensor.attempt(), {
            outcome: "accepted",
            ended_by: "origin",
            close_notify_from: null,
          })
        }
      })
  })
