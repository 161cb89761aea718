/** ClientHellos taken apart, changed part by part, and put together with lengths that fit or do not. */
import { storedHello, storedHelloNames } from "../../observe/real-hellos.ts"
import { mutated } from "./mutate.ts"
import type { Random } from "./random.ts"

/** The stored hellos of real clients. */
export const realHellos: readonly Uint8Array[] = storedHelloNames().map(storedHello)

interface Parts {
  legacyVersion: number
  random: Uint8Array
  sessionId: Uint8Array
  suites: Uint8Array
  compression: Uint8Array
  extensions: { type: number; body: Uint8Array }[]
}

/** Real hellos by their parts, and some that no library sends. */
const corpus: readonly Parts[] = [...realHellos.map(takeApart), ...constructed()]

/** Half of them keep a structure that can be read; the others are what is left of one. */
export function helloInput(random: Random): Uint8Array {
  if (random.oneIn(12)) return mutated(random.pick(realHellos), realHellos, random)
  const message = putTogether(changed(random.pick(corpus), random), random)
  const records = inRecords(message, random)
  return random.oneIn(2) ? mutated(records, realHellos, random) : records
}

/** Only well-formed hellos, in one record: what two readers should agree about. */
export function readableHelloInput(random: Random): Uint8Array {
  return oneRecord(putTogether(changed(random.pick(corpus), random), random))
}

/** Of bytes that are known to be a whole hello in one record. */
function takeApart(hello: Uint8Array): Parts {
  const view = new DataView(hello.buffer, hello.byteOffset)
  let at = 5 + 4
  const take = (length: number) => {
    at += length
    return hello.subarray(at - length, at)
  }
  const vector = (width: 1 | 2) => {
    const length = width === 1 ? view.getUint8(at) : view.getUint16(at)
    at += width
    return take(length)
  }
  const number = () => {
    at += 2
    return view.getUint16(at - 2)
  }
  const parts: Parts = {
    legacyVersion: number(),
    random: take(32),
    sessionId: vector(1),
    suites: vector(2),
    compression: vector(1),
    extensions: [],
  }
  const end = number() + at
  while (at < end) parts.extensions.push({ type: number(), body: vector(2) })
  return parts
}

function constructed(): Parts[] {
  const plain = (extensions: Parts["extensions"]): Parts => ({
    legacyVersion: 0x0303,
    random: new Uint8Array(32),
    sessionId: new Uint8Array(0),
    suites: Uint8Array.of(0x13, 1, 0xc0, 0x2b),
    compression: Uint8Array.of(0),
    extensions,
  })
  return [
    plain([]),
    plain([{ type: 0, body: nameBody("App.Example.") }]),
    plain([{ type: 43, body: Uint8Array.of(2, 3, 4) }]),
    plain([{ type: 0xfe0d, body: Uint8Array.of(0, 0, 1, 0, 1, 7, 0, 0, 0, 0) }]),
  ]
}

function nameBody(name: string): Uint8Array {
  const text = new TextEncoder().encode(name)
  return Uint8Array.of(...u16(text.length + 3), 0, ...u16(text.length), ...text)
}

function u16(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff]
}

/** Types that are read, that JA4 treats apart, and GREASE. */
const knownTypes = [
  0, 5, 10, 11, 13, 16, 21, 23, 35, 41, 42, 43, 44, 45, 51, 0xfe0d, 0xff01, 0x0a0a,
]

const names = [
  "app.example",
  "APP.example.",
  "192.0.2.1",
  "xn--bcher-kva.example",
  "foo-.example",
  "-foo.example",
  "a_b.example",
  "a..b",
  ".",
  "",
  "ü.example",
  "a".repeat(64),
  `${"a.".repeat(126)}a`,
  "a.".repeat(127),
]

/** What a list of names might be joined by is among them. */
const protocolNames = ["h2", "http/1.1", "a", "a\na", "a,a", "a\0a", "\u0002h2", "", "imap"]

function changed(given: Parts, random: Random): Parts {
  const parts = { ...given, extensions: [...given.extensions] }
  for (let left = random.from(0, 4); left > 0; left--) random.pick(changes)(parts, random)
  return parts
}

type Change = (parts: Parts, random: Random) => void

