/**
 * Loads the inspection CA that the operator brings (or that the sensor made).
 *
 * Fails closed: a CA that clients would not accept, or whose key is not private, stops the start
 * with a message that says what to do. The rules are tabled in docs/ca.md.
 */
import { createHash, createPublicKey } from "node:crypto"
import { readFileSync } from "node:fs"
import { keyIdentifier } from "./extensions.ts"
import type { InspectionCa } from "./inspection-ca.ts"
import { type ChainLink, issuingChain } from "./issuing-chain.ts"
import { readPrivateKey } from "./private-key.ts"
import { signatureAlgorithm } from "./signature-algorithm.ts"

export interface CaFiles {
  certFile: string
  keyFile: string
  passphrase?: string | undefined
  /** Epoch milliseconds. */
  now: number
  /** `watched`: one outside its validity is loaded all the same, and the caller sees to it. */
  validity?: "required" | "watched" | undefined
}

export function loadInspectionCa({
  certFile,
  keyFile,
  passphrase,
  now,
  validity,
}: CaFiles): InspectionCa {
  const key = readPrivateKey(keyFile, passphrase)
  const algorithm = signatureAlgorithm(key)
  if ("unusable" in algorithm) {
    throw new Error(
      `ca: the key in ${keyFile} is ${algorithm.unusable}; use EC P-256, P-384 or P-521, or RSA ` +
        "of at least 2048 bits",
    )
  }
  const { links, warnings } = issuingChain(readCertificates(certFile), {
    key,
    source: certFile,
    now: validity === "watched" ? null : now,
  })
  const [{ x509, facts }] = links
  const publicKey = createPublicKey(key)
  const spkiDer = publicKey.export({ type: "spki", format: "der" })
  return Object.freeze({
    certPem: pemOf(links[0]),
    chainPem: links
      .filter((link) => !link.selfSigned)
      .map(pemOf)
      .join(""),
    certificate: x509,
    key,
    publicKey,
    keyKind: algorithm.kind,
    subject: x509.subject.replaceAll("\n", ", "),
    subjectDer: facts.subjectDer,
    subjectKeyId: facts.subjectKeyId ?? keyIdentifier(spkiDer),
    fingerprint: createHash("sha256").update(x509.raw).digest("hex"),
    notBefore: Math.max(...links.map((link) => link.x509.validFromDate.getTime())),
    notAfter: Math.min(...links.map((link) => link.x509.validToDate.getTime())),
    warnings,
  })
}

function readCertificates(certFile: string): string {
  try {
    return readFileSync(certFile, "utf8")
  } catch (cause) {
    throw new Error(`ca: cannot read the certificate ${certFile}; put it there as PEM`, { cause })
  }
}

function pemOf({ x509 }: ChainLink): string {
  return x509.toString()
}
