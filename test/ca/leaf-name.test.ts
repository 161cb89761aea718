import t from "tap"
import {
  addressOctets,
  addressText,
  covers,
  readCertificateName,
  readLeafName,
} from "../../src/ca/leaf-name.ts"

const label = "a".repeat(63)

const read: Record<string, [text: string, name: string | undefined]> = {
  "a host name in lower case": ["API.Example.COM", "dns api.example.com"],
  "a name without its trailing dot": ["example.com.", "dns example.com"],
  "an underscore": ["_dmarc.example_1.com", "dns _dmarc.example_1.com"],
  "a single label": ["localhost", "dns localhost"],
  "the longest name": [
    `${label}.${label}.${label}.${"b".repeat(61)}`,
    `dns ${label}.${label}.${label}.${"b".repeat(61)}`,
  ],
  "an IPv4 address": ["192.0.2.1", "ip 192.0.2.1"],
  "an IPv6 address in brackets": ["[2001:DB8::1]", "ip 2001:db8::1"],
  "an IPv6 address with a zone": ["fe80::1%eth0", "ip fe80::1"],
  "nothing for no text": ["", undefined],
  "nothing for an empty label": ["a..b", undefined],
  "nothing for a label that is too long": [`${label}a.com`, undefined],
  "nothing for a name that is too long": [`${label}.${label}.${label}.${label}`, undefined],
  "nothing for a host name with a zone": ["a.com%eth0", undefined],
  "nothing for a host name in brackets": ["[a.com]", undefined],
  "nothing for a host name with a port": ["a.com:443", undefined],
  "nothing for a wildcard": ["*.example.com", undefined],
  "nothing for a NUL": ["good.com\0.evil.com", undefined],
  "nothing for what is not ASCII": ["müller.de", undefined],
  "nothing for a second name smuggled in": ["a.com, DNS:b.com", undefined],
}

for (const [name, [text, expected]] of Object.entries(read)) {
  t.test(`reads ${name}`, (t) => {
    const found = readLeafName(text)
    t.equal(found && `${found.type} ${found.text}`, expected)
    t.end()
  })
}

t.test("a certificate may hold a wildcard, as its whole leftmost label", (t) => {
  t.same(readCertificateName("*.Example.com"), { type: "dns", text: "*.example.com" })
  for (const text of ["*", "*.", "a*.example.com", "*.*.com", "*.192.0.2.1"]) {
    t.equal(readCertificateName(text), undefined, text)
  }
  t.end()
})

const covered: [ofCertificate: string, name: string, covers: boolean][] = [
  ["example.com", "example.com", true],
  ["*.example.com", "a.example.com", true],
  ["*.example.com", "example.com", false],
  ["*.example.com", "a.b.example.com", false],
  ["example.com", "a.example.com", false],
  ["2001:db8:0::1", "2001:db8::1", true],
  ["192.0.2.1", "192.0.2.2", false],
]

for (const [ofCertificate, name, expected] of covered) {
  t.test(`${ofCertificate} ${expected ? "covers" : "does not cover"} ${name}`, (t) => {
    const [one, two] = [readCertificateName(ofCertificate), readLeafName(name)]
    if (!one || !two) return t.fail("not names")
    t.equal(covers(one, two), expected)
    t.end()
  })
}

const addresses: [text: string, hex: string][] = [
  ["192.0.2.255", "c00002ff"],
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["2001:db8::", "20010db8000000000000000000000000"],
  ["2001:db8:1:2:3:4:5:6", "20010db8000100020003000400050006"],
  ["::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
]

for (const [text, hex] of addresses) {
  t.test(`${text} is ${hex.length / 2} bytes in a certificate, and reads back`, (t) => {
    t.equal(addressOctets(text).toString("hex"), hex)
    t.same(addressOctets(addressText(Buffer.from(hex, "hex")) ?? ""), addressOctets(text))
    t.end()
  })
}

t.test("an address of any other length has no text", (t) => {
  t.equal(addressText(Buffer.alloc(5)), undefined)
  t.equal(addressText(Buffer.alloc(0)), undefined)
  t.end()
})
