import { createServer, connect as dial } from "node:net"
import type { TLSSocket } from "node:tls"
import fc from "fast-check"
import t from "tap"
import { OpaqueSession, type OpaqueVerdict } from "../../src/observe/opaque-session.ts"
import { bytes, helloBytes } from "./hello-bytes.ts"
import {
  type Chunk,
  data,
  judged,
  type Play,
  record,
  recordOf,
  retryRandom,
  selfSigned,
  serverHelloRecord,
  through,
} from "./recorded-session.ts"

const identity = selfSigned()
const other = selfSigned()

type Expected = Partial<OpaqueVerdict>

const request = (socket: TLSSocket) => void socket.write("q".repeat(300))
const answer = (socket: TLSSocket) =>
  void socket.once("data", () => socket.end(Buffer.alloc(1000, "a")))
const silence = (socket: TLSSocket) => void socket.once("data", () => socket.end())

/** A play with everything ordinary but what the row is about. */
function play(parts: Partial<Play> = {}): Play {
  return {
    serve: parts.serve ?? answer,
    use: parts.use ?? request,
    server: { ...identity, ...parts.server },
    client: { ca: identity.cert, ...parts.client },
  }
}

const tls12 = (ciphers = "ECDHE-RSA-AES128-GCM-SHA256") =>
  ({ maxVersion: "TLSv1.2", ciphers }) as const
const tls13 = (ciphers: string) => ({ minVersion: "TLSv1.3", ciphers }) as const

const used: Expected = { verdict: "used", strong: true, reason: "answered" }
const unused: Expected = { verdict: "established-unused", strong: false, clientAppBytes: 0 }

const real: [string, Play, Expected][] = [
  [
    "TLS 1.2 AES-GCM, used",
    play({ client: tls12() }),
    { ...used, estimated: false, tlsVersion: 0x0303 },
  ],
  [
    "TLS 1.2 ChaCha20, used",
    play({ client: tls12("ECDHE-RSA-CHACHA20-POLY1305") }),
    { ...used, clientAppBytes: 300, cipherSuite: 0xcca8 },
  ],
  [
    "TLS 1.2 CBC, used",
    play({ client: tls12("ECDHE-RSA-AES128-SHA"), server: { ciphers: "ECDHE-RSA-AES128-SHA" } }),
    used,
  ],
  [
    "TLS 1.3 AES-128, used",
    play({ client: tls13("TLS_AES_128_GCM_SHA256") }),
    { ...used, estimated: true, cipherSuite: 0x1301, clientAppBytes: 300, serverAppBytes: 1000 },
  ],
  ["TLS 1.3 AES-256, used", play({ client: tls13("TLS_AES_256_GCM_SHA384") }), used],
  ["TLS 1.3 ChaCha20, used", play({ client: tls13("TLS_CHACHA20_POLY1305_SHA256") }), used],
  ["TLS 1.2, connected and closed", play({ client: tls12(), use: (s) => s.end() }), unused],
  ["TLS 1.3, connected and closed", play({ use: (s) => s.end() }), unused],
  [
    "TLS 1.3, connected and destroyed a moment later",
    play({ use: (s) => void setTimeout(() => s.destroy(), 20) }),
    unused,
  ],
  ["TLS 1.2, never answered", play({ client: tls12(), serve: silence }), { verdict: "sent-only" }],
  [
    "TLS 1.3, never answered but for the session tickets",
    play({ serve: silence }),
    { verdict: "sent-only", reason: "no-answer", strong: false },
  ],
  [
    "an HTTP/2 preface with SETTINGS, answered by SETTINGS",
    play({
      use: (s) => void s.write(Buffer.alloc(24 + 27 + 13)),
      serve: (s) => void s.once("data", () => s.end(Buffer.alloc(9 + 18 + 9))),
    }),
    { verdict: "used", strong: false, clientAppBytes: 64 },
  ],
  [
    "TLS 1.3, certificate not trusted: Node leaves without a Finished",
    play({ client: { ca: other.cert } }),
    { verdict: "failed", reason: "aborted-in-handshake" },
  ],
  [
    "TLS 1.2, certificate not trusted: Node leaves after its Finished",
    play({ client: { ...tls12(), ca: other.cert } }),
    unused,
  ],
  [
    "TLS 1.3, client certificate, used",
    play({ client: identity, server: { requestCert: true, ca: identity.cert } }),
    { ...used, clientAppBytes: 300 },
  ],
  [
    "TLS 1.2, client certificate, used",
    play({ client: { ...tls12(), ...identity }, server: { requestCert: true, ca: identity.cert } }),
    used,
  ],
  [
    "TLS 1.3, client certificate asked for and not given, connected and closed",
    play({ server: { requestCert: true, rejectUnauthorized: false }, use: (s) => s.end() }),
    unused,
  ],
  [
    "TLS 1.3 after a HelloRetryRequest, used",
    play({ client: { ecdhCurve: "X25519:P-384" }, server: { ecdhCurve: "P-384" } }),
    { ...used, tlsVersion: 0x0304 },
  ],
  [
    "no version in common: the origin's alert",
    play({ client: tls12(), server: { minVersion: "TLSv1.3" } }),
    { verdict: "failed", reason: "server-alert", tlsVersion: null, cipherSuite: null },
  ],
]

