import t from "tap"
import { fingerprintsOf } from "../../src/observe/fingerprints.ts"
import { ja4 } from "../../src/observe/ja4.ts"
import { stackKey } from "../../src/observe/stack.ts"
import { alpnExtension, emptyExtension, helloBytes, sniExtension } from "./hello-bytes.ts"
import { parsed, storedHello, storedHelloNames } from "./real-hellos.ts"

t.test("what is remembered is what would be made anew, for every stored hello", async (t) => {
  for (const round of ["made", "remembered"])
    for (const name of storedHelloNames()) {
      const hello = parsed(storedHello(name))
      t.strictSame(
        fingerprintsOf(hello),
        { ja4: ja4(hello), stack: stackKey(hello) },
        `${name}, ${round}`,
      )
    }
})

t.test("hellos that differ in anything that counts are told apart", async (t) => {
  const suites = [0x1301, 0x1302]
  const sni = sniExtension("app.example")
  const other = { type: 5, body: Uint8Array.of(1, 0, 0, 0, 0) }
  const hellos = {
    plain: helloBytes({ cipherSuites: suites, extensions: [sni, other] }),
    "another suite": helloBytes({ cipherSuites: [0x1301, 0x1303], extensions: [sni, other] }),
    "a suite moved among the extensions": helloBytes({
      cipherSuites: [0x1301],
      extensions: [sni, other, emptyExtension(0x1302)],
    }),
    "no SNI": helloBytes({ cipherSuites: suites, extensions: [other] }),
    "with ALPN": helloBytes({
      cipherSuites: suites,
      extensions: [sni, other, alpnExtension(["h2"])],
    }),
    "with another ALPN": helloBytes({
      cipherSuites: suites,
      extensions: [sni, other, alpnExtension(["http/1.1"])],
    }),
  }
  for (const [name, bytes] of Object.entries(hellos)) {
    const hello = parsed(bytes)
    t.equal(fingerprintsOf(hello).ja4, ja4(hello), name)
    t.equal(fingerprintsOf(hello).stack, stackKey(hello), name)
  }
  t.equal(new Set(Object.values(hellos).map((bytes) => fingerprintsOf(parsed(bytes)).ja4)).size, 6)
})

t.test(
  "the order of extensions and GREASE make no other entry, as no fingerprint tells",
  async (t) => {
    const sni = sniExtension("app.example")
    const make = (grease: number, types: number[]) =>
      parsed(
        helloBytes({
          cipherSuites: [grease, 0x1301],
          extensions: [emptyExtension(grease), sni, ...types.map(emptyExtension)],
        }),
      )
    const one = fingerprintsOf(make(0x0a0a, [23, 35]))
    t.equal(fingerprintsOf(make(0xfafa, [35, 23])), one, "the very same object")
  },
)

t.test("a hello with more than any client sends is fingerprinted all the same", async (t) => {
  const many = Array.from({ length: 2_000 }, (_, at) => at)
  const hello = parsed(helloBytes({ cipherSuites: many, extensions: [sniExtension("a.example")] }))
  t.equal(fingerprintsOf(hello).ja4, ja4(hello))
})

t.test("protocol names that hold any byte do not run into one another", async (t) => {
  const hello = (protocols: string[]) =>
    parsed(
      helloBytes({
        cipherSuites: [0x1301],
        extensions: [sniExtension("app.example"), alpnExtension(protocols)],
      }),
    )
  for (const protocols of [["0\n1"], ["0", "1"], ["0\u00001"], ["01"]])
    t.equal(fingerprintsOf(hello(protocols)).ja4, ja4(hello(protocols)), JSON.stringify(protocols))
  t.not(fingerprintsOf(hello(["0\nz"])).ja4, fingerprintsOf(hello(["0", "z"])).ja4)
})
