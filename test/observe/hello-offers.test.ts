import t from "tap"
import { offeredVersions, offersEcdsa, offersHybridGroup } from "../../src/observe/hello-offers.ts"
import {
  type Extension,
  groupsExtension,
  helloBytes,
  signaturesExtension,
  versionsExtension,
} from "./hello-bytes.ts"
import { parsed, storedHello } from "./real-hellos.ts"

const hello = (cipherSuites: number[], ...extensions: Extension[]) =>
  parsed(helloBytes({ cipherSuites, extensions }))

const [tls12, tls13] = [[0x0303], [0x1a1a, 0x0304, 0x0303]]
const ecdsa: [string, boolean, ReturnType<typeof parsed>][] = [
  ["Chromium", true, parsed(storedHello("chromium-156-h2"))],
  ["Java 17", true, parsed(storedHello("java-17-jsse-h2"))],
  ["curl limited to TLS 1.2", true, parsed(storedHello("curl-7.88-openssl-3.0-tls12-no-sni"))],
  [
    "OpenSSL limited to an RSA suite of TLS 1.2",
    false,
    parsed(storedHello("openssl-3.0-s-client-tls12-one-suite")),
  ],
  [
    "TLS 1.3 with RSA algorithms only",
    false,
    hello([0x1301, 0xc02b], versionsExtension(tls13), signaturesExtension([0x0804])),
  ],
  [
    "TLS 1.3 with P-256 among the algorithms, whatever the suites",
    true,
    hello([0x1301], versionsExtension(tls13), signaturesExtension([0x0804, 0x0403])),
  ],
  [
    "TLS 1.3 with ECDSA for P-384 only",
    false,
    hello([0x1301, 0xc02b], versionsExtension(tls13), signaturesExtension([0x0503])),
  ],
  [
    "TLS 1.2 with ECDSA and SHA-384, which P-256 may use there",
    true,
    hello([0xc02b], versionsExtension(tls12), signaturesExtension([0x0503])),
  ],
  [
    "TLS 1.2 whose groups leave P-256 out",
    false,
    hello([0xc02b], groupsExtension([29, 24]), signaturesExtension([0x0403])),
  ],
  [
    "TLS 1.2 with only a CBC suite for ECDSA",
    false,
    hello([0xc009], signaturesExtension([0x0403])),
  ],
  ["TLS 1.2 without signature algorithms", false, hello([0xc02b])],
]

t.test("an ECDSA leaf is shown only to a client that can take one", async (t) => {
  for (const [title, expected, given] of ecdsa) t.equal(offersEcdsa(given), expected, title)
})

t.test(
  "versions are judged without GREASE, and the lowest only if the client says it",
  async (t) => {
    t.same(offeredVersions(hello([0x1301], versionsExtension(tls13))), {
      highest: 0x0304,
      lowest: 0x0303,
    })
    t.same(offeredVersions(hello([0xc02b])), { highest: 0x0303, lowest: null })
    t.same(offeredVersions(hello([0xc02b], versionsExtension([0xdada]))), {
      highest: null,
      lowest: null,
    })
  },
)

t.test("a hybrid group is told from the classic ones", async (t) => {
  t.ok(offersHybridGroup(parsed(storedHello("chromium-156-h2"))))
  t.ok(offersHybridGroup(parsed(storedHello("node-24-h2"))))
  t.notOk(offersHybridGroup(parsed(storedHello("java-17-jsse-h2"))))
  t.notOk(offersHybridGroup(hello([0x1301], groupsExtension([0x1a1a, 29, 23]))))
})
