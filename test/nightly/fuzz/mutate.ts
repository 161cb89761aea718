/** Mutations that know nothing of what they change but where numbers and repeats may be. */
import type { Random } from "./random.ts"

/** One to four mutations, each of its own kind. `others`: what parts are spliced in from. */
export function mutated(
  input: Uint8Array,
  others: readonly Uint8Array[],
  random: Random,
): Uint8Array {
  let bytes = input
  for (let left = random.from(1, 4); left > 0; left--)
    bytes = random.pick(mutations)(bytes, random, others)
  return bytes.length > longest ? bytes.subarray(0, longest) : bytes
}

/** More than any reader here takes. */
const longest = 80_000

type Mutation = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array

const edges = [0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff]

const mutations: readonly Mutation[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  truncate,
  insertRun,
  remove,
  repeat,
  corruptNumber,
  corruptNumber,
  splice,
  swap,
  append,
]

/** A copy with the bytes between `begin` and `end` replaced. */
export function replaced(
  bytes: Uint8Array,
  begin: number,
  end: number,
  by: Uint8Array | readonly number[],
): Uint8Array {
  const made = new Uint8Array(bytes.length - (end - begin) + by.length)
  made.set(bytes.subarray(0, begin))
  made.set(by, begin)
  made.set(bytes.subarray(end), begin + by.length)
  return made
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return bytes
  const at = random.below(bytes.length)
  return replaced(bytes, at, at + 1, [(bytes[at] ?? 0) ^ (1 << random.below(8))])
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return bytes
  const at = random.below(bytes.length)
  return replaced(bytes, at, at + 1, [random.oneIn(2) ? random.pick(edges) : random.below(256)])
}

function truncate(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.subarray(0, random.below(bytes.length + 1))
}

function insertRun(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1)
  const length = random.oneIn(200) ? random.below(20_000) : random.from(1, 40)
  return replaced(bytes, at, at, new Uint8Array(length).fill(random.pick([0, 0xff, 0x41])))
}

function remove(bytes: Uint8Array, random: Random): Uint8Array {
  const begin = random.below(bytes.length + 1)
  return replaced(bytes, begin, begin + random.below(Math.min(40, bytes.length - begin) + 1), [])
}

function repeat(bytes: Uint8Array, random: Random): Uint8Array {
  const begin = random.below(bytes.length + 1)
  const part = bytes.subarray(begin, begin + random.below(random.oneIn(20) ? 2_000 : 60))
  return replaced(bytes, begin, begin, part)
}

/** Big-endian, of one to three bytes: off by one, doubled, at an edge, or anything. */
function corruptNumber(bytes: Uint8Array, random: Random): Uint8Array {
  const width = random.from(1, 3)
  if (bytes.length < width) return bytes
  const at = random.below(bytes.length - width + 1)
  const most = 256 ** width - 1
  let value = 0
  for (let i = 0; i < width; i++) value = value * 256 + (bytes[at + i] ?? 0)
  const changed = random.pick([value + 1, value - 1, value * 2, value >> 1, 0, most, random.u32()])
  const kept = ((changed % (most + 1)) + most + 1) % (most + 1)
  const written = Array.from({ length: width }, (_, i) => (kept >> (8 * (width - 1 - i))) & 0xff)
  return replaced(bytes, at, at + width, written)
}

function splice(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  if (others.length === 0) return bytes
  const other = random.pick(others)
  const [at, from] = [random.below(bytes.length + 1), random.below(other.length + 1)]
  const end = random.oneIn(2) ? bytes.length : at
  const length = random.oneIn(2) ? other.length : random.below(200)
  return replaced(bytes, at, end, other.subarray(from, from + length))
}

function swap(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 4) return bytes
  const [first = 0, second = 0, third = 0] = Array.from({ length: 3 }, () =>
    random.below(bytes.length + 1),
  ).sort((one, other) => one - other)
  const turned = new Uint8Array(third - first)
  turned.set(bytes.subarray(second, third))
  turned.set(bytes.subarray(first, second), third - second)
  return replaced(bytes, first, third, turned)
}

function append(bytes: Uint8Array, random: Random): Uint8Array {
  return replaced(bytes, bytes.length, bytes.length, random.bytes(random.below(64)))
}
