import t from "tap"
import { recordLengths13, recordOverhead12 } from "../../src/observe/record-lengths.ts"

/** Measured: OpenSSL 53 and 69, JSSE 69 and 85, alerts 19 and 35. Arithmetic: CCM_8 and SHA-512. */
const suites13: [string, number, number[], number, number][] = [
  ["TLS_AES_128_GCM_SHA256", 0x1301, [53, 69], 19, 22],
  ["TLS_AES_256_GCM_SHA384", 0x1302, [69, 85], 19, 22],
  ["TLS_CHACHA20_POLY1305_SHA256", 0x1303, [53, 69], 19, 22],
  ["TLS_AES_128_CCM_8_SHA256", 0x1305, [45, 61], 11, 14],
  ["a suite nobody here knows", 0x13aa, [53, 69, 85], 19, 22],
]

t.test(
  "Finished, alert and KeyUpdate of TLS 1.3 have the lengths that were measured",
  async (t) => {
    for (const [title, suite, finished, alert, keyUpdate] of suites13) {
      const lengths = recordLengths13(suite)
      t.same([...lengths.finished], finished, title)
      t.same([lengths.alert, lengths.paddedAlert], [alert, alert + 16], title)
      t.equal(lengths.keyUpdate, keyUpdate, title)
    }
    t.equal(recordLengths13(0x1301).paddedFinished, 69)
    t.equal(recordLengths13(0x1302).paddedFinished, 85)
    t.equal(
      recordLengths13(0x13aa).paddedFinished,
      undefined,
      "padding cannot be told from the hash",
    )
  },
)

const suites12: [string, number, number][] = [
  ["ECDHE_RSA_AES_128_GCM", 0xc02f, 24],
  ["ECDHE_ECDSA_AES_256_GCM", 0xc02c, 24],
  ["ECDHE_RSA_CHACHA20", 0xcca8, 16],
  ["ECDHE_ECDSA_AES_128_CCM", 0xc0ac, 24],
  ["ECDHE_ECDSA_AES_128_CCM_8", 0xc0ae, 16],
  ["ECDHE_RSA_AES_128_CBC_SHA", 0xc013, 37],
]

t.test("TLS 1.2 suites add what their RFC says", async (t) => {
  for (const [title, suite, overhead] of suites12) t.equal(recordOverhead12(suite), overhead, title)
})
