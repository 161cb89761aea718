import t from "tap"
import { firstHandshakeMessage } from "../../src/observe/handshake-records.ts"
import { bytes, emptyExtension, helloMessage, inRecords, latin1 } from "./hello-bytes.ts"

const message = helloMessage({ extensions: [emptyExtension(23)] })

function faultOf(input: Uint8Array): string {
  const first = firstHandshakeMessage(input)
  if (first === "incomplete") return first
  return "fault" in first ? first.fault : "whole"
}

t.test("a message in one record is a view of the input", async (t) => {
  const input = bytes(inRecords(message), [99, 99])
  const first = firstHandshakeMessage(input)
  if (first === "incomplete" || "fault" in first) return t.fail("not whole")
  t.same(first.message, message)
  t.equal(first.message.buffer, input.buffer)
  t.equal(first.byteLength, input.length - 2)
  t.equal(first.recordVersion, 0x0301)
})

t.test("a message in records of any size is put together", async (t) => {
  for (const size of [1, 2, 3, 4, 5, 40, message.length - 1]) {
    const input = bytes(inRecords(message, size), [22])
    const first = firstHandshakeMessage(input)
    if (first === "incomplete" || "fault" in first) return t.fail(`not whole at ${size}`)
    t.same(first.message, message, `records of ${size}`)
    t.equal(first.byteLength, input.length - 1)
  }
})

const openings: [string, string, readonly number[] | Uint8Array][] = [
  ["nothing yet", "incomplete", []],
  ["one byte of TLS", "incomplete", [22]],
  ["the G of GET", "not-tls", latin1("G")],
  ["an SSH banner", "not-tls", latin1("SSH-2.0-")],
  ["a PROXY header", "not-tls", latin1("PROXY TCP4")],
  ["a zero byte", "not-tls", [0]],
  ["a TLS alert first", "not-tls", [21, 3, 3, 0, 2, 2, 40]],
  ["application data first", "not-tls", [23, 3, 3]],
  ["a record version that is none", "not-tls", [22, 2]],
  ["a record longer than 2^14", "not-tls", [22, 3, 1, 0x40, 1]],
  ["a record known too long by half its length", "not-tls", [22, 3, 1, 0x41]],
  ["an empty record", "not-tls", [22, 3, 1, 0, 0]],
  ["a ServerHello from a client", "malformed", [22, 3, 1, 0, 50, 2]],
  ["a hello of 10 bytes", "malformed", [22, 3, 1, 0, 50, 1, 0, 0, 10]],
  ["a hello of 64 KiB and more", "too-large", [22, 3, 1, 0x40, 0, 1, 1, 0, 0]],
  ["perhaps SSLv2", "incomplete", [0x80, 0x2e]],
  ["an SSLv2 hello that offers TLS", "sslv2", [0x80, 0x2e, 1, 3, 1]],
  ["an SSLv2 hello", "sslv2", [0x80, 0x2e, 1, 0, 2]],
  ["the top bit but not SSLv2", "not-tls", [0x80, 0x2e, 4]],
  ["a random byte above 0x80", "not-tls", [0xff, 0xff, 1, 9]],
]

t.test("the first bytes already tell what will never be a ClientHello", async (t) => {
  for (const [title, expected, input] of openings) {
    t.equal(faultOf(Uint8Array.from(input)), expected, title)
  }
})

const whole = inRecords(message, 20)
const laters: [string, string, number, number][] = [
  ["a later record of another type", "malformed", 25, 23],
  ["a later record of another version", "malformed", 26, 2],
  ["a later record too long", "malformed", 28, 0x50],
]

t.test("a fault in a later record is named", async (t) => {
  t.equal(faultOf(whole), "whole")
  for (const [title, expected, at, value] of laters) {
    const input = whole.slice()
    input[at] = value
    t.equal(faultOf(input), expected, title)
  }
  t.equal(faultOf(bytes(whole.subarray(0, 25), [22, 3, 1, 0, 0])), "malformed", "an empty one")
})

t.test("64 KiB of message are taken, one byte more is not", async (t) => {
  const sized = (length: number) => {
    const body = new Uint8Array(length)
    body.set([1, (length - 4) >> 16, ((length - 4) >> 8) & 0xff, (length - 4) & 0xff])
    return body
  }
  t.equal(faultOf(inRecords(sized(65_536))), "whole")
  t.equal(faultOf(inRecords(sized(65_537))), "too-large")
  t.equal(faultOf(inRecords(sized(65_536), 4)), "too-large", "cut into 16,384 records")
})

t.test("a hello in many segments is not copied before it is whole, and then once", async (t) => {
  const length = 65_536
  const body = new Uint8Array(length)
  body.set([1, 0, (length - 4) >> 8, (length - 4) & 0xff])
  const input = inRecords(body, 1 << 10)
  const segments: Uint8Array[] = []
  for (let end = 0; end < input.length; end += 16) segments.push(input.subarray(0, end))
  const native = globalThis.Uint8Array
  let made = 0
  globalThis.Uint8Array = class extends native {
    constructor(size: number) {
      super(size)
      made++
    }
  } as unknown as typeof Uint8Array
  const answers = segments.map((segment) => firstHandshakeMessage(segment))
  const madeBefore = made
  const last = firstHandshakeMessage(input)
  globalThis.Uint8Array = native
  t.ok(answers.every((answer) => answer === "incomplete"))
  t.equal(madeBefore, 0)
  t.match(last, { byteLength: input.length })
  t.equal(made, 1)
})
