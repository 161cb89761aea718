/**
 * A spliced session as the tap sees it: TLS records with real headers and lengths, content of zeros but for
 * the ServerHello. Lengths are those of SIGNATURES.md, section c.3; the sensor's own judge reads them.
 */
import {
  type OpaqueEnd,
  OpaqueSession,
  type OpaqueVerdict,
} from "../../../src/observe/opaque-session.ts"
import type { Exchange, Way } from "./exchange.ts"
import type { Stack } from "./stacks.ts"

const handshake = 22
const changeCipherSpec = 20
const alert = 21
const applicationData = 23

export interface Opaque {
  verdict: OpaqueVerdict
  clientBytes: number
  serverBytes: number
}

/** Plays the exchange through the judge. */
export function opaqueOf(
  exchange: Exchange,
  stack: Stack,
  way: Pick<Way, "tls" | "resumed">,
  end: OpaqueEnd,
): Opaque {
  const session = new OpaqueSession()
  let clientBytes = 0
  let serverBytes = 0
  const client = (type: number, length: number) => {
    clientBytes += 5 + length
    session.client(record(type, Buffer.alloc(length)))
  }
  const server = (type: number, content: Buffer) => {
    serverBytes += 5 + content.length
    session.server(record(type, content))
  }
  play(exchange, stack, way, { client, server })
  return { verdict: session.verdict(end), clientBytes, serverBytes }
}

interface Sides {
  client: (type: number, length: number) => void
  server: (type: number, content: Buffer) => void
}

function play(
  exchange: Exchange,
  stack: Stack,
  { tls, resumed }: Pick<Way, "tls" | "resumed">,
  { client, server }: Sides,
): void {
  if (exchange.kind === "lost" && exchange.before === "hello") return
  client(handshake, stack.helloBytes - 5)
  if (exchange.kind === "no-origin" || isLostEarly(exchange)) return
  const is13 = tls === "13"
  server(handshake, serverHello(is13, stack))
  server(changeCipherSpec, Buffer.alloc(1))
  // Resumed, there is EncryptedExtensions and Finished alone; in TLS 1.2 Finished.
  if (is13) server(applicationData, Buffer.alloc(resumed ? 90 : 2_900))
  else server(handshake, Buffer.alloc(resumed ? 40 : 3_000))
  if (exchange.kind === "lost") return
  if (exchange.kind === "ended" && !exchange.ending.finished) {
    if (exchange.ending.alert !== null)
      client(is13 && exchange.ending.bytes > 7 ? applicationData : alert, exchange.ending.bytes - 5)
    return
  }
  client(changeCipherSpec, 1)
  if (is13) client(applicationData, stack.finishedRecord)
  else client(handshake, 40)
  if (is13) for (let i = 0; i < 2; i += 1) server(applicationData, Buffer.alloc(282))
  else if (!resumed) server(handshake, Buffer.alloc(40))
  if (exchange.kind === "ended") {
    for (const length of exchange.ending.records.slice(1)) client(applicationData, length)
    return
  }
  if (exchange.kind === "unused") {
    if (exchange.preface) client(applicationData, 93 + 17)
  } else
    for (let turn = 0; turn < exchange.turns; turn += 1) {
      for (const length of inRecords(exchange.asked / exchange.turns))
        client(applicationData, length)
      for (const length of inRecords(exchange.answered / exchange.turns))
        server(applicationData, Buffer.alloc(length))
    }
  if (is13) client(applicationData, stack.finishedRecord === 85 ? 35 : 19)
  else client(alert, 26)
}

function isLostEarly(exchange: Exchange): boolean {
  return exchange.kind === "lost" && exchange.before !== "finished"
}

/** At most four: the judge stops listening long before. */
function inRecords(bytes: number): number[] {
  const whole = Math.max(1, Math.round(bytes))
  const count = Math.min(4, Math.ceil(whole / 1_370))
  return Array.from({ length: count }, () => Math.min(16_384, Math.ceil(whole / count)) + 17)
}

/** RFC 8446 section 4.1.3: the version and the cipher suite are all that is read. */
function serverHello(is13: boolean, { finishedRecord }: Stack): Buffer {
  const suite = is13 ? (finishedRecord === 53 ? 0x1301 : 0x1302) : 0xc02b
  const versions = Buffer.from([0, 43, 0, 2, 3, 4])
  const extensions = is13 ? versions : Buffer.alloc(0)
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 0x5a),
    Buffer.from([0, suite >> 8, suite & 255, 0, 0, extensions.length]),
    extensions,
  ])
  return Buffer.concat([Buffer.from([2, 0, body.length >> 8, body.length & 255]), body])
}

function record(type: number, content: Buffer): Buffer {
  const head = Buffer.from([type, 3, 3, content.length >> 8, content.length & 255])
  return Buffer.concat([head, content])
}
