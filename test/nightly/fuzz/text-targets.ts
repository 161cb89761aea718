/** What must hold of readers of text that clients, relays and libraries write. */
import { isIP } from "node:net"
import { connectTarget } from "../../../src/intercept/front.ts"
import { errorCode, tlsFault } from "../../../src/intercept/tls-error.ts"
import { hostName } from "../../../src/observe/server-name.ts"
import { canonicalName } from "../../../src/policy/connection-view.ts"
import {
  addressText,
  canonicalAddress,
  readAddress,
} from "../../../src/policy/destination/addresses.ts"
import { canonicalHost, matchesHost, parseHostPattern } from "../../../src/record/host-pattern.ts"
import { mutated } from "./mutate.ts"
import type { Random } from "./random.ts"
import { type FuzzTarget, must, mustEqual } from "./target.ts"

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const addresses = [
  "192.0.2.1",
  "127.0.0.1",
  "255.255.255.255",
  "0.0.0.0",
  "0177.0.0.1",
  "0x7f.1",
  "::",
  "::1",
  "2001:db8::1",
  "2001:DB8:0:0:1:0:0:1",
  "::ffff:192.0.2.1",
  "::192.0.2.1",
  "64:ff9b::192.0.2.1",
  "fe80::1%eth0",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7::",
]
const hosts = [
  "app.example",
  "WWW.Example.ORG.",
  "bücher.example",
  "xn--bcher-kva.example",
  "_sip._tls.example.org",
  "foo-.example",
  "-foo.example",
  "a",
  "a..b",
  ".",
  "",
  "a".repeat(63),
  `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`,
  "xn--a",
  "１２７.0.0.1",
  "ß.example",
  "ı.example",
  "K.example",
  "a\u200db.example",
  "example。org",
]
const corpus = [...addresses, ...hosts].map(bytesOf)

function textInput(random: Random, given: readonly Uint8Array[] = corpus): Uint8Array {
  const text = random.oneIn(12) ? random.bytes(random.below(50)) : random.pick(given)
  return random.oneIn(6) ? text : mutated(text, given, random).subarray(0, 2_000)
}

const targets = [
  ...["app.example:443", "[2001:db8::1]:8443", "192.0.2.1:1", "a.example.:65535", "a:0", ":443"],
  ...[
    "http://a.example/",
    "a.example",
    "[::1]",
    "a b:1",
    "user@a.example:443",
    "a..:443",
    "[a.]:1",
  ],
].map(bytesOf)

