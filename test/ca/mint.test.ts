import { X509Certificate } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { certificateFacts } from "../../src/ca/certificate-facts.ts"
import { createLeafKeys } from "../../src/ca/leaf-keys.ts"
import { loadInspectionCa } from "../../src/ca/load.ts"
import { mintLeaf } from "../../src/ca/mint.ts"
import {
  certificate,
  DAY,
  ecKey,
  newFolder,
  now,
  openssl,
  pkcs8,
  sensorCa,
  without,
  writePair,
} from "./made-ca.ts"

const dir = newFolder(t)
const keys = await createLeafKeys()
const ca = sensorCa(dir, "ec")
const mint = (name: string, more = {}) => mintLeaf(ca, keys.ec, { name, now, ...more })
const san = (leaf: { der: Buffer }) => new X509Certificate(leaf.der).subjectAltName

t.test("a leaf is a server's certificate for the name, in date, of the CA", (t) => {
  const leaf = mint("API.example.com")
  const x509 = new X509Certificate(leaf.certPem)
  const facts = certificateFacts(x509.raw)
  if (facts === "unreadable") return t.fail("unreadable")
  t.equal(x509.subject, "CN=api.example.com")
  t.equal(x509.subjectAltName, "DNS:api.example.com")
  t.match(facts, {
    basicConstraints: { ca: false },
    extKeyUsage: ["1.3.6.1.5.5.7.3.1"],
    subjectKeyId: keys.ec.subjectKeyId,
    issuerDer: ca.subjectDer,
  })
  t.same([...(facts.keyUsage ?? [])], ["digitalSignature"])
  t.ok(x509.checkIssued(ca.certificate), "the authority key identifier fits")
  t.equal(x509.validFromDate.getTime(), now - DAY)
  t.equal(x509.validToDate.getTime(), now + 13 * DAY)
  t.same([leaf.notBefore, leaf.notAfter], [now - DAY, now + 13 * DAY])
  t.equal(leaf.fingerprint, x509.fingerprint256.replaceAll(":", "").toLowerCase())
  t.equal(leaf.serial, x509.serialNumber.toLowerCase())
  t.end()
})

t.test("an RSA leaf may also encipher keys", (t) => {
  const facts = certificateFacts(mintLeaf(ca, keys.rsa, { name: "a.com", now }).der)
  if (facts === "unreadable") return t.fail("unreadable")
  t.same([...(facts.keyUsage ?? [])], ["digitalSignature", "keyEncipherment"])
  t.end()
})

t.test("serial numbers are positive and random, with 16 bytes whatever the dice say", (t) => {
  t.equal(mint("a.com", { serial: Buffer.alloc(16) }).serial, `40${"00".repeat(15)}`)
  t.equal(mint("a.com", { serial: Buffer.alloc(16, 0xff) }).serial, `7f${"ff".repeat(15)}`)
  t.not(mint("a.com").serial, mint("a.com").serial)
  t.end()
})

t.test("an address becomes an address, not a host name", (t) => {
  t.equal(san(mint("192.0.2.7")), "IP Address:192.0.2.7")
  t.equal(san(mint("[2001:db8::7]")), "IP Address:2001:DB8:0:0:0:0:0:7")
  t.end()
})

t.test("a name too long for a common name leaves the subject empty and the SAN critical", (t) => {
  const name = `${"a".repeat(60)}.example.com`
  const x509 = new X509Certificate(mint(name).der)
  t.equal(x509.subject, undefined)
  t.equal(x509.checkHost(name), name)
  t.ok(x509.raw.toString("hex").includes("0603551d110101ff"), "id-ce-subjectAltName, critical TRUE")
  t.end()
})

t.test("what is no name gets a leaf for a name that cannot exist", (t) => {
  for (const name of ["", "*.com", "a.com\0b.com", "x".repeat(70_000)]) {
    t.same(mint(name).names, ["unnameable.invalid"])
  }
  t.end()
})

t.test("the origin's names come along, after the name asked for, once each", (t) => {
  const mirror = {
    commonName: "example.com",
    dnsNames: ["*.example.com", "EXAMPLE.com", "example.org", "a, DNS:b", "www.example.com"],
    ipAddresses: ["192.0.2.1"],
  }
  const leaf = mint("www.example.com", { mirror })
  t.same(leaf.names, [
    "www.example.com",
    "example.com",
    "*.example.com",
    "example.org",
    "192.0.2.1",
  ])
  t.equal(
    san(leaf),
    "DNS:www.example.com, DNS:example.com, DNS:*.example.com, DNS:example.org, IP Address:192.0.2.1",
  )
  t.end()
})

