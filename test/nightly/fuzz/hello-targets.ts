/** What must hold of every ClientHello, whatever bytes it is. */
import { PassThrough } from "node:stream"
import {
  type ExtensionDataMap,
  getExtensionData,
  readTlsClientHello,
  type TlsClientHelloMessage,
} from "read-tls-client-hello"
import { type ClientHello, readClientHello } from "../../../src/observe/client-hello.ts"
import { fingerprintsOf } from "../../../src/observe/fingerprints.ts"
import { firstHandshakeMessage } from "../../../src/observe/handshake-records.ts"
import {
  offeredVersions,
  offersEcdsa,
  offersHybridGroup,
} from "../../../src/observe/hello-offers.ts"
import { ja4 } from "../../../src/observe/ja4.ts"
import { hostName } from "../../../src/observe/server-name.ts"
import { stackKey } from "../../../src/observe/stack.ts"
import { canonicalHost } from "../../../src/record/host-pattern.ts"
import { helloInput, readableHelloInput } from "./hello-inputs.ts"
import { mutated } from "./mutate.ts"
import type { Random } from "./random.ts"
import { type FuzzTarget, must, mustEqual, mustSettle } from "./target.ts"

export const clientHello: FuzzTarget = {
  name: "client-hello",
  share: 1_500_000,
  input: helloInput,
  check: (input, random) => {
    const read = readClientHello(input)
    mustSettle(readClientHello, input, read, random)
    if (read === "incomplete") return false
    if ("fault" in read) {
      must(/^(not-tls|sslv2|too-large|malformed)$/.test(read.fault), "a fault has a known name")
      must(read.why.length < 200, "a fault says why in a line")
      return false
    }
    withinBounds(read, input)
    fingerprinted(read)
    return true
  },
}

export const handshakeRecords: FuzzTarget = {
  name: "handshake-records",
  share: 700_000,
  input: (random) => (random.oneIn(3) ? recordStream(random) : helloInput(random)),
  check: (input, random) => {
    const first = firstHandshakeMessage(input)
    mustSettle(firstHandshakeMessage, input, first, random)
    if (first === "incomplete") {
      must(input.length <= 64 * 1024 + 5 * 2048, "what is kept of an incomplete hello is bounded")
      return false
    }
    if ("fault" in first) return false
    const content = Buffer.concat(payloads(input.subarray(0, first.byteLength)))
    must(first.message.length <= content.length, "a message is no longer than its records")
    must(content.subarray(0, first.message.length).equals(first.message), "it is what they hold")
    must(first.message.length === 4 + content.readUIntBE(1, 3), "and as long as it says")
    return true
  },
}

/** Handshake records of any length with a header of a message in the first of them. */
function recordStream(random: Random): Uint8Array {
  const records: Uint8Array[] = []
  for (let left = random.from(1, 12); left > 0; left--) {
    const length = random.oneIn(80) ? random.below(17_000) : random.below(90)
    const content = new Uint8Array(length).fill(random.below(256))
    if (records.length === 0) content.set([1, 0, 0, random.below(200)].slice(0, length))
    const type = random.oneIn(15) ? random.below(256) : 22
    records.push(Uint8Array.of(type, 3, random.below(5), length >> 8, length & 0xff), content)
  }
  const stream = Buffer.concat(records)
  return random.oneIn(3) ? mutated(stream, [], random) : stream
}

/** The contents of whole records, read as simply as it goes. */
function payloads(records: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = []
  for (let at = 0; at + 5 <= records.length; ) {
    const length = ((records[at + 3] ?? 0) << 8) | (records[at + 4] ?? 0)
    found.push(records.subarray(at + 5, at + 5 + length))
    at += 5 + length
  }
  return found
}

const isU16 = (value: number) => Number.isInteger(value) && value >= 0 && value <= 0xffff

