import { PassThrough } from "node:stream"
import type { ConnectionOptions } from "node:tls"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { calculateJa4, readTlsClientHello } from "read-tls-client-hello"
import t from "tap"
import { ja4 } from "../../src/observe/ja4.ts"
import {
  alpnExtension,
  type Extension,
  emptyExtension,
  groupsExtension,
  helloBytes,
  signaturesExtension,
  sniExtension,
  versionsExtension,
} from "./hello-bytes.ts"
import { liveHello, parsed, storedHello, storedHelloNames } from "./real-hellos.ts"

async function oracle(bytes: Uint8Array): Promise<string> {
  const stream = new PassThrough()
  stream.write(bytes)
  return calculateJa4(await readTlsClientHello(stream))
}

/** The lists of the worked example in FoxIO's JA4.md, a Chrome of 2023, in the order sent. */
const exampleSuites = [
  0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
  0x009d, 0x002f, 0x0035,
]
const exampleSignatures = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]
const exampleExtensions = [
  0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b,
  0xff01, 0x000b, 0x000a, 0x0015,
]

const emptyKeyShare: Extension = { type: 51, body: Uint8Array.of(0, 0) }

function exampleExtension(type: number, protocols: readonly string[]): Extension {
  if (type === 0) return sniExtension("app.example")
  if (type === 10) return groupsExtension([0xbaba, 29, 23, 24])
  if (type === 13) return signaturesExtension(exampleSignatures)
  if (type === 16) return alpnExtension(protocols)
  if (type === 43) return versionsExtension([0xfafa, 0x0303, 0x0304])
  return type === 51 ? emptyKeyShare : emptyExtension(type)
}

/** The example with GREASE where Chrome puts it, less the extensions left out. */
function exampleHello(leftOut: readonly number[] = [], protocols = ["h2", "http/1.1"]) {
  const types = exampleExtensions.filter((type) => !leftOut.includes(type))
  const extensions = types.map((type) => exampleExtension(type, protocols))
  return helloBytes({
    cipherSuites: [0x2a2a, ...exampleSuites],
    extensions: [emptyExtension(0x4a4a), ...extensions, emptyExtension(0xdada)],
  })
}

t.test("the worked example of the specification has its published fingerprint", async (t) => {
  t.equal(ja4(parsed(exampleHello())), "t13d1516h2_8daaf6152771_e5627efa2ab1")
})

t.test("without signature algorithms the third part has no underscore, as published", async (t) => {
  const chunks = ja4(parsed(exampleHello([13]))).split("_")
  t.equal(chunks[0], "t13d1515h2")
  // The specification hashes its list with 000d kept: given so by an empty list of algorithms.
  const types = exampleExtensions.map((type) =>
    type === 13 ? signaturesExtension([]) : exampleExtension(type, ["h2"]),
  )
  const hello = parsed(helloBytes({ cipherSuites: exampleSuites, extensions: types }))
  t.equal(ja4(hello), "t13d1516h2_8daaf6152771_6d807ffa2a79")
})

/** The eight rows of the specification, then the ones it says in words. */
const protocolCodes: [string, string[], string][] = [
  ["one byte that is no character", ["\xab"], "ab"],
  ["a space", [" "], "20"],
  ["two bytes", ["\xab\xcd"], "ad"],
  ["first byte no character", [" a"], "21"],
  ["last byte no character", ["0\xab"], "3b"],
  ["a space at the end", ["a "], "60"],
  ["four bytes, the last one no character", ["01\xab\xcd"], "3d"],
  ["strange bytes only inside", ["0\xab\xcd1"], "01"],
  ["the first of several", ["http/1.1", "h2"], "h1"],
  ["a single character stands twice", ["x"], "xx"],
  ["an empty list", [], "00"],
  ["an empty first value", ["", "h2"], "00"],
  ["GREASE is passed over", ["\x1a\x1a", "h2"], "h2"],
]

t.test("ALPN gives two characters by the specification's table", async (t) => {
  for (const [title, protocols, code] of protocolCodes) {
    const hello = parsed(exampleHello([], protocols))
    t.equal(ja4(hello).slice(8, 10), code, title)
  }
  t.equal(ja4(parsed(exampleHello([16]))).slice(6, 10), "1500", "no ALPN extension")
})

const versions: [string, number, number[] | undefined, string][] = [
  ["the highest listed, not the first", 0x0303, [0x0303, 0x0304], "13"],
  ["GREASE, though higher, is no version", 0x0303, [0xfafa, 0x0303, 0x0302], "12"],
  ["the list, not legacy_version", 0x0303, [0x0302], "11"],
  ["legacy_version without a list", 0x0303, undefined, "12"],
  ["TLS 1.0", 0x0301, undefined, "10"],
  ["SSL 3.0", 0x0300, undefined, "s3"],
  ["a draft of TLS 1.3 is unknown", 0x0303, [0x7f1c], "00"],
  ["a list of GREASE alone", 0x0303, [0x0a0a], "00"],
]

