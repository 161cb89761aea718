import fc from "fast-check"
import t from "tap"
import { isGrease, readClientHello } from "../../src/observe/client-hello.ts"
import {
  alpnExtension,
  bytes,
  type Extension,
  emptyExtension,
  type HelloParts,
  helloBytes,
  helloMessage,
  inRecords,
  latin1,
  sniExtension,
  u16s,
  vector8,
  vector16,
  versionsExtension,
} from "./hello-bytes.ts"
import { parsed, storedHello, storedHelloNames } from "./real-hellos.ts"

function withExtensions(...extensions: Extension[]): Uint8Array {
  return helloBytes({ extensions })
}

t.test("Chromium's hello is read whole, GREASE, ECH and hybrid share included", async (t) => {
  const stored = storedHello("chromium-156-h2")
  const hello = parsed(stored)
  t.equal(hello.sni, "app.example")
  t.same(hello.alpn, ["h2", "http/1.1"])
  t.equal(hello.legacyVersion, 0x0303)
  t.equal(hello.recordVersion, 0x0301)
  t.equal(hello.sessionIdLength, 32)
  t.same(hello.compressionMethods, [0])
  t.ok(isGrease(hello.cipherSuites[0] ?? 0))
  t.same(hello.cipherSuites.slice(1, 4), [0x1301, 0x1302, 0x1303])
  t.ok(isGrease(hello.supportedVersions[0] ?? 0))
  t.same(hello.supportedVersions.slice(1), [0x0304, 0x0303])
  t.ok(isGrease(hello.extensions[0] ?? 0) && isGrease(hello.extensions.at(-1) ?? 0))
  t.ok(hello.supportedGroups.includes(0x11ec), "X25519MLKEM768 is a group")
  t.ok(hello.keyShareGroups.includes(0x11ec), "and has a key share")
  t.ok(hello.signatureAlgorithms.includes(0x0403))
  t.ok(hello.echOffered)
  t.equal(hello.echType, 0)
  t.notOk(hello.pskOffered)
  t.notOk(hello.earlyDataOffered)
  t.equal(hello.byteLength, stored.length)
})

t.test("a resumed hello offers a PSK, a fresh one of the same client does not", async (t) => {
  t.notOk(parsed(storedHello("node-24-h2")).pskOffered)
  t.ok(parsed(storedHello("node-24-h2-resumed")).pskOffered)
})

t.test("a hello without SNI, ALPN and TLS 1.3 has none of them", async (t) => {
  const hello = parsed(storedHello("curl-7.88-openssl-3.0-tls12-no-sni"))
  t.equal(hello.sni, undefined)
  t.equal(hello.invalidSni, undefined)
  t.same(hello.alpn, [])
  t.same(hello.supportedVersions, [])
  t.same(hello.keyShareGroups, [])
  t.notOk(hello.echOffered)
})

t.test("a hello without an extensions block is a hello (RFC 5246 section 7.4.1.2)", async (t) => {
  t.same(parsed(helloBytes({ extensions: undefined })).extensions, [])
  t.same(parsed(helloBytes({ extensions: [] })).extensions, [])
})

t.test("early data and bytes behind the hello are not counted as its own", async (t) => {
  const hello = helloBytes({ extensions: [emptyExtension(42)] })
  const read = parsed(bytes(hello, [23, 3, 3, 0, 1, 0]))
  t.ok(read.earlyDataOffered)
  t.equal(read.byteLength, hello.length)
})

t.test("ALPN names survive losslessly whatever their bytes are", async (t) => {
  const protocols = ["\x0a\x0a", "h2", "\xba\xad\x00"]
  t.same(parsed(withExtensions(alpnExtension(protocols))).alpn, protocols)
})

const names: [string, Extension, string | undefined, string | undefined][] = [
  ["folded and without final dot", sniExtension("App.Example."), "app.example", undefined],
  ["an address names nothing", sniExtension("192.0.2.1"), undefined, "192.0.2.1"],
  ["UTF-8 is kept apart", sniExtension("\xc3\xbc.example"), undefined, "\xc3\xbc.example"],
  ["an empty name", sniExtension(""), undefined, ""],
  ["an empty extension", emptyExtension(0), undefined, ""],
  ["a name of 300 is cut", sniExtension("a".repeat(300)), undefined, "a".repeat(255)],
  [
    "only a name of another type",
    { type: 0, body: vector16(bytes([7], vector16(latin1("x")))) },
    undefined,
    "",
  ],
  [
    "a name of another type beside it",
    {
      type: 0,
      body: vector16(bytes([7], vector16(latin1("x")), [0], vector16(latin1("a.b")))),
    },
    "a.b",
    undefined,
  ],
]

t.test("SNI is a valid host name or is kept apart as what it was", async (t) => {
  for (const [title, extension, sni, invalidSni] of names) {
    const hello = parsed(withExtensions(extension))
    t.same([hello.sni, hello.invalidSni], [sni, invalidSni], title)
  }
})

