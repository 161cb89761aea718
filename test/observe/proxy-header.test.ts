import t from "tap"
import { longestProxyHeader, readProxyHeader } from "../../src/observe/proxy-header.ts"
import { pair4, pair6, ssl, stream6, tlv, version2 } from "./proxy-header-bytes.ts"

const text = (line: string) => Buffer.from(line, "latin1")
const client4 = { address: "192.0.2.7", port: 4321 }
const origin4 = { address: "198.51.100.9", port: 443 }
const hex6 = {
  client: "20010db8000000000000000000000007",
  origin: "20010db8000000000000000000000009",
}
const client6 = { address: "2001:db8::7", port: 4321 }
const origin6 = { address: "2001:db8::9", port: 443 }
const untold = { authority: null, uniqueId: null, clientCn: null }
const nobody = { source: null, destination: null, ...untold }

const headers: Record<string, [bytes: Buffer, says: Record<string, unknown>]> = {
  "version 1 over IPv4": [
    text("PROXY TCP4 192.0.2.7 198.51.100.9 4321 443\r\n"),
    { version: 1, command: "proxy", source: client4, destination: origin4, ...untold },
  ],
  "version 1 over IPv6": [
    text("PROXY TCP6 2001:db8::7 2001:db8::9 4321 443\r\n"),
    { version: 1, command: "proxy", source: client6, destination: origin6, ...untold },
  ],
  "the longest line of version 1": [
    text(`PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`),
    { version: 1, command: "proxy", ...nobody },
  ],
  "version 1 that knows nobody": [
    text("PROXY UNKNOWN\r\n"),
    { version: 1, command: "proxy", ...nobody },
  ],
  "version 2 over IPv4": [
    version2(),
    { version: 2, command: "proxy", source: client4, destination: origin4, ...untold },
  ],
  "version 2 over IPv6": [
    version2({ family: stream6, addresses: pair6(hex6.client, hex6.origin) }),
    { version: 2, command: "proxy", source: client6, destination: origin6, ...untold },
  ],
  "version 2 from a UNIX socket": [
    version2({ family: 0x31, addresses: Buffer.alloc(216, 47) }),
    { version: 2, command: "proxy", ...nobody },
  ],
  "version 2 that knows nobody": [
    version2({ family: 0, addresses: Buffer.alloc(0) }),
    { version: 2, command: "proxy", ...nobody },
  ],
  "LOCAL, whatever else it says": [
    version2({ versionAndCommand: 0x20, family: 0xff, tlvs: [tlv(2, "a")] }),
    { version: 2, command: "local", ...nobody },
  ],
  "the authority, the unique id and the name of a verified client": [
    version2({
      tlvs: [
        tlv(0x01, "h2"),
        tlv(0x02, "bank.example"),
        tlv(0x05, Buffer.from([0, 255, 16])),
        ssl(0, tlv(0x21, "TLSv1.3"), tlv(0x22, "phone-7")),
        tlv(0xee, "of a vendor's own"),
        tlv(0x04, ""),
      ],
    }),
    { authority: "bank.example", uniqueId: "00ff10", clientCn: "phone-7" },
  ],
  "no name of a client whose certificate was not verified": [
    version2({ tlvs: [ssl(1, tlv(0x22, "phone-7"))] }),
    { ...untold },
  ],
  "a checksum that holds": [
    version2({ tlvs: [tlv(0x02, "bank.example")], checksum: "right" }),
    { authority: "bank.example" },
  ],
}
for (const [name, [bytes, says]] of Object.entries(headers)) {
  t.test(`what a relay says is read: ${name}`, (t) => {
    const read = readProxyHeader(Buffer.concat([bytes, text("\x16\x03\x01 of the client")]))
    t.match(read, { length: bytes.length, ...says })
    t.end()
  })
  t.test(`every shorter beginning is incomplete: ${name}`, (t) => {
    for (let length = 0; length < bytes.length; length++)
      if (readProxyHeader(bytes.subarray(0, length)) !== "incomplete") t.fail(`${length} bytes`)
    t.match(readProxyHeader(bytes), says)
    t.end()
  })
}