t.test("the version is the highest one offered", async (t) => {
  for (const [title, legacyVersion, listed, code] of versions) {
    const extensions = listed ? [versionsExtension(listed)] : []
    t.equal(ja4(parsed(helloBytes({ legacyVersion, extensions }))).slice(1, 3), code, title)
  }
})

t.test("empty lists print as zeros", async (t) => {
  const hello = { ...parsed(helloBytes({ extensions: undefined })), cipherSuites: [0x3a3a] }
  t.equal(ja4(hello), "t12i000000_000000000000_000000000000")
  const onlySni = parsed(helloBytes({ cipherSuites: [0x1301], extensions: [sniExtension("a.b")] }))
  t.match(ja4(onlySni), /^t12d010100_[0-9a-f]{12}_000000000000$/)
})

t.test("counts stop at 99", async (t) => {
  const many = Array.from({ length: 120 }, (_, i) => 0x6000 + i)
  const hello = parsed(helloBytes({ cipherSuites: many, extensions: many.map(emptyExtension) }))
  t.match(ja4(hello), /^t12i999900_/)
})

t.test("SCSV values count as cipher suites", async (t) => {
  t.match(ja4(parsed(helloBytes({ cipherSuites: [0x1301, 0x00ff, 0x5600] }))), /^t12i0300/)
})

t.test("stored hellos of other stacks have the oracle's fingerprint", async (t) => {
  for (const name of storedHelloNames()) {
    const bytes = storedHello(name)
    t.equal(ja4(parsed(bytes)), await oracle(bytes), name)
  }
})

const liveClients: [string, ConnectionOptions][] = [
  ["TLS 1.3 only", { servername: "app.example", minVersion: "TLSv1.3" }],
  ["TLS 1.2 only", { servername: "app.example", maxVersion: "TLSv1.2" }],
  ["ALPN h2", { servername: "app.example", ALPNProtocols: ["h2"] }],
  ["a single-character protocol", { servername: "app.example", ALPNProtocols: ["x"] }],
  ["no SNI", {}],
  ["its own suites", { servername: "app.example", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" }],
  ["its own curve", { ecdhCurve: "P-256", sigalgs: "ecdsa_secp256r1_sha256" }],
]

t.test("live hellos of this Node have the oracle's fingerprint", async (t) => {
  const seen = new Set<string>()
  for (const [title, options] of liveClients) {
    const bytes = await liveHello(options)
    const fingerprint = ja4(parsed(bytes))
    t.equal(fingerprint, await oracle(bytes), title)
    seen.add(fingerprint)
  }
  t.equal(seen.size, liveClients.length, "and all of them differ")
})

/**
 * Where we leave the oracle (read-tls-client-hello 2.0.0), the specification is on our side. It says: the highest
 * value of supported_versions; "if the SNI extension exists"; the hexadecimal rule for ALPN; counts
 * capped at 99; zeros for an empty list of extensions; GREASE by RFC 8701.
 */
const disputed: [string, Uint8Array, string, string][] = [
  [
    "supported_versions that ends at TLS 1.2",
    helloBytes({ cipherSuites: [0xc02b], extensions: [versionsExtension([0x0303])] }),
    "t12i0101",
    "t13i0101",
  ],
  [
    "an SNI extension with an empty name",
    helloBytes({ cipherSuites: [0xc02b], extensions: [sniExtension("")] }),
    "t12d0101",
    "t12i0101",
  ],
  [
    "an ALPN that is no text",
    helloBytes({ cipherSuites: [0xc02b], extensions: [alpnExtension(["a "])] }),
    "t12i010160",
    "t12i0101a ",
  ],
  [
    "0x0a1a, which looks like GREASE but is not reserved",
    helloBytes({ cipherSuites: [0xc02b, 0x0a1a], extensions: [] }),
    "t12i0200",
    "t12i0100",
  ],
]

t.test("where the oracle differs the specification is followed", async (t) => {
  for (const [title, bytes, ours, theirs] of disputed) {
    t.equal(ja4(parsed(bytes)).slice(0, ours.length), ours, title)
    t.equal((await oracle(bytes)).slice(0, theirs.length), theirs, `the oracle: ${title}`)
  }
})

t.test(
  "hellos with more suites than any client has are fingerprinted and not remembered",
  async (t) => {
    setFlagsFromString("--expose-gc")
    const heap = () => {
      runInNewContext("gc")()
      return process.memoryUsage().heapUsed
    }
    const ordinary = parsed(helloBytes())
    const hostile = (nth: number) => ({
      ...ordinary,
      cipherSuites: [nth, ...new Array<number>(8_000).fill(0xc02b)],
    })
    ja4(hostile(0))
    const before = heap()
    const prints = new Set(Array.from({ length: 300 }, (_, nth) => ja4(hostile(nth + 1))))
    t.equal(prints.size, 300)
    // Each has a list of 40 KB.
    const kept = heap() - before
    t.ok(kept < 2_000_000, `${kept} bytes are kept`)
  },
)
