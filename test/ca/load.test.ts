import { generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto"
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { basicConstraints, extKeyUsage, keyUsage } from "../../src/ca/extensions.ts"
import { caStillValid } from "../../src/ca/inspection-ca.ts"
import { loadInspectionCa } from "../../src/ca/load.ts"
import {
  certificate,
  DAY,
  ecKey,
  newFolder,
  now,
  openssl,
  pkcs8,
  without,
  writePair,
} from "./made-ca.ts"

const dir = newFolder(t)
const rsaKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey
const root = { name: "Root", key: rsaKey }
const rootPem = certificate(root)
const sub = { name: "Issuing", key: ecKey("P-384") }
const subPem = certificate({ ...sub, issuer: root })
const anyCa = basicConstraints({})

const load = (certPem: string, key: KeyObject, at = now) =>
  loadInspectionCa({ ...writePair(dir, certPem, pkcs8(key)), now: at })

t.test("a root is loaded with nothing to send after the leaf", (t) => {
  const ca = load(rootPem, rsaKey)
  t.equal(ca.chainPem, "")
  t.equal(ca.keyKind, "rsa")
  t.equal(ca.subject, "CN=Root")
  const x509 = new X509Certificate(rootPem)
  t.equal(ca.fingerprint, x509.fingerprint256.replaceAll(":", "").toLowerCase())
  t.same(ca.warnings, [])
  t.ok(Object.isFrozen(ca))
  t.end()
})

t.test(
  "a subordinate sends itself and what is above it, in any order of the file, not the root",
  (t) => {
    const middle = { name: "Middle", key: ecKey() }
    const middlePem = certificate({ ...middle, issuer: root })
    const issuing = certificate({ ...sub, issuer: middle })
    for (const file of [issuing + middlePem + rootPem, rootPem + middlePem + issuing + issuing]) {
      const ca = load(file, sub.key)
      t.equal(ca.subject, "CN=Issuing")
      t.equal(ca.chainPem, issuing + middlePem)
      t.same(ca.warnings, [])
    }
    t.end()
  },
)

t.test("the CA is valid only while its whole chain is", (t) => {
  const short = certificate({ ...root, notAfter: now + 2 * DAY })
  const ca = load(subPem + short, sub.key)
  t.equal(ca.notAfter, now + 2 * DAY)
  t.ok(caStillValid(ca, now))
  t.notOk(caStillValid(ca, now + 3 * DAY))
  t.notOk(caStillValid(ca, now - 2 * DAY))
  t.end()
})

t.test("what will probably not do as meant is loaded with a warning", (t) => {
  const stray = certificate({ name: "Stray", key: ecKey() })
  t.match(load(subPem + stray, sub.key).warnings, [
    /"CN=Stray" is no part of the issuing CA's chain/,
  ])
  const bare = certificate({ ...sub, extensions: [anyCa] })
  t.match(load(bare, sub.key).warnings, [/lacks keyUsage or a key identifier/])
  const permitted = { oid: "2.5.29.30", critical: true, value: anyCa.value }
  const constrained = certificate({
    ...sub,
    extensions: [anyCa, keyUsage("keyCertSign"), permitted],
  })
  t.match(load(constrained, sub.key).warnings[0], /has name constraints/)
  t.end()
})

const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey
const upper = (pathLen: number) =>
  certificate({ ...root, extensions: [basicConstraints({ pathLen })] })
const imposter = certificate({ name: "Root", key: ecKey() })

const refused: Record<string, { pem: string; key: KeyObject; message: RegExp }> = {
  "a key of another certificate": {
    pem: rootPem,
    key: ecKey(),
    message: /no certificate in .* belongs to the private key; put the certificate there/,
  },
  "a server certificate": {
    pem: certificate({ ...sub, extensions: [basicConstraints(false)] }),
    key: sub.key,
    message: /"CN=Issuing" in .* is not a CA certificate .* have a CA certificate issued/,
  },
  "a certificate without basicConstraints": {
    pem: certificate({ ...sub, extensions: [keyUsage("keyCertSign")] }),
    key: sub.key,
    message: /is not a CA certificate/,
  },
  "keyUsage without keyCertSign": {
    pem: certificate({ ...sub, extensions: [anyCa, keyUsage("digitalSignature", "cRLSign")] }),
    key: sub.key,
    message: /keyUsage lacks keyCertSign\); have it issued with keyCertSign/,
  },
  "extKeyUsage without serverAuth": {
    pem: certificate({ ...sub, extensions: [anyCa, extKeyUsage("1.3.6.1.5.5.7.3.2")] }),
    key: sub.key,
    message: /extKeyUsage lacks serverAuth/,
  },
  "an expired certificate": {
    pem: certificate({ ...sub, notBefore: now - 9 * DAY, notAfter: now - DAY }),
    key: sub.key,
    message: /expired on 2026-11-20T12:00:00.000Z; renew it/,
  },
  "a certificate of tomorrow": {
    pem: certificate({ ...sub, notBefore: now + DAY }),
    key: sub.key,
    message: /is not valid before 2026-11-22T12:00:00.000Z; check the clock/,
  },
  "an expired certificate above": {
    pem: subPem + certificate({ ...root, notBefore: now - 9 * DAY, notAfter: now - DAY }),
    key: sub.key,
    message: /"CN=Root" in .* expired/,
  },
  "a subordinate under a root of path length 0": {
    pem: subPem + upper(0),
    key: sub.key,
    message: /"CN=Root" in .* allows 0 CA certificates below it \(pathLenConstraint\), not 1/,
  },
  "an upper certificate that did not sign": {
    pem: subPem + imposter,
    key: sub.key,
    message: /name of the issuer of "CN=Issuing" that did not sign it; replace it/,
  },
  "an Ed25519 key": {
    pem: rootPem,
    key: generateKeyPairSync("ed25519").privateKey,
    message: /the key in .* is ed25519; use EC P-256, P-384 or P-521, or RSA of at least 2048 bits/,
  },
  "an RSA-PSS key": {
    pem: rootPem,
    key: generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).privateKey,
    message: /is rsa-pss; use EC/,
  },
  "RSA of 1024 bits": { pem: rootPem, key: small, message: /is RSA of 1024 bits; use EC/ },
  "a curve that phones do not know": {
    pem: rootPem,
    key: ecKey("secp256k1"),
    message: /is EC on curve secp256k1; use EC/,
  },
  "a file without a certificate": {
    pem: pkcs8(rsaKey),
    key: rsaKey,
    message: /holds no certificate in PEM; convert it: openssl x509/,
  },
  "a damaged certificate": {
    pem: rootPem.replace(/\n.{64}\n/, "\n"),
    key: rsaKey,
    message: /certificate 1 in .* is damaged; export it again/,
  },
}