const faults: Record<string, [bytes: Buffer, fault: RegExp]> = {
  "a ClientHello": [text("\x16\x03\x01\x02\x00\x01"), /^no PROXY protocol header$/],
  "a request": [text("POST / HTTP/1.1\r\n"), /^no PROXY/],
  "a word that begins like it": [text("PROXI"), /^no PROXY/],
  "a signature with one wrong byte": [text("\r\n\r\n\0\r\nQUIX"), /^no PROXY/],
  "a line without end": [text(`PROXY UNKNOWN ${"x".repeat(93)}`), /no end of the line/],
  "a line that ends with a bare line feed": [
    text(`PROXY TCP4 192.0.2.7 198.51.100.9 4321 443\n${"x".repeat(80)}`),
    /no end of the line/,
  ],
  "a family that is none": [text("PROXY TCP5 192.0.2.7 198.51.100.9 1 2\r\n"), /cannot be read/],
  "a family in lower case": [text("PROXY tcp4 192.0.2.7 198.51.100.9 1 2\r\n"), /cannot be read/],
  "an address of the other family": [text("PROXY TCP4 ::1 ::2 1 2\r\n"), /cannot be read/],
  "an octal address": [text("PROXY TCP4 010.0.0.1 198.51.100.9 1 2\r\n"), /cannot be read/],
  "an address in short form": [text("PROXY TCP4 10.1 198.51.100.9 1 2\r\n"), /cannot be read/],
  "a dotted tail with a leading zero": [
    text("PROXY TCP6 ::ffff:092.0.2.1 ::192.0.2.1 8 65535\r\n"),
    /cannot be read/,
  ],
  "a dotted tail above 255": [text("PROXY TCP6 ::1.2.3.256 ::2 1 2\r\n"), /cannot be read/],
  "an address with a zone": [text("PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n"), /cannot be read/],
  "a port above 65535": [text("PROXY TCP4 192.0.2.7 198.51.100.9 1 65536\r\n"), /cannot be read/],
  "a port with a leading zero": [
    text("PROXY TCP4 192.0.2.7 198.51.100.9 01 2\r\n"),
    /cannot be read/,
  ],
  "a port too few": [text("PROXY TCP4 192.0.2.7 198.51.100.9 1\r\n"), /cannot be read/],
  "a word too many": [text("PROXY TCP4 192.0.2.7 198.51.100.9 1 2 3\r\n"), /cannot be read/],
  "two spaces": [text("PROXY TCP4  192.0.2.7 198.51.100.9 1 2\r\n"), /cannot be read/],
  "an empty line": [text("PROXY \r\n"), /cannot be read/],
  "version 3": [version2({ versionAndCommand: 0x31 }), /version 3 is not known/],
  "a command that is none": [version2({ versionAndCommand: 0x2f }), /unknown command 15/],
  datagrams: [version2({ family: 0x12 }), /0x12 are not served/],
  "a family that is not known": [version2({ family: 0x41 }), /0x41 are not served/],
  "IPv4 of no protocol": [version2({ family: 0x10 }), /0x10 are not served/],
  "addresses that are cut short": [
    version2({ addresses: pair4().subarray(1) }),
    /addresses are cut short/,
  ],
  "a TLV that is cut short": [version2({ tlvs: [Buffer.from([2, 0])] }), /TLV is cut short/],
  "a TLV that is longer than the header": [
    version2({ tlvs: [Buffer.from([2, 0, 2, 97])] }),
    /longer than the header/,
  ],
  "an authority that is too long": [version2({ tlvs: [tlv(2, "a".repeat(256))] }), /authority/],
  "a unique id that is too long": [version2({ tlvs: [tlv(5, "a".repeat(129))] }), /unique id/],
  "a checksum that is wrong": [version2({ checksum: "wrong" }), /checksum is wrong/],
  "a checksum of three bytes": [version2({ tlvs: [tlv(3, "abc")] }), /checksum is wrong/],
  "an SSL part that is cut short": [version2({ tlvs: [tlv(0x20, "abcd")] }), /SSL part/],
  "an SSL part with a TLV that is cut short": [version2({ tlvs: [ssl(0, text("\x22"))] }), /TLV/],
}
for (const [name, [bytes, fault]] of Object.entries(faults))
  t.test(`what no relay may say is a fault: ${name}`, (t) => {
    t.match(readProxyHeader(bytes), { fault })
    t.end()
  })

t.test("a header above 16 KiB is refused before it is waited for", (t) => {
  const length = (bytes: number) => {
    const header = version2().subarray(0, 16)
    header.writeUInt16BE(bytes, 14)
    return readProxyHeader(header)
  }
  t.match(length(longestProxyHeader - 15), { fault: /more than 16384/ })
  t.equal(length(longestProxyHeader - 16), "incomplete")
  t.end()
})

t.test("what is no header at all is known by its first wrong byte", (t) => {
  t.equal(readProxyHeader(Buffer.alloc(0)), "incomplete")
  t.match(readProxyHeader(text("G")), { fault: /no PROXY/ })
  t.match(readProxyHeader(text("\r\nx")), { fault: /no PROXY/ })
  t.end()
})

t.test("no bytes whatever make it throw", (t) => {
  const whole = Object.values(headers).map(([bytes]) => bytes)
  for (const [index, bytes] of whole.entries())
    for (let at = 0; at < bytes.length; at++)
      for (const value of [0, 1, 0x20, 0x7f, 0xff]) {
        const changed = Buffer.from(bytes)
        changed[at] = value
        const read = readProxyHeader(changed)
        if (read !== "incomplete" && !("fault" in read) && read.length > changed.length)
          t.fail(`header ${index}, byte ${at}: longer than what was given`)
      }
  t.end()
})
