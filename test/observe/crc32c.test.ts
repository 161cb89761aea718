import t from "tap"
import { crc32c } from "../../src/observe/crc32c.ts"

/** RFC 3720 appendix B.4, and the check value of the catalogue of parametrised CRCs. */
const known: Record<string, [Uint8Array, number]> = {
  nothing: [new Uint8Array(0), 0],
  "the digits": [Buffer.from("123456789"), 0xe3069283],
  "32 bytes of zeroes": [new Uint8Array(32), 0x8a9136aa],
  "32 bytes of ones": [new Uint8Array(32).fill(255), 0x62a8ab43],
  "32 bytes counted up": [Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
}
for (const [name, [bytes, sum]] of Object.entries(known))
  t.test(`the checksum of ${name} is the published one`, (t) => {
    t.equal(crc32c(bytes), sum)
    t.end()
  })