const changes: readonly Change[] = [
  (parts, random) => {
    const { extensions } = parts
    if (extensions.length > 0) extensions.push(random.pick(extensions))
  },
  ({ extensions }, random) => {
    extensions.sort(() => random.below(3) - 1)
  },
  ({ extensions }, random) => {
    extensions.splice(random.below(extensions.length + 1), 1)
  },
  ({ extensions }, random) => {
    const type = random.oneIn(2) ? random.pick(knownTypes) : random.below(0x10000)
    extensions.splice(random.below(extensions.length + 1), 0, { type, body: body(random) })
  },
  ({ extensions }, random) => {
    const at = random.below(extensions.length + 1)
    const known = extensions[at]
    if (known) extensions[at] = { ...known, body: mutated(known.body, [], random) }
  },
  ({ extensions }, random) => {
    const at = extensions.findIndex(({ type }) => type === 0)
    extensions.splice(Math.max(at, 0), at < 0 ? 0 : 1, {
      type: 0,
      body: nameBody(random.pick(names)),
    })
  },
  ({ extensions }, random) => {
    const other = random.pick(corpus).extensions
    if (other.length > 0) extensions.push(random.pick(other))
  },
  (parts, random) => {
    parts.suites = random.oneIn(150) ? giant(random) : numbers(random)
  },
  (parts, random) => {
    parts.sessionId = random.bytes(random.below(36))
  },
  (parts, random) => {
    parts.compression = random.bytes(random.below(4))
  },
  (parts, random) => {
    parts.legacyVersion = random.pick([0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 2, 0xffff, 0x7f1c])
  },
  ({ extensions }, random) => {
    extensions.push({ type: random.pick([10, 13, 43]), body: list(numbers(random), random) })
  },
  ({ extensions }, random) => {
    const protocols = Array.from({ length: random.below(5) }, () =>
      random.oneIn(2)
        ? new TextEncoder().encode(random.pick(protocolNames))
        : random.bytes(random.oneIn(9) ? 255 : random.below(9)),
    )
    const named = protocols.flatMap((protocol) => [protocol.length, ...protocol])
    extensions.push({ type: 16, body: list(Uint8Array.from(named), random) })
  },
]

/** A body of no particular extension; now and then a giant. */
function body(random: Random): Uint8Array {
  return random.oneIn(120) ? giant(random) : random.bytes(random.below(60))
}

function giant(random: Random): Uint8Array {
  return new Uint8Array(2 * random.below(30_000)).fill(random.below(256))
}

function numbers(random: Random): Uint8Array {
  return random.bytes(2 * random.below(20))
}

/** Behind its length in two bytes; one in eight is wrong. */
function list(content: Uint8Array, random: Random): Uint8Array {
  return Uint8Array.of(...wrongAtTimes(content.length, random, 8), ...content)
}

function wrongAtTimes(length: number, random: Random, times: number): number[] {
  return u16(random.oneIn(times) ? length + random.from(-3, 3) : length)
}

/** The handshake message; one length in forty does not fit. */
function putTogether(parts: Parts, random: Random): Uint8Array {
  const extensions = Buffer.concat(
    parts.extensions.flatMap(({ type, body }) => [
      Uint8Array.from([...u16(type), ...wrongAtTimes(body.length, random, 300)]),
      body,
    ]),
  )
  const content = Buffer.concat([
    Uint8Array.from(u16(parts.legacyVersion)),
    parts.random,
    Uint8Array.of(parts.sessionId.length),
    parts.sessionId,
    Uint8Array.from(wrongAtTimes(parts.suites.length, random, 120)),
    parts.suites,
    Uint8Array.of(parts.compression.length),
    parts.compression,
    ...(extensions.length === 0 && random.oneIn(2)
      ? []
      : [Uint8Array.from(wrongAtTimes(extensions.length, random, 120)), extensions]),
  ])
  const length = random.oneIn(60) ? content.length + random.from(-2, 2) : content.length
  return Buffer.concat([Uint8Array.of(1, length >> 16, (length >> 8) & 0xff, length), content])
}

/** In one record, in a few, in tiny ones, and at times with an empty one among them. */
function inRecords(message: Uint8Array, random: Random): Uint8Array {
  if (message.length <= 1 << 14 && !random.oneIn(4)) return oneRecord(message)
  const size = random.pick([1, 3, 60, 500, 1 << 14])
  const least = Math.ceil(message.length / 2_500)
  const records: Uint8Array[] = []
  for (let at = 0; at < message.length; ) {
    const taken = Math.max(least, random.from(1, size))
    records.push(oneRecord(message.subarray(at, at + taken)))
    at += taken
    if (random.oneIn(400)) records.push(oneRecord(new Uint8Array(0)))
  }
  return Buffer.concat(records)
}

function oneRecord(content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.from([22, 3, 1, ...u16(content.length)]), content])
}
