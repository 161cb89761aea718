/** What must hold of readers of record and frame streams: how bytes are cut never changes an answer. */
import { H2Request } from "../../../src/observe/h2-request.ts"
import { RecordHeaders } from "../../../src/observe/record-headers.ts"
import { recordLengths13, recordOverhead12 } from "../../../src/observe/record-lengths.ts"
import { readServerHello, ServerHelloParts } from "../../../src/observe/server-hello.ts"
import { retryRandom, serverHelloMessage } from "../../observe/recorded-session.ts"
import { mutated } from "./mutate.ts"
import type { Random } from "./random.ts"
import { type FuzzTarget, must, mustEqual, partsOf } from "./target.ts"

export const recordHeaders: FuzzTarget = {
  name: "record-headers",
  share: 500_000,
  input: recordsInput,
  check: (input, random) => {
    const whole = events([input])
    mustEqual(events(partsOf(input, random.cuts(input.length))), whole, "records, cut or not")
    mustEqual(whole, simply(input), "records, read simply")
    return !whole.broken
  },
}

interface Events {
  /** Type, length, and how much of the content came. */
  records: [number, number, number][]
  ended: number
  broken: boolean
}

function events(parts: readonly Uint8Array[]): Events {
  const seen: Events = { records: [], ended: 0, broken: false }
  const headers = new RecordHeaders({
    begins: ({ type, length }) => seen.records.push([type, length, 0]),
    content: (_, part) => {
      const last = seen.records.at(-1)
      if (last) last[2] += part.length
    },
    ends: () => seen.ended++,
  })
  for (const part of parts) headers.feed(part)
  return { ...seen, broken: headers.broken }
}

/** The same from the whole input, header by header. */
function simply(input: Uint8Array): Events {
  const seen: Events = { records: [], ended: 0, broken: false }
  for (let at = 0; at < input.length; ) {
    const [type = 0, major = 3, , high = 0, low = 0] = input.subarray(at, at + 5)
    const whole = input.length - at >= 5
    const length = (high << 8) | low
    if (type < 20 || type > 24 || major !== 3 || (whole && length > 18_432))
      return { ...seen, broken: true }
    if (!whole) break
    const taken = Math.min(length, input.length - at - 5)
    seen.records.push([type, length, taken])
    if (taken === length) seen.ended++
    at += 5 + length
  }
  return seen
}

/** Records of every type and of lengths at the edges. */
export function recordsInput(random: Random): Uint8Array {
  const records: Uint8Array[] = []
  for (let left = random.below(14); left > 0; left--) records.push(oneRecord(random))
  const stream = Buffer.concat(records)
  return random.oneIn(3) ? mutated(stream, [], random) : stream
}

export function oneRecord(random: Random): Uint8Array {
  const length = random.oneIn(150)
    ? random.pick([0, 1, 16_384, 18_432, 18_433, 0xffff])
    : random.below(300)
  const type = random.oneIn(30) ? random.below(256) : random.from(20, 24)
  const there = random.oneIn(40) ? random.below(length + 1) : Math.min(length, 18_433)
  const record = new Uint8Array(5 + there)
  record.set([type, random.oneIn(60) ? random.below(256) : 3, random.below(5)])
  record.set([length >> 8, length & 0xff], 3)
  return record
}

/** Two bytes: a cipher suite. */
export const recordLengths: FuzzTarget = {
  name: "record-lengths",
  share: 60_000,
  input: (random) => random.bytes(2),
  check: ([high = 0, low = 0]) => {
    const suite = (high << 8) | low
    const lengths = recordLengths13(suite)
    must(lengths.overhead === 17 || lengths.overhead === 9, "a tag has 16 bytes or 8")
    must(
      [...lengths.finished].every((length) => length > lengths.paddedAlert),
      "no Finished is an alert",
    )
    must([16, 24, 37].includes(recordOverhead12(suite)), "what TLS 1.2 adds is known")
    return lengths.paddedFinished !== undefined
  },
}

const serverHellos: readonly Uint8Array[] = [
  serverHelloMessage(0x0304, 0x1301),
  serverHelloMessage(0x0304, 0x1302, retryRandom),
  serverHelloMessage(0x0304, 0x1303, new Uint8Array(32), [0, 41, 0, 2, 0, 0]),
  serverHelloMessage(0x0303, 0xc02b),
  serverHelloMessage(0x0301, 0xc013),
]

export const serverHello: FuzzTarget = {
  name: "server-hello",
  share: 400_000,
  input: (random) =>
    random.oneIn(20)
      ? random.bytes(random.below(90))
      : mutated(random.pick(serverHellos), serverHellos, random),
  check: (input, random) => {
    const whole = firstAnswer([input])
    mustEqual(
      firstAnswer(partsOf(input, random.cuts(input.length))),
      whole,
      "a ServerHello, cut or not",
    )
    if (typeof whole === "string") return false
    const length = ((input[1] ?? 0) << 16) | ((input[2] ?? 0) << 8) | (input[3] ?? 0)
    must(length <= 8_192, "a ServerHello is at most 8 KiB")
    mustEqual(readServerHello(input.subarray(4, 4 + length)), whole, "its body says the same")
    must(whole.version <= 0xffff && whole.cipherSuite <= 0xffff, "numbers have 16 bits")
    return true
  },
}

function firstAnswer(parts: readonly Uint8Array[]) {
  const reader = new ServerHelloParts()
  for (const part of parts) {
    const answer = reader.add(part)
    if (answer !== "incomplete") return answer
  }
  return "incomplete"
}

const preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

export const h2Request: FuzzTarget = {
  name: "h2-request",
  share: 200_000,
  input: (random) => {
    const frames: Uint8Array[] = [preface]
    for (let left = random.below(8); left > 0; left--) {
      const length = random.oneIn(20) ? random.below(17_000) : random.below(40)
      const frame = new Uint8Array(9 + length)
      frame.set([0, length >> 8, length & 0xff, random.oneIn(4) ? 1 : random.pick([0, 2, 4, 6, 8])])
      frames.push(frame)
    }
    const stream = Buffer.concat(frames)
    return random.oneIn(2) ? mutated(stream, [preface], random) : stream
  },
  check: (input, random) => {
    const seen = (parts: readonly Uint8Array[]) => {
      const request = new H2Request()
      for (const part of parts) request.client(part)
      return request.seen
    }
    const whole = seen([input])
    mustEqual(seen(partsOf(input, random.cuts(input.length))), whole, "a request, cut or not")
    mustEqual(whole, hasHeaders(input), "a request, read simply")
    return whole
  },
}

function hasHeaders(input: Uint8Array): boolean {
  for (let at = preface.length; at + 9 <= input.length; ) {
    const [a = 0, b = 0, c = 0, type] = input.subarray(at, at + 4)
    if (type === 1) return true
    at += 9 + (a * 0x10000 + b * 0x100 + c)
  }
  return false
}
