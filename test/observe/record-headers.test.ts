import t from "tap"
import { RecordHeaders } from "../../src/observe/record-headers.ts"
import { bytes } from "./hello-bytes.ts"
import { recordOf } from "./recorded-session.ts"

function seen(input: Uint8Array, size: number): { events: string[]; broken: boolean } {
  const events: string[] = []
  const content = new Map<number, number>()
  let index = 0
  const headers = new RecordHeaders({
    begins: ({ type, length }) => events.push(`begins ${type} ${length}`),
    content: (_, part) => content.set(index, (content.get(index) ?? 0) + part.length),
    ends: ({ type }) => events.push(`ends ${type} after ${content.get(index++) ?? 0}`),
  })
  for (let at = 0; at < input.length; at += size) headers.feed(input.subarray(at, at + size))
  return { events, broken: headers.broken }
}

t.test("records are told wherever the bytes are cut", async (t) => {
  const input = bytes(recordOf(22, 70), recordOf(20, 1), recordOf(23, 0), recordOf(23, 300))
  const expected = [
    "begins 22 70",
    "ends 22 after 70",
    "begins 20 1",
    "ends 20 after 1",
    "begins 23 0",
    "ends 23 after 0",
    "begins 23 300",
    "ends 23 after 300",
  ]
  for (const size of [1, 2, 4, 5, 6, 7, 75, 1000]) {
    t.same(seen(input, size), { events: expected, broken: false }, `parts of ${size}`)
  }
})

t.test("a record begins before its content is there", async (t) => {
  t.same(seen(recordOf(23, 10).subarray(0, 9), 100).events, ["begins 23 10"])
})

const broken: [string, number[]][] = [
  ["a type that is none", [71]],
  ["a type above heartbeat", [25]],
  ["a version that is none", [22, 2]],
  ["a length above what TLS 1.2 allows", [23, 3, 3, 0x48, 1]],
]

t.test(
  "a header that cannot be is known at its first wrong byte, and nothing follows",
  async (t) => {
    for (const [title, header] of broken) {
      const input = bytes(recordOf(22, 3), header, recordOf(23, 5))
      for (const size of [1, 100]) {
        t.same(
          seen(input, size),
          { events: ["begins 22 3", "ends 22 after 3"], broken: true },
          title,
        )
      }
      t.ok(seen(bytes(header), 1).broken)
    }
    t.notOk(seen(bytes(recordOf(23, 0x4800)), 1000).broken, "the longest record is taken")
  },
)