function withinBounds(hello: ClientHello, input: Uint8Array): void {
  must(hello.byteLength <= input.length, "a hello is part of its input")
  must(hello.sessionIdLength <= 32, "a session id has at most 32 bytes")
  must(hello.cipherSuites.length > 0, "a hello offers a suite")
  for (const list of [
    hello.cipherSuites,
    hello.extensions,
    hello.supportedVersions,
    hello.supportedGroups,
    hello.signatureAlgorithms,
    hello.keyShareGroups,
  ])
    must(list.every(isU16), "numbers have 16 bits")
  must(new Set(hello.extensions).size === hello.extensions.length, "no extension comes twice")
  must(
    hello.alpn.every((name) => name.length <= 255 && !/[^\0-\xff]/.test(name)),
    "a protocol's name is at most 255 bytes",
  )
  const named = hello.sni !== undefined || hello.invalidSni !== undefined
  must(named === hello.extensions.includes(0), "server_name names or is kept apart")
  must(hello.sni === undefined || hello.invalidSni === undefined, "but not both")
  must((hello.invalidSni ?? "").length <= 255, "an invalid name is cut")
  if (hello.sni !== undefined) {
    must(hostName(hello.sni) === hello.sni, "a server name is in its one form")
    must(canonicalHost(hello.sni) === hello.sni, "and it is what patterns compare")
  }
  must(hello.pskOffered === hello.extensions.includes(41), "pre_shared_key is told")
  must(hello.earlyDataOffered === hello.extensions.includes(42), "early_data is told")
  must(hello.echOffered === hello.extensions.includes(0xfe0d), "encrypted_client_hello is told")
  must(hello.echOffered === (hello.echType !== undefined), "with its type")
}

const shape = /^t(?:1[0-3]|s[23]|00)[di]\d{4}[0-9A-Za-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$/
const stackShape = /^t(?:1[0-3]|s[23]|00)x\d{4}00_[0-9a-f]{12}_[0-9a-f]{12}$/

function fingerprinted(hello: ClientHello): void {
  must(shape.test(ja4(hello)), `a JA4 has its shape: ${ja4(hello)}`)
  mustEqual(
    fingerprintsOf(hello),
    { ja4: ja4(hello), stack: stackKey(hello) },
    "remembered or made, they are the same",
  )
  must(stackShape.test(stackKey(hello)), `a stack key has its shape: ${stackKey(hello)}`)
  const { highest, lowest } = offeredVersions(hello)
  must(highest === null || lowest === null || lowest <= highest, "versions have an order")
  must(typeof offersEcdsa(hello) === "boolean", "a hello takes ECDSA or not")
  must(typeof offersHybridGroup(hello) === "boolean", "a hello has a hybrid group or not")
}

export const oracle: FuzzTarget = {
  name: "client-hello-oracle",
  share: 60_000,
  input: readableHelloInput,
  check: async (input) => {
    const ours = readClientHello(input)
    if (ours === "incomplete" || "fault" in ours) return false
    const theirs = await askOracle(input)
    if (theirs === null) return false
    mustEqual(ours.legacyVersion, theirs.version, "version")
    mustEqual(ours.sessionIdLength, theirs.sessionId.length, "session id")
    mustEqual(ours.cipherSuites, theirs.cipherSuites, "cipher suites")
    mustEqual(ours.compressionMethods, theirs.compressionMethods, "compression methods")
    mustEqual(
      ours.extensions,
      theirs.extensions.map(({ id }) => id),
      "extensions",
    )
    sameContents(ours, theirs)
    return true
  },
}

/**
 * Where the oracle gives no content there is nothing to compare. It reads the first name only when
 * that is the only one, and takes names as 7-bit text.
 */
function sameContents(ours: ClientHello, theirs: TlsClientHelloMessage): void {
  const of = <Id extends keyof ExtensionDataMap>(id: Id) => getExtensionData(theirs, id)
  const name = of(0)?.serverName
  if (name && !/[^\0-\x7f]/.test(ours.invalidSni ?? ""))
    mustEqual(ours.sni, hostName(name), "server name")
  const protocols = of(16)?.protocols
  if (protocols && ours.alpn.every((protocol) => /^[\0-\x7f]*$/.test(protocol)))
    mustEqual(ours.alpn, protocols, "ALPN")
  const lists = [
    [ours.supportedGroups, of(10)?.groups, "groups"],
    [ours.signatureAlgorithms, of(13)?.algorithms, "signature algorithms"],
    [ours.supportedVersions, of(43)?.versions, "versions"],
  ] as const
  for (const [mine, other, what] of lists) if (other) mustEqual(mine, other, what)
}

/** Null if it throws, or waits for bytes that do not come. */
async function askOracle(input: Uint8Array): Promise<TlsClientHelloMessage | null> {
  const stream = new PassThrough()
  stream.on("error", () => {})
  stream.write(input)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, 1_000, null)
  })
  const answer = readTlsClientHello(stream).catch(() => null)
  const read = await Promise.race([answer, late])
  clearTimeout(timer)
  stream.destroy()
  return read
}