/** Strong use stops the count, and it is found sooner the smaller the parts are. */
function comparable(verdict: OpaqueVerdict): OpaqueVerdict {
  return verdict.strong ? { ...verdict, clientAppBytes: 200, serverAppBytes: 200 } : verdict
}

/** The sessions recorded by this file, for the property at its end. */
const recordings: Chunk[][] = []

t.test("real sessions are judged, and alike when their bytes come one by one", async (t) => {
  for (const [title, given, expected] of real) {
    const { chunks } = await record(given)
    recordings.push(chunks)
    const verdict = judged(chunks)
    t.match(verdict, expected, title)
    t.same(comparable(judged(chunks, 1)), comparable(verdict), `${title}: byte by byte`)
  }
})

t.test("resumed sessions are used or not like others", async (t) => {
  for (const version of [tls12(), tls13("TLS_AES_128_GCM_SHA256")]) {
    const server = { ...identity, ticketKeys: Buffer.alloc(48, 7) }
    const first = await record(play({ client: version, server }))
    const again = { ...version, session: first.session }
    let reused = false
    const resumed = await record(
      play({
        client: again,
        server,
        use: (socket) => {
          reused = socket.isSessionReused()
          request(socket)
        },
      }),
    )
    t.ok(reused, "the session was resumed")
    t.match(judged(resumed.chunks), used)
    const idle = await record(play({ client: again, server, use: (s) => s.end() }))
    t.match(judged(idle.chunks), unused)
    recordings.push(resumed.chunks, idle.chunks)
  }
})

