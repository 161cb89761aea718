import { X509Certificate } from "node:crypto"
import { rootCertificates } from "node:tls"
import t from "tap"
import { certificateFacts } from "../../src/ca/certificate-facts.ts"
import {
  basicConstraints,
  extKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyId,
} from "../../src/ca/extensions.ts"
import { certificate, ecKey } from "./made-ca.ts"

const key = ecKey()
const factsOf = (pem: string) => certificateFacts(new X509Certificate(pem).raw)

t.test("everything that an extension says is read", (t) => {
  const facts = factsOf(
    certificate({
      name: "CA 1",
      key,
      extensions: [
        basicConstraints({ pathLen: 3 }),
        keyUsage("digitalSignature", "keyCertSign"),
        extKeyUsage("1.3.6.1.5.5.7.3.1", "2.5.29.37.0"),
        subjectKeyId(Buffer.from("0102", "hex")),
        subjectAltName(
          [
            { type: "dns", text: "*.example.com" },
            { type: "ip", text: "2001:db8::1" },
          ],
          true,
        ),
      ],
    }),
  )
  if (facts === "unreadable") return t.fail("unreadable")
  t.match(facts, {
    commonName: "CA 1",
    signatureOid: "1.2.840.10045.4.3.2",
    basicConstraints: { ca: true, pathLen: 3 },
    extKeyUsage: ["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"],
    dnsNames: ["*.example.com"],
    ipAddresses: ["2001:db8::1"],
    hasNameConstraints: false,
  })
  t.same([...(facts.keyUsage ?? [])], ["digitalSignature", "keyCertSign"])
  t.equal(facts.subjectKeyId?.toString("hex"), "0102")
  t.same(facts.subjectDer, facts.issuerDer)
  t.end()
})

t.test("an extension that is absent is undefined, not false", (t) => {
  const facts = factsOf(certificate({ name: "bare", key, extensions: [basicConstraints(false)] }))
  t.match(facts, {
    basicConstraints: { ca: false, pathLen: undefined },
    keyUsage: undefined,
    extKeyUsage: undefined,
    subjectKeyId: undefined,
    dnsNames: [],
  })
  t.end()
})

t.test("every public root that Node ships is read as the CA that OpenSSL takes it for", (t) => {
  const wrong = rootCertificates.filter((pem) => {
    const x509 = new X509Certificate(pem)
    const facts = certificateFacts(x509.raw)
    return facts === "unreadable" || (facts.basicConstraints?.ca ?? false) !== x509.ca
  })
  t.same(wrong, [])
  t.ok(rootCertificates.length > 100)
  t.end()
})

t.test("bytes that are no certificate are unreadable, wherever they end or change", (t) => {
  const { raw } = new X509Certificate(certificate({ name: "cut", key }))
  for (let length = 0; length < raw.length; length += 7) {
    t.equal(certificateFacts(raw.subarray(0, length)), "unreadable")
  }
  t.equal(certificateFacts(Buffer.concat([raw, Buffer.alloc(1)])), "unreadable")
  t.equal(certificateFacts(Buffer.alloc(100_000, "3080", "hex")), "unreadable")
  for (let at = 0; at < raw.length; at++) {
    const changed = Buffer.from(raw)
    changed.writeUInt8(raw.readUInt8(at) ^ 0xff, at)
    t.doesNotThrow(() => certificateFacts(changed))
  }
  t.end()
})