const malformed: [string, HelloParts][] = [
  ["a session id of 33", { sessionId: new Uint8Array(33) }],
  ["no cipher suites", { cipherSuites: [] }],
  ["no compression methods", { compressionMethods: [] }],
  ["an extension twice", { extensions: [emptyExtension(23), emptyExtension(23)] }],
  ["a server name list longer than its extension", { extensions: [{ type: 0, body: u16s([9]) }] }],
  ["bytes behind the server names", { extensions: [{ type: 0, body: u16s([0, 1]) }] }],
  [
    "two host names",
    {
      extensions: [
        {
          type: 0,
          body: vector16(bytes([0], vector16(latin1("a.b")), [0], vector16(latin1("c.d")))),
        },
      ],
    },
  ],
  ["ALPN cut off", { extensions: [{ type: 16, body: vector16(Uint8Array.of(3, 104)) }] }],
  ["an odd list of groups", { extensions: [{ type: 10, body: vector16(Uint8Array.of(0)) }] }],
  ["an odd list of versions", { extensions: [{ type: 43, body: vector8(Uint8Array.of(3)) }] }],
  ["a signature list cut off", { extensions: [{ type: 13, body: u16s([4, 0x0403]) }] }],
  ["a key share cut off", { extensions: [{ type: 51, body: vector16(u16s([29, 32])) }] }],
  ["an empty ECH", { extensions: [emptyExtension(0xfe0d)] }],
]

t.test("a malformed hello is a fault that says what is wrong", async (t) => {
  for (const [title, parts] of malformed) {
    const read = readClientHello(helloBytes(parts))
    t.match(read, { fault: "malformed", why: /\w+ \w+/ }, title)
  }
})

t.test("a hello whose inner lengths do not add up is malformed", async (t) => {
  const message = helloMessage({ extensions: [emptyExtension(23)] })
  t.match(readClientHello(inRecords(bytes(message.subarray(0, -1), [1]))), { fault: "malformed" })
  const longer = bytes(message, [0])
  longer[3] = (longer[3] ?? 0) + 1
  t.match(readClientHello(inRecords(longer)), { fault: "malformed" })
})

t.test("who sends HTTP is told at the first byte, SSLv2 by name", async (t) => {
  t.match(readClientHello(latin1("G")), { fault: "not-tls", why: /plain HTTP/ })
  t.match(readClientHello(Uint8Array.of(0x80, 46, 1, 3, 1)), { fault: "sslv2" })
})

t.test("only the sixteen values of RFC 8701 are GREASE", async (t) => {
  const grease = Array.from({ length: 0x10000 }, (_, value) => value).filter(isGrease)
  t.equal(grease.length, 16)
  t.same([grease[0], grease[1], grease.at(-1)], [0x0a0a, 0x1a1a, 0xfafa])
})

t.test("every prefix of a real hello is incomplete, in one record or in many", async (t) => {
  for (const name of storedHelloNames()) {
    const stored = storedHello(name)
    const recut = inRecords(stored.subarray(5), 200)
    const { byteLength: _, recordVersion: __, ...whole } = parsed(stored)
    t.match(parsed(recut), whole, `${name} reads the same when cut into records`)
    for (const input of [stored, recut]) {
      const wrong = input.findIndex(
        (_, end) => readClientHello(input.subarray(0, end)) !== "incomplete",
      )
      t.equal(wrong, -1, `${name}: the first prefix that is not incomplete`)
    }
  }
})

const helloArbitrary = fc
  .record({
    cipherSuites: fc.array(fc.nat(0xffff), { minLength: 1, maxLength: 40 }),
    sessionId: fc.uint8Array({ maxLength: 32 }),
    versions: fc.array(fc.nat(0xffff), { maxLength: 8 }),
    protocols: fc.array(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 20 })),
    unread: fc.uint8Array({ maxLength: 300 }),
  })
  .map(({ versions, protocols, unread, ...parts }) => ({
    ...parts,
    extensions: [versionsExtension(versions), alpnExtension(protocols), { type: 35, body: unread }],
    expected: { versions, protocols },
  }))

t.test(
  "any well-formed hello is read back, and no prefix of it is a fault or a value",
  async (t) => {
    fc.assert(
      fc.property(
        helloArbitrary,
        fc.integer({ min: 1, max: 500 }),
        fc.nat(),
        (parts, size, cut) => {
          const input = inRecords(helloMessage(parts), size)
          const hello = parsed(input)
          t.strictSame(hello.cipherSuites, parts.cipherSuites)
          t.strictSame(hello.supportedVersions, parts.expected.versions)
          t.strictSame(hello.alpn, parts.expected.protocols)
          return readClientHello(input.subarray(0, cut % input.length)) === "incomplete"
        },
      ),
      { numRuns: 60 },
    )
  },
)

t.test("random bytes never make the reader throw", async (t) => {
  const likely = fc.tuple(fc.constantFrom(22, 0x80, 71), fc.constantFrom(3, 46), fc.uint8Array())
  const random = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    likely.map(([type, major, rest]) => bytes([type, major], rest)),
    fc.uint8Array({ minLength: 50, maxLength: 400 }).map((b) => inRecords(bytes([1, 0, 0, 46], b))),
  )
  fc.assert(
    fc.property(random, (input) => void readClientHello(input)),
    { numRuns: 2000 },
  )
  t.pass("2,000 inputs")
})

t.test("mutated real hellos never make the reader throw", async (t) => {
  const originals = storedHelloNames().map(storedHello)
  const mutation = fc.record({ at: fc.nat(2000), value: fc.nat(255) })
  fc.assert(
    fc.property(
      fc.constantFrom(...originals),
      fc.array(mutation, { minLength: 1, maxLength: 6 }),
      (original, mutations) => {
        const input = original.slice()
        for (const { at, value } of mutations) input[at % input.length] = value
        readClientHello(input)
      },
    ),
    { numRuns: 3000 },
  )
  t.pass("3,000 mutations")
})
