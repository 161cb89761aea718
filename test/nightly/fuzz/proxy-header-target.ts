/** What must hold of the PROXY protocol's reader: headers of both versions, whole and broken. */
import { crc32c } from "../../../src/observe/crc32c.ts"
import { longestProxyHeader, readProxyHeader } from "../../../src/observe/proxy-header.ts"
import { readAddress } from "../../../src/policy/destination/addresses.ts"
import { mutated, replaced } from "./mutate.ts"
import type { Random } from "./random.ts"
import { type FuzzTarget, must, mustSettle } from "./target.ts"

const lines = [
  "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n",
  "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n",
  "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
  "PROXY TCP6 ::ffff:192.0.2.1 ::192.0.2.1 0 65535\r\n",
  "PROXY UNKNOWN\r\n",
  "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
].map((line) => Buffer.from(line, "latin1"))

const signature = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]
const corpus = [
  ...lines,
  binary(0x21, 0x11, [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 4, 1, 0xbb]),
  binary(0x21, 0x21, new Array<number>(36).fill(7)),
  binary(0x21, 0x11, [10, 0, 0, 1, 10, 0, 0, 2, 0, 1, 0, 2, 2, 0, 3, 97, 46, 98, 5, 0, 2, 9, 9]),
  binary(0x20, 0, []),
  binary(0x21, 0x31, new Array<number>(216).fill(0)),
]

/** As a relay writes it. */
function binary(command: number, family: number, rest: readonly number[]): Uint8Array {
  return Uint8Array.from([
    ...signature,
    command,
    family,
    rest.length >> 8,
    rest.length & 0xff,
    ...rest,
  ])
}

/** Addresses and TLVs of all the kinds that are read, and of some that are not. */
function made(random: Random): Uint8Array {
  const family = random.oneIn(15) ? random.below(256) : random.pick([0x11, 0x21, 0x00, 0x31])
  const size = family === 0x11 ? 12 : family === 0x21 ? 36 : family === 0x31 ? 216 : 0
  const parts: Uint8Array[] = [random.bytes(size)]
  for (let left = random.below(5); left > 0; left--) parts.push(tlv(random))
  const command = random.oneIn(15) ? random.below(256) : random.pick([0x20, 0x21, 0x21, 0x21])
  const header = binary(command, family, [...Buffer.concat(parts)])
  return random.oneIn(4) ? withChecksum(header) : header
}

function tlv(random: Random, depth = 0): Uint8Array {
  const type = random.pick([0x02, 0x03, 0x05, 0x01, 0x04, 0x20, 0x21, 0x22, 0x30, 0xea])
  const value =
    type === 0x20 && depth < 2
      ? Buffer.concat([random.bytes(5), tlv(random, depth + 1)])
      : random.bytes(random.oneIn(20) ? random.below(4_000) : random.below(20))
  const length = random.oneIn(30) ? random.below(0x10000) : value.length
  return Buffer.concat([Uint8Array.of(type, length >> 8, length & 0xff), value])
}

/** Section 2.2.5: over the header with the checksum zero. */
function withChecksum(header: Uint8Array): Uint8Array {
  const blank = replaced(header, header.length, header.length, [3, 0, 4, 0, 0, 0, 0])
  const length = blank.length - 16
  blank.set([length >> 8, length & 0xff], 14)
  new DataView(blank.buffer).setUint32(blank.length - 4, crc32c(blank))
  return blank
}

const read = (bytes: Uint8Array) =>
  readProxyHeader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))

export function proxyHeaderInput(random: Random): Uint8Array {
  const header = random.oneIn(2) ? made(random) : random.pick(corpus)
  return random.oneIn(3) ? header : mutated(header, corpus, random)
}

export const proxyHeader: FuzzTarget = {
  name: "proxy-header",
  share: 700_000,
  input: proxyHeaderInput,
  check: (input, random) => {
    const whole = read(input)
    mustSettle(read, input, whole, random)
    if (whole === "incomplete") {
      must(input.length < longestProxyHeader, "what is kept of an incomplete header is bounded")
      return false
    }
    if ("fault" in whole) {
      must(whole.fault.length < 200, "a fault says why in a line")
      return false
    }
    must(
      whole.length <= Math.min(input.length, longestProxyHeader),
      "a header is part of its input",
    )
    for (const end of [whole.source, whole.destination]) {
      if (end === null) continue
      must(readAddress(end.address) !== null, `an address can be read: ${end.address}`)
      must(end.port >= 0 && end.port <= 65535, "a port is 0 to 65535")
    }
    must((whole.source === null) === (whole.destination === null), "both ends are told, or none")
    must((whole.authority ?? "").length <= 255, "an authority fits its record")
    must((whole.uniqueId ?? "").length <= 256, "a unique id fits its record")
    must((whole.clientCn ?? "").length <= 255, "a common name fits its record")
    return true
  },
}
