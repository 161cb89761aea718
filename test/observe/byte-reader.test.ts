import t from "tap"
import { ByteReader } from "../../src/observe/byte-reader.ts"

t.test("fields are read in network order and the end is noticed", async (t) => {
  const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4, 0xff, 0xfe))
  t.equal(reader.u8(), 1)
  t.equal(reader.u16(), 0x0203)
  t.equal(reader.left, 3)
  reader.skip(1)
  t.notOk(reader.spent)
  t.equal(reader.latin1(), "\xff\xfe")
  t.ok(reader.spent)
})

t.test("a read past the end yields zero, ends every loop and is remembered", async (t) => {
  const reader = new ByteReader(Uint8Array.of(1))
  t.equal(reader.u16(), 0)
  t.ok(reader.overrun)
  t.equal(reader.left, 0)
  t.equal(reader.u8(), 0)
  t.same(reader.bytes(1), new Uint8Array(0))
  t.notOk(reader.spent)
})

t.test("a vector longer than what holds it overruns the holder too", async (t) => {
  const outer = new ByteReader(Uint8Array.of(0, 3, 1, 2))
  const inner = outer.vector(2)
  t.equal(inner.left, 0)
  t.ok(outer.overrun)
})

t.test("an odd list of 16-bit numbers is an overrun of every reader around it", async (t) => {
  const outer = new ByteReader(Uint8Array.of(3, 0, 7, 0))
  t.same(outer.vector(1).u16s(), [7])
  t.ok(outer.overrun)
  t.notOk(outer.spent)
})

t.test("bytes are a view of the input, not a copy", async (t) => {
  const input = Uint8Array.of(1, 2, 3)
  const view = new ByteReader(input).bytes(2)
  input[0] = 9
  t.same([...view], [9, 2])
  t.same(new ByteReader(input, 1).u8s(), [2, 3])
})
