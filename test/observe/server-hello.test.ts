import fc from "fast-check"
import t from "tap"
import { readServerHello, ServerHelloParts } from "../../src/observe/server-hello.ts"
import { bytes } from "./hello-bytes.ts"
import { retryRandom, serverHelloMessage } from "./recorded-session.ts"

const tls13 = serverHelloMessage(0x0304, 0x1302)

t.test("the version is that of supported_versions, else the legacy one", async (t) => {
  const expected = { retry: false, version: 0x0304, cipherSuite: 0x1302, pskAccepted: false }
  t.same(new ServerHelloParts().add(tls13), expected)
  const tls12 = serverHelloMessage(0x0303, 0xc02f)
  t.match(new ServerHelloParts().add(tls12), { version: 0x0303, cipherSuite: 0xc02f })
})

t.test("an accepted pre-shared key is told", async (t) => {
  const resumed = serverHelloMessage(0x0304, 0x1301, new Uint8Array(32), [0, 41, 0, 2, 0, 0])
  t.match(new ServerHelloParts().add(resumed), { pskAccepted: true, version: 0x0304 })
})

t.test("it is put together from parts and what follows it is dropped", async (t) => {
  const parts = new ServerHelloParts()
  for (const byte of tls13.subarray(0, -1)) t.equal(parts.add(Uint8Array.of(byte)), "incomplete")
  t.match(parts.add(bytes(tls13.subarray(-1), [11, 0, 9])), { cipherSuite: 0x1302 })
})

t.test("a HelloRetryRequest is told, and the ServerHello after it is read", async (t) => {
  const parts = new ServerHelloParts()
  t.match(parts.add(serverHelloMessage(0x0304, 0x1301, retryRandom)), { retry: true })
  t.match(parts.add(tls13), { retry: false, version: 0x0304 })
})

const malformed: [string, Uint8Array][] = [
  ["another message", Uint8Array.of(11)],
  ["a message of more than 8 KiB", Uint8Array.of(2, 0, 0x20, 1)],
  ["a message cut off", bytes([2, 0, 0, 40], new Uint8Array(40).fill(9))],
  ["an empty message", Uint8Array.of(2, 0, 0, 0)],
]

t.test("what is no ServerHello is malformed", async (t) => {
  for (const [title, input] of malformed) {
    t.equal(new ServerHelloParts().add(input), "malformed", title)
  }
})

t.test("random bytes never make it throw", async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (b) => void readServerHello(b)))
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (parts) => {
      const reader = new ServerHelloParts()
      for (const part of [Uint8Array.of(2, 0, 0), ...parts]) reader.add(part)
    }),
  )
  t.pass("no exception")
})
