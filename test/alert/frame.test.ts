import fc from "fast-check"
import t from "tap"
import { frame } from "../../src/alert/frame.ts"

t.test("octet counting counts bytes, not characters", async (t) => {
  t.equal(frame(Buffer.from("<13>1 ü"), "octet-counting").toString(), "8 <13>1 ü")
  t.equal(frame(Buffer.alloc(0), "octet-counting").toString(), "0 ")
})

t.test("a line feed ends a message, and one inside becomes a space", async (t) => {
  t.equal(frame(Buffer.from("<13>1 a\nb"), "lf").toString(), "<13>1 a b\n")
})

t.test("any messages are read back from an octet-counted stream", async (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), (messages) => {
      const stream = Buffer.concat(
        messages.map((each) => frame(Buffer.from(each), "octet-counting")),
      )
      t.same(
        readCounted(stream),
        messages.map((each) => Buffer.from(each)),
      )
    }),
    { numRuns: 50 },
  )
})

function readCounted(stream: Buffer): Buffer[] {
  const messages: Buffer[] = []
  for (let at = 0; at < stream.length; ) {
    const space = stream.indexOf(0x20, at)
    const end = space + 1 + Number(stream.toString("ascii", at, space))
    messages.push(stream.subarray(space + 1, end))
    at = end
  }
  return messages
}