t.test("an origin that does not cover the name lends none of its own", (t) => {
  const mirror = { commonName: "default.invalid", dnsNames: ["other.com"], ipAddresses: [] }
  t.same(mint("www.example.com", { mirror }).names, ["www.example.com"])
  t.end()
})

t.test("an origin of very many or very long names lends a bounded number", (t) => {
  const mirrorOf = (dnsNames: string[]) => ({ mirror: { dnsNames, ipAddresses: [] } })
  const many = Array.from({ length: 5000 }, (_, index) => `h${index}.com`)
  t.equal(mint("h0.com", mirrorOf(many)).names.length, 100)
  const long = many.map((name) => `${"a".repeat(60)}.${"b".repeat(60)}.${name}`)
  const leaf = mint("h0.com", mirrorOf(["h0.com", ...long]))
  t.ok(leaf.names.join("").length <= 4096)
  t.ok(leaf.names.length > 20)
  t.end()
})

t.test("a leaf never outlives its CA, nor starts before it", (t) => {
  const key = ecKey()
  const pem = certificate({ name: "Brief", key, notBefore: now - 1000, notAfter: now + 2 * DAY })
  const brief = loadInspectionCa({ ...writePair(dir, pem, pkcs8(key)), now })
  const leaf = mintLeaf(brief, keys.ec, { name: "a.com", now })
  t.same([leaf.notBefore, leaf.notAfter], [now - 1000, now + 2 * DAY])
  const late = mintLeaf(brief, keys.ec, { name: "a.com", now: now + 9 * DAY })
  t.ok(late.notBefore <= late.notAfter && late.notAfter === now + 2 * DAY)
  t.end()
})

t.test("openssl accepts every leaf strictly", { skip: without("openssl", "version") }, (t) => {
  const at = Date.now()
  const rsa = sensorCa(dir, "rsa", at)
  const middle = { name: "Middle", key: ecKey("P-384") }
  const issuing = { name: "Issuing", key: ecKey("P-521") }
  const root = { name: "Root", key: rsa.key }
  const dates = { notBefore: at - DAY, notAfter: at + 90 * DAY }
  const strict = (leaf: { certPem: string }, rootFile: string, chainPem: string, name: string) => {
    const [leafFile, chainFile] = [join(dir, "leaf.pem"), join(dir, "chain.pem")]
    writeFileSync(leafFile, leaf.certPem)
    writeFileSync(chainFile, chainPem)
    const check = /^[\d.:]+$/.test(name) ? "-verify_ip" : "-verify_hostname"
    return openssl(
      "verify",
      "-x509_strict",
      "-purpose",
      "sslserver",
      "-auth_level",
      "2",
      check,
      name,
      "-CAfile",
      rootFile,
      ...(chainPem && ["-untrusted", chainFile]),
      leafFile,
    )
  }

  t.test("under the sensor's own CA, of either kind, with either leaf key", (t) => {
    for (const own of [sensorCa(dir, "ec", at), rsa]) {
      for (const key of [keys.ec, keys.rsa]) {
        for (const name of [
          "www.example.com",
          "192.0.2.1",
          "2001:db8::1",
          `${"a".repeat(60)}.example.com`,
        ]) {
          const leaf = mintLeaf(own, key, { name, now: at })
          t.match(
            strict(leaf, own.certFile, own.chainPem, name),
            /: OK/,
            `${own.keyKind} ${key.kind} ${name}`,
          )
        }
      }
    }
    t.end()
  })

  t.test("under a P-521 subordinate of a P-384 one of an RSA root", (t) => {
    const pem = [
      certificate({ ...issuing, issuer: middle, ...dates }),
      certificate({ ...middle, issuer: root, ...dates }),
    ].join("")
    const rootPem = certificate({ ...root, ...dates })
    const sub = loadInspectionCa({ ...writePair(dir, pem + rootPem, pkcs8(issuing.key)), now: at })
    const { certFile } = writePair(dir, rootPem, "")
    const leaf = mintLeaf(sub, keys.ec, { name: "a.com", now: at })
    t.match(strict(leaf, certFile, sub.chainPem, "a.com"), /: OK/)
    t.equal(leaf.chainPem, leaf.certPem + pem)
    t.end()
  })
  t.end()
})
