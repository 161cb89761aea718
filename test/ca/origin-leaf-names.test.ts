import { X509Certificate } from "node:crypto"
import t from "tap"
import { sequence, tagged } from "../../src/ca/der.ts"
import { subjectAltName } from "../../src/ca/extensions.ts"
import { originLeafNames } from "../../src/ca/origin-leaf-names.ts"
import { certificate, ecKey } from "./made-ca.ts"

const key = ecKey()
const altNames = "2.5.29.17"

t.test("the names of an origin are its common name, host names and addresses", (t) => {
  const pem = certificate({
    name: "www.example.com",
    key,
    extensions: [
      subjectAltName(
        [
          { type: "dns", text: "*.example.com" },
          { type: "ip", text: "192.0.2.1" },
        ],
        false,
      ),
    ],
  })
  t.same(originLeafNames(new X509Certificate(pem)), {
    commonName: "www.example.com",
    dnsNames: ["*.example.com"],
    ipAddresses: ["192.0.2.1"],
  })
  t.end()
})

t.test(
  "other kinds of names, odd bytes and odd lengths are passed over or kept as they are",
  (t) => {
    const value = sequence(
      tagged(1, Buffer.from("mail@example.com")),
      tagged(6, Buffer.from("https://example.com/")),
      tagged(2, Buffer.from("a.com, DNS:b.com")),
      tagged(2, Buffer.from("good.com\0.evil.com")),
      tagged(7, Buffer.alloc(3)),
    )
    const pem = certificate({
      name: "odd",
      key,
      extensions: [{ oid: altNames, critical: false, value }],
    })
    t.same(originLeafNames(new X509Certificate(pem)), {
      commonName: "odd",
      dnsNames: ["a.com, DNS:b.com", "good.com\0.evil.com"],
      ipAddresses: [],
    })
    t.end()
  },
)

t.test("a certificate whose names are garbage lends none", (t) => {
  const value = tagged(2, Buffer.from("not a sequence"))
  const pem = certificate({
    name: "broken",
    key,
    extensions: [{ oid: altNames, critical: false, value }],
  })
  t.same(originLeafNames(new X509Certificate(pem)), { dnsNames: [], ipAddresses: [] })
  t.end()
})
