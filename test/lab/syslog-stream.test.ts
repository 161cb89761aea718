import t from "tap"
import { OctetCounting, readSyslog } from "../../src/lab/syslog-stream.ts"

const line =
  '<132>1 2026-11-21T01:02:03.004Z host pinsensor 7 AN1725 [pinsensor@32473 id="a" app="say \\"x\\] \\\\ y"] {"record":"alert","n":1}'
const framed = (text: string) => `${Buffer.byteLength(text)} ${text}`

t.test("messages are cut by their count of octets, wherever the stream is broken", (t) => {
  const bytes = Buffer.from(framed(line) + framed("<13>1 - ä") + framed("x"))
  for (const size of [1, 3, 64, bytes.length]) {
    const stream = new OctetCounting()
    const messages: string[] = []
    for (let at = 0; at < bytes.length; at += size)
      messages.push(...stream.take(bytes.subarray(at, at + size)))
    t.strictSame(messages, [line, "<13>1 - ä", "x"], `${size} bytes at a time`)
  }
  t.end()
})

t.test("a stream without counts is a fault, not a message", (t) => {
  for (const text of ["<132>1 hello\n", "abc def", "0 x", "99999999 x"])
    t.throws(() => new OctetCounting().take(Buffer.from(text)), /octet count/, text)
  t.end()
})

t.test("a message is read with its structured data unescaped and its JSON", (t) => {
  t.strictSame(readSyslog(line), {
    raw: line,
    facility: 16,
    severity: 4,
    timestamp: "2026-11-21T01:02:03.004Z",
    hostname: "host",
    appName: "pinsensor",
    procid: "7",
    msgid: "AN1725",
    params: { id: "a", app: 'say "x] \\ y' },
    json: { record: "alert", n: 1 },
  })
  t.end()
})

t.test("what is no message of RFC 5424 with structured data is null", (t) => {
  for (const text of ["hello", "<132>1 - - - - - - {}", '<132>1 - - - - - [x y="z] {}'])
    t.equal(readSyslog(text), null, text)
  t.equal(readSyslog('<132>1 - - - - - [x y="z"] no json')?.json, null)
  t.end()
})
