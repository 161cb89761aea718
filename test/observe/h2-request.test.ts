import t from "tap"
import { H2Request } from "../../src/observe/h2-request.ts"

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
const frame = (type: number, length: number) =>
  Buffer.concat([
    Buffer.from([length >> 16, (length >> 8) & 255, length & 255, type, 0, 0, 0, 0, 1]),
    Buffer.alloc(length, 1),
  ])
const settings = frame(4, 18)
const ack = frame(4, 0)
const windowUpdate = frame(8, 4)
const headers = frame(1, 30)

/** Whether a request was seen in these pieces. */
function seen(pieces: readonly Uint8Array[]): boolean {
  const request = new H2Request()
  for (const piece of pieces) request.client(piece)
  return request.seen
}

t.test("a HEADERS frame is a request; preface, SETTINGS and WINDOW_UPDATE are none", async (t) => {
  const rows: [string, Buffer[], boolean][] = [
    ["nothing", [], false],
    ["preface alone", [preface], false],
    ["preface and SETTINGS", [preface, settings], false],
    ["and WINDOW_UPDATE, and an acknowledgement", [preface, settings, windowUpdate, ack], false],
    ["HEADERS behind them", [preface, settings, windowUpdate, headers], true],
    ["HEADERS right behind the preface", [preface, headers], true],
    ["a frame full of the byte 1 is skipped", [preface, frame(0, 70_000)], false],
    ["and what follows it is not", [preface, frame(0, 70_000), headers], true],
    ["bytes of the preface are no frame", [preface.subarray(0, 20)], false],
  ]
  for (const [name, parts, expected] of rows) t.equal(seen(parts), expected, name)
})

t.test("it is seen wherever the bytes are cut, and not before its type is there", async (t) => {
  const all = Buffer.concat([preface, settings, windowUpdate, headers])
  const whole = all.length - headers.length + 9
  for (let cut = 0; cut <= all.length; cut++) {
    t.equal(seen([all.subarray(0, cut), all.subarray(cut)]), true, `cut at ${cut}`)
    t.equal(seen([all.subarray(0, cut)]), cut >= whole, `only ${cut} bytes`)
  }
  t.equal(seen(Array.from(all, (byte) => Uint8Array.of(byte))), true, "one byte at a time")
})

t.test("once seen it stays seen, whatever follows", async (t) => {
  t.equal(seen([preface, headers, Buffer.alloc(100, 0xff)]), true)
})
