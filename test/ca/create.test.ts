import { X509Certificate } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { certificateFacts } from "../../src/ca/certificate-facts.ts"
import { createInspectionCa } from "../../src/ca/create.ts"
import { DAY, now, openssl, without } from "./made-ca.ts"

const make = (keyKind: "ec" | "rsa", notBefore = now, years = 10) =>
  createInspectionCa({ commonName: "Example Inspection CA", keyKind, notBefore, years })

for (const keyKind of ["ec", "rsa"] as const) {
  t.test(`a new ${keyKind} CA is a self-signed root that may sign leaves only`, (t) => {
    const x509 = new X509Certificate(make(keyKind).certPem)
    const facts = certificateFacts(x509.raw)
    if (facts === "unreadable") return t.fail("unreadable certificate")
    t.ok(x509.verify(x509.publicKey))
    t.equal(x509.subject, "CN=Example Inspection CA")
    t.same(facts.basicConstraints, { ca: true, pathLen: 0 })
    t.same([...(facts.keyUsage ?? [])], ["keyCertSign", "cRLSign"])
    t.equal(facts.subjectKeyId?.length, 20)
    t.equal(x509.validFromDate.getTime(), now)
    t.equal(x509.validToDate.toISOString(), "2036-11-21T12:00:00.000Z")
    t.end()
  })

  t.test(
    `openssl finds nothing to object to in a new ${keyKind} CA`,
    { skip: without("openssl", "version") },
    (t) => {
      const file = join(t.testdir(), "ca.pem")
      writeFileSync(file, make(keyKind, Date.now() - DAY).certPem)
      t.match(openssl("verify", "-x509_strict", "-check_ss_sig", "-CAfile", file, file), /: OK/)
      const text = openssl("x509", "-in", file, "-noout", "-text")
      t.match(text, /Basic Constraints: critical\n\s+CA:TRUE, pathlen:0/)
      t.match(text, /Key Usage: critical\n\s+Certificate Sign, CRL Sign/)
      t.end()
    },
  )
}

t.test("two CAs share neither key nor serial number", (t) => {
  const [one, two] = [make("ec"), make("ec")].map((ca) => new X509Certificate(ca.certPem))
  t.not(one?.serialNumber, two?.serialNumber)
  t.not(
    one?.publicKey.export({ type: "spki", format: "pem" }),
    two?.publicKey.export({ type: "spki", format: "pem" }),
  )
  t.end()
})

t.test("a CA that lives past 2049 has its end in the other form of time", (t) => {
  const x509 = new X509Certificate(make("ec", now, 30).certPem)
  t.equal(x509.validToDate.toISOString(), "2056-11-21T12:00:00.000Z")
  t.end()
})

t.test("a common name that X.509 has no room for is refused", (t) => {
  for (const commonName of ["", "x".repeat(65)]) {
    t.throws(() => createInspectionCa({ commonName, notBefore: now, years: 1 }), /common name/)
  }
  t.end()
})