/** The request target of a CONNECT as Node's HTTP parser hands it on: one character a byte. */
export const connectTargets: FuzzTarget = {
  name: "connect-target",
  share: 400_000,
  input: (random) => textInput(random, random.oneIn(3) ? corpus : targets),
  check: (input) => {
    const read = connectTarget(Buffer.from(input).toString("latin1"))
    if (read === null) return false
    const { host, port } = read
    must(Number.isInteger(port) && port >= 1 && port <= 65535, "a port is 1 to 65535")
    must(host.length >= 1 && host.length <= 255, "a host has 1 to 255 characters")
    must(!/[\s/?#@[\]]/.test(host), "a host has nothing of a URL around it")
    mustEqual(host, host.toLowerCase(), "a host is in lower case")
    const written = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
    mustEqual(connectTarget(written), read, "read again it is the same")
    return true
  },
}

export const hostNames: FuzzTarget = {
  name: "host-names",
  share: 250_000,
  input: (random) => textInput(random),
  check: (input) => {
    const text = textOf(input)
    const canonical = canonicalHost(text)
    if (canonical !== null) {
      must(/^[a-z0-9_.-]{1,253}$/.test(canonical), "a canonical host is plain text")
      mustEqual(canonicalHost(canonical), canonical, "canonical once, canonical for good")
    }
    const name = hostName(Buffer.from(input).toString("latin1"))
    if (name !== undefined) {
      mustEqual(hostName(name), name, "a server name in one form")
      mustEqual(canonicalHost(name), name, "and it is what patterns compare")
      mustEqual(canonicalName(name), name, "and what policy compares")
    }
    return checkPattern(text) || canonical !== null
  },
}

/** A pattern that can be written covers what it names, and nothing that is neither name nor address. */
function checkPattern(text: string): boolean {
  let pattern: ReturnType<typeof parseHostPattern>
  try {
    pattern = parseHostPattern(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : ""
    must(why.startsWith("host pattern"), `a pattern that cannot be meant is told: ${why}`)
    return false
  }
  must(!matchesHost(pattern, ""), "no pattern covers nothing")
  must(!matchesHost(pattern, "a b"), "no pattern covers what is no host")
  if (pattern.kind === "name") must(matchesHost(pattern, pattern.name), "a name covers itself")
  if (pattern.kind === "below") {
    must(!matchesHost(pattern, pattern.suffix.slice(1)), "what is below covers not the top")
    const below = `a${pattern.suffix}`
    if (below.length <= 253) must(matchesHost(pattern, below), "what is below covers the next")
  }
  return true
}

export const addressTexts: FuzzTarget = {
  name: "addresses",
  share: 250_000,
  input: (random) => textInput(random, addresses.map(bytesOf)),
  check: (input) => {
    const text = textOf(input)
    const address = readAddress(text)
    const zoned = text.includes("%")
    if (!zoned && text.length <= 128)
      mustEqual(address !== null, isIP(text) !== 0, "what is an address to Node is one to us")
    if (address === null) return false
    const canonical = addressText(address)
    mustEqual(isIP(canonical), address.version, "its canonical form has its version")
    mustEqual(canonicalAddress(canonical), canonical, "canonical once, canonical for good")
    if (!zoned && isIP(text) === 6 && address.version === 6)
      mustEqual(groupsOf(canonical), groupsOf(text), "it is the same address")
    return true
  },
}

/** As the WHATWG URL parser writes it, another reading than ours. */
function groupsOf(ipv6: string): string {
  return new URL(`http://[${ipv6}]/`).hostname
}

const messages = [
  "0A00B1C2:error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:916:SSL alert number 48\n",
  "write EPROTO 80:error:0A00042E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version:c:1605:SSL alert number 70\n",
  "read ECONNRESET",
  "Client network socket disconnected before secure TLS connection was established",
  "error:0A000102:SSL routines::unsupported protocol",
].map(bytesOf)
const codes = ["ECONNRESET", "EPIPE", "ERR_SSL_UNSUPPORTED_PROTOCOL", "EPROTO", "", undefined, 7]
const reasons = ["no shared cipher", "unsupported protocol", "wrong version number", undefined]

/** The first byte chooses code and reason, the rest is the message. */
export const tlsErrors: FuzzTarget = {
  name: "tls-error",
  share: 80_000,
  input: (random) => Buffer.concat([random.bytes(1), textInput(random, messages)]),
  check: (input) => {
    const [choice = 0] = input
    const message = textOf(input.subarray(1))
    const code = codes[choice % codes.length]
    const reason = reasons[(choice >> 4) % reasons.length]
    const error = Object.assign(new Error(message), { code, reason })
    const fault = tlsFault(error)
    must(errorCode(error).length <= Math.max(100, String(code).length), "a code is short")
    switch (fault.kind) {
      case "alert":
        must(Number.isInteger(fault.alert) && fault.alert >= 0, "an alert is a number")
        must(
          message.includes(`SSL alert number ${fault.alert}`) || /number 0\d/.test(message),
          "its own",
        )
        return true
      case "reset":
        must(typeof fault.code === "string", "a reset has a code")
        return false
      case "ours":
        must(fault.alert === null || fault.alert <= 255, "an alert of ours is one byte")
        return true
    }
  },
}