t.test("an origin that speaks no TLS is named", async (t) => {
  const origin = createServer((socket) => socket.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n"))
  const { chunks } = await through(origin, (port) => {
    const client = dial(port, "127.0.0.1")
    client.write(helloBytes())
    return client
  })
  t.match(judged(chunks), { verdict: "failed", reason: "not-tls" })
})

const client = (...parts: Uint8Array[]): Chunk => ({ from: "client", bytes: bytes(...parts) })
const server = (...parts: Uint8Array[]): Chunk => ({ from: "server", bytes: bytes(...parts) })
const hello = client(helloBytes())
const ccs = recordOf(20, 1)
const flight = [ccs, data(32), data(1000), data(281), data(69)]

const made: [string, Chunk[], Expected][] = [
  ["nothing at all", [], { verdict: "failed", reason: "no-server-hello", tlsVersion: null }],
  ["only a ClientHello", [hello], { verdict: "failed", reason: "no-server-hello" }],
  ["a client that speaks HTTP", [client(Buffer.from("GET / "))], { reason: "not-tls" }],
  ["a client that starts with data", [client(data(20))], { reason: "not-tls" }],
  ["an origin's alert", [hello, server(recordOf(21, 2))], { reason: "server-alert" }],
  [
    "a ServerHello that is none",
    [hello, server(recordOf(22, 50))],
    { verdict: "failed", reason: "malformed-server-hello" },
  ],
  [
    "the server's flight, then nothing",
    [hello, server(serverHelloRecord(0x0304, 0x1302), ...flight)],
    { verdict: "failed", reason: "aborted-in-handshake", tlsVersion: 0x0304, estimated: true },
  ],
  [
    "a plaintext alert of the client",
    [hello, server(serverHelloRecord(0x0304, 0x1302), ...flight), client(recordOf(21, 2))],
    { verdict: "failed", reason: "rejected-in-handshake" },
  ],
  [
    "an encrypted alert of the client",
    [hello, server(serverHelloRecord(0x0304, 0x1302), ...flight), client(ccs, data(19))],
    { verdict: "failed", reason: "rejected-in-handshake" },
  ],
  [
    "OkHttp's pin on JSSE: 85, 35, 35",
    [
      hello,
      server(serverHelloRecord(0x0304, 0x1302), ...flight),
      client(ccs, data(85), data(35), data(35)),
    ],
    unused,
  ],
  [
    "0-RTT data and then nothing more",
    [
      client(helloBytes(), ccs, data(400)),
      server(serverHelloRecord(0x0304, 0x1301), ccs, data(36), data(53)),
      client(data(21), data(53)),
      server(data(282), data(1500)),
      client(data(19)),
    ],
    unused,
  ],
  [
    "a HelloRetryRequest voids the early data before it",
    [
      client(helloBytes(), ccs, data(400)),
      server(serverHelloRecord(0x0304, 0x1301, retryRandom), ccs),
      client(helloBytes()),
      server(serverHelloRecord(0x0304, 0x1301), data(36), data(900), data(281), data(53)),
      client(data(1200)),
      server(data(282)),
      client(data(317)),
      server(data(1500)),
    ],
    { ...used, clientAppBytes: 300 },
  ],
  [
    "a client whose first record is no handshake speaks no TLS, whatever follows in the same chunk",
    [server(serverHelloRecord(0x0304, 0x1302), ...flight), client(ccs, data(69), data(317))],
    { verdict: "failed", reason: "not-tls", strong: false },
  ],
  [
    "TLS 1.2: an alert in clear behind the answer does not undo the use before it",
    [
      hello,
      server(serverHelloRecord(0x0303, 0xc02b)),
      client(ccs, recordOf(22, 40), data(324)),
      server(data(324), recordOf(21, 2)),
    ],
    { ...used, tlsVersion: 0x0303 },
  ],
  [
    "what the origin ended with an alert was not strongly used, whatever was sent behind it",
    [
      hello,
      server(serverHelloRecord(0x0304, 0x1302), recordOf(21, 2), ...flight),
      client(ccs, data(69), data(317)),
      server(data(282), data(282), data(917)),
    ],
    { verdict: "failed", reason: "server-alert", strong: false },
  ],
  [
    "a draft or a later version is judged as TLS 1.3",
    [hello, server(serverHelloRecord(0x0305, 0x1301), ...flight), client(data(53), data(19))],
    { ...unused, tlsVersion: 0x0305 },
  ],
]

t.test("sessions made by hand are judged, however they are cut", async (t) => {
  for (const [title, chunks, expected] of made) {
    for (const size of [Number.POSITIVE_INFINITY, 7, 1])
      t.match(judged(chunks, size), expected, title)
  }
})

t.test("who ended a handshake, and how, is in the reason", async (t) => {
  const chunks = [hello, server(serverHelloRecord(0x0304, 0x1302), ...flight)]
  const reason = (end: Parameters<OpaqueSession["verdict"]>[0]) => judged(chunks, 100, end).reason
  t.equal(reason({ by: "client", how: "rst" }), "aborted-in-handshake")
  t.equal(reason({ by: "unknown", how: "unknown" }), "aborted-in-handshake")
  t.equal(reason({ by: "origin", how: "fin" }), "origin-closed-in-handshake")
  t.equal(reason({ by: "sensor", how: "fin" }), "sensor-closed-in-handshake")
  t.equal(reason({ by: "sensor", how: "timeout" }), "timed-out-in-handshake")
})

t.test(
  "an alert behind the client's certificate refuses it, unless the client left first",
  async (t) => {
    const chunks = [
      hello,
      server(serverHelloRecord(0x0304, 0x1302), ...flight),
      client(ccs, data(25), data(69), data(317)),
      server(data(19)),
    ]
    const said = (by: "client" | "origin") => judged(chunks, 100, { by, how: "fin" })
    t.match(said("origin"), { verdict: "failed", reason: "server-alert" })
    t.match(said("client"), { verdict: "sent-only" })
  },
)

t.test("a session is settled by strong use, not sooner, and keeps its verdict then", async (t) => {
  const session = new OpaqueSession()
  session.client(hello.bytes)
  session.server(bytes(serverHelloRecord(0x0304, 0x1301), ...flight))
  session.client(bytes(ccs, data(53), data(317)))
  session.server(data(282))
  t.notOk(session.settled, "the first answer may be a ticket")
  session.server(data(1500).subarray(0, 1000))
  t.notOk(session.settled, "the answer is still coming")
  session.server(data(1500).subarray(1000))
  t.ok(session.settled)
  session.server(Buffer.from("what comes now is not read"))
  t.match(session.verdict({ by: "client", how: "rst" }), { ...used, serverAppBytes: 1483 })
})

t.test("on resumption a lone answer is strong use once no ticket can follow it", async (t) => {
  const session = new OpaqueSession()
  const psk = [0, 41, 0, 2, 0, 0]
  session.client(hello.bytes)
  session.server(bytes(serverHelloRecord(0x0304, 0x1301, new Uint8Array(32), psk), data(53)))
  session.client(bytes(ccs, data(53), data(317)))
  session.server(data(284))
  t.notOk(session.settled, "a second one like it would make both tickets")
  t.match(session.verdict({ by: "client", how: "fin" }), { ...used, serverAppBytes: 267 })
  session.server(data(284))
  t.match(session.verdict({ by: "client", how: "fin" }), { verdict: "sent-only", strong: false })
})

t.test("what is no TLS is settled at once", async (t) => {
  const session = new OpaqueSession()
  session.client(Buffer.from("G"))
  t.ok(session.settled)
})

t.test("a record that breaks off after the handshake leaves the verdict standing", async (t) => {
  const chunks = [
    hello,
    server(serverHelloRecord(0x0304, 0x1301), ...flight),
    client(data(53), data(117), Buffer.from("no record")),
    server(data(1500)),
  ]
  t.match(judged(chunks), { verdict: "used", strong: false, clientAppBytes: 100 })
})

t.test("no bytes make it throw, and how they are cut never changes the outcome", async (t) => {
  const end = { by: "unknown", how: "unknown" } as const
  const edit = fc.record({ chunk: fc.nat(30), at: fc.nat(6000), value: fc.nat(255) })
  const mutated = fc
    .tuple(fc.constantFrom(...recordings), fc.array(edit, { maxLength: 5 }))
    .map(([chunks, edits]) => {
      const copy = chunks.map((chunk) => ({ ...chunk, bytes: chunk.bytes.slice() }))
      for (const { chunk, at, value } of edits) {
        const target = copy[chunk % copy.length]?.bytes
        if (target) target[at % target.length] = value
      }
      return copy
    })
  const random = fc.array(
    fc.record({
      from: fc.constantFrom<Chunk["from"]>("client", "server"),
      bytes: fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 60 }),
        fc.tuple(fc.integer({ min: 20, max: 24 }), fc.nat(400)).map(([a, b]) => recordOf(a, b)),
        fc.constant(serverHelloRecord(0x0304, 0x1301)),
        fc.constant(hello.bytes),
      ),
    }),
  )
  fc.assert(
    fc.property(fc.oneof(mutated, random), fc.integer({ min: 1, max: 50 }), (chunks, size) => {
      const [whole, cut] = [
        judged(chunks, Number.POSITIVE_INFINITY, end),
        judged(chunks, size, end),
      ]
      return (
        whole.verdict === cut.verdict && whole.reason === cut.reason && whole.strong === cut.strong
      )
    }),
    { numRuns: 300 },
  )
  t.pass("300 sessions")
})