for (const [name, { pem, key, message }] of Object.entries(refused)) {
  t.test(`${name} is refused in words that say what to do`, (t) => {
    t.throws(() => load(pem, key), message)
    t.end()
  })
}

t.test("a path length that leaves room for the subordinate is accepted", (t) => {
  t.equal(load(subPem + upper(1), sub.key).subject, "CN=Issuing")
  t.end()
})

t.test("fails closed: a key that others can read stops the start", (t) => {
  for (const mode of [0o640, 0o604, 0o660]) {
    const files = writePair(dir, rootPem, pkcs8(rsaKey))
    chmodSync(files.keyFile, mode)
    t.throws(() => loadInspectionCa({ ...files, now }), /open to group or others; run: chmod 600 /)
  }
  const files = writePair(dir, rootPem, pkcs8(rsaKey))
  chmodSync(files.keyFile, 0o400)
  t.equal(loadInspectionCa({ ...files, now }).subject, "CN=Root")
  t.end()
})

t.test("a missing file is named with what to put there", (t) => {
  const files = writePair(dir, rootPem, pkcs8(rsaKey))
  const nowhere = join(dir, "nowhere")
  t.throws(
    () => loadInspectionCa({ ...files, certFile: nowhere, now }),
    /cannot read the certificate .*nowhere; put it/,
  )
  t.throws(
    () => loadInspectionCa({ ...files, keyFile: nowhere, now }),
    /cannot read the key .*nowhere; put it/,
  )
  t.end()
})

t.test("a key file that is no PEM, or damaged PEM, is told apart", (t) => {
  const der = rsaKey.export({ type: "pkcs8", format: "der" }).toString("latin1")
  const damaged = pkcs8(rsaKey).replace(/\n.{64}\n/, "\n")
  t.throws(
    () => loadInspectionCa({ ...writePair(dir, rootPem, der), now }),
    /holds no private key in PEM; convert it/,
  )
  t.throws(
    () => loadInspectionCa({ ...writePair(dir, rootPem, damaged), now }),
    /is damaged; restore it/,
  )
  t.end()
})

const cipher = { cipher: "aes-256-cbc", passphrase: "correct horse" }
const encodings: Record<string, { pem: string; certPem: string }> = {
  "PKCS#1": { pem: rsaKey.export({ type: "pkcs1", format: "pem" }).toString(), certPem: rootPem },
  SEC1: { pem: sub.key.export({ type: "sec1", format: "pem" }).toString(), certPem: subPem },
  "encrypted PKCS#8": {
    pem: sub.key.export({ type: "pkcs8", format: "pem", ...cipher }).toString(),
    certPem: subPem,
  },
  "encrypted PEM of old": {
    pem: rsaKey.export({ type: "pkcs1", format: "pem", ...cipher }).toString(),
    certPem: rootPem,
  },
}

for (const [name, { pem, certPem }] of Object.entries(encodings)) {
  t.test(`a key in ${name} loads`, (t) => {
    const files = writePair(dir, certPem, pem)
    t.ok(loadInspectionCa({ ...files, passphrase: "correct horse", now }).fingerprint)
    if (name.startsWith("encrypted")) {
      t.throws(() => loadInspectionCa({ ...files, now }), /is encrypted; give its passphrase/)
      t.throws(
        () => loadInspectionCa({ ...files, passphrase: "wrong", now }),
        /cannot be decrypted; check its passphrase/,
      )
    }
    t.end()
  })
}

t.test("CAs made with openssl", { skip: without("openssl", "version") }, (t) => {
  const at = Date.now() + 60_000
  const request = (name: string, newkey: string[], ...more: string[]) => {
    const files = { certFile: join(dir, `${name}.pem`), keyFile: join(dir, `${name}.key`) }
    openssl(
      "req",
      "-x509",
      "-newkey",
      ...newkey,
      "-nodes",
      "-subj",
      `/O=Example Örg/CN=${name}`,
      "-utf8",
      "-days",
      "30",
      "-keyout",
      files.keyFile,
      "-out",
      files.certFile,
      ...more,
    )
    chmodSync(files.keyFile, 0o600)
    return files
  }
  const ec = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]

  t.test("an RSA root with an EC P-384 subordinate loads with its chain", (t) => {
    const rootFiles = request("ossl-root", ["rsa:2048"])
    const files = request(
      "ossl-sub",
      ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
      "-CA",
      rootFiles.certFile,
      "-CAkey",
      rootFiles.keyFile,
      "-addext",
      "keyUsage=critical,keyCertSign,cRLSign",
    )
    const subordinate = readFileSync(files.certFile, "utf8")
    appendFileSync(files.certFile, readFileSync(rootFiles.certFile, "utf8"))
    const ca = loadInspectionCa({ ...files, now: at })
    t.equal(ca.keyKind, "ec")
    t.equal(ca.chainPem, subordinate)
    t.end()
  })

  t.test("a key with its EC PARAMETERS before it loads", (t) => {
    const files = request("ossl-params", ec)
    const keyPem = openssl("ecparam", "-name", "prime256v1", "-genkey")
    t.match(keyPem, /EC PARAMETERS/)
    writeFileSync(files.keyFile, keyPem)
    openssl(
      "req",
      "-x509",
      "-new",
      "-key",
      files.keyFile,
      "-subj",
      "/CN=params",
      "-out",
      files.certFile,
    )
    t.equal(loadInspectionCa({ ...files, now: at }).subject, "CN=params")
    t.end()
  })

  t.test("keyUsage, path length, SHA-1 and validity are read as openssl wrote them", (t) => {
    const noCertSign = request(
      "ossl-usage",
      ec,
      "-addext",
      "keyUsage=critical,digitalSignature,cRLSign",
    )
    t.throws(() => loadInspectionCa({ ...noCertSign, now: at }), /lacks keyCertSign/)
    const old = request("ossl-old", ec)
    t.throws(() => loadInspectionCa({ ...old, now: at + 40 * DAY }), /expired on/)
    const weak = request("ossl-weak", ["rsa:2048"], "-sha1")
    t.ok(
      loadInspectionCa({ ...weak, now: at }).subject,
      "a root's own signature is checked by nobody",
    )
    const under = request("ossl-under", ec, "-CA", weak.certFile, "-CAkey", weak.keyFile, "-sha1")
    t.throws(() => loadInspectionCa({ ...under, now: at }), /is signed by RSA with SHA-1/)
    const flat = request("ossl-flat", ec, "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0")
    t.ok(loadInspectionCa({ ...flat, now: at }).subject)
    const below = request("ossl-below", ec, "-CA", flat.certFile, "-CAkey", flat.keyFile)
    appendFileSync(below.certFile, readFileSync(flat.certFile, "utf8"))
    t.throws(() => loadInspectionCa({ ...below, now: at }), /allows 0 CA certificates below it/)
    t.end()
  })
  t.end()
})
