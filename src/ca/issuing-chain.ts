/**
 * Finds the issuing CA among an operator's certificates and checks the way up from it.
 *
 * In: PEM text and the private key. Out: the chain, issuing certificate first. Each refusal here is
 * a certificate with which *every* client would refuse our leaves, and that would look like
 * pinning.
 */
import { type KeyObject, X509Certificate } from "node:crypto"
import { type CertificateFacts, certificateFacts } from "./certificate-facts.ts"
import { serverAuth } from "./extensions.ts"
import { signatureAlgorithm, weakSignatures } from "./signature-algorithm.ts"

export interface ChainLink {
  x509: X509Certificate
  facts: CertificateFacts
  selfSigned: boolean
}

export interface IssuingChain {
  /** Issuing certificate first; ends with the self-signed root where the file has it. */
  links: readonly [ChainLink, ...ChainLink[]]
  warnings: readonly string[]
}

/** `source` names the file in messages; `now` null: validity is not asked. Throws with what the
 * operator has to do. */
export function issuingChain(
  pem: string,
  { key, source, now }: { key: KeyObject; source: string; now: number | null },
): IssuingChain {
  const certificates = readAll(pem, source)
  const issuing = certificates.find(({ x509 }) => x509.checkPrivateKey(key))
  if (!issuing) {
    throw new Error(
      `ca: no certificate in ${source} belongs to the private key; ` +
        "put the certificate there that was issued for this key",
    )
  }
  const links: [ChainLink, ...ChainLink[]] = [issuing]
  let top = issuing
  while (!top.selfSigned) {
    const next = issuerOf(top, certificates, links, source)
    if (next === undefined) break
    links.push(next)
    top = next
  }
  for (const [depth, link] of links.entries()) {
    const fault = faultOf(link, links.slice(0, depth), now)
    if (fault !== undefined) throw new Error(`ca: ${nameOf(link)} in ${source} ${fault}`)
  }
  const strays = certificates.filter((certificate) => !links.includes(certificate))
  return { links, warnings: [...strays.map(strayWarning), ...links.flatMap(linkWarnings)] }
}

function readAll(pem: string, source: string): ChainLink[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g)
  if (blocks === null) {
    throw new Error(
      `ca: ${source} holds no certificate in PEM; convert it: ` +
        "openssl x509 -inform DER -in <certificate> -out inspection-ca.pem",
    )
  }
  const byFingerprint = new Map<string, ChainLink>()
  for (const [index, block] of blocks.entries()) {
    const link = readOne(block, `certificate ${index + 1} in ${source}`)
    byFingerprint.set(link.x509.fingerprint256, link)
  }
  return [...byFingerprint.values()]
}

function readOne(block: string, where: string): ChainLink {
  let x509: X509Certificate
  try {
    x509 = new X509Certificate(block)
  } catch (cause) {
    throw new Error(`ca: ${where} is damaged; export it again as PEM`, { cause })
  }
  const facts = certificateFacts(x509.raw)
  if (facts === "unreadable") throw new Error(`ca: ${where} is not valid DER; have it issued again`)
  const selfSigned = facts.subjectDer.equals(facts.issuerDer) && signedBy(x509, x509)
  return { x509, facts, selfSigned }
}

function issuerOf(
  link: ChainLink,
  certificates: readonly ChainLink[],
  used: readonly ChainLink[],
  source: string,
): ChainLink | undefined {
  const named = certificates.filter(
    (other) => !used.includes(other) && other.facts.subjectDer.equals(link.facts.issuerDer),
  )
  const issuer = named.find((other) => signedBy(link.x509, other.x509))
  if (issuer === undefined && named.length > 0) {
    throw new Error(
      `ca: ${source} holds a certificate with the name of the issuer of ${nameOf(link)} that did ` +
        "not sign it; replace it by the issuer's certificate with the right key",
    )
  }
  return issuer
}

function signedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey)
  } catch {
    return false
  }
}

const anyPurpose = "2.5.29.37.0"

/** In words what makes this link useless, given the links below it. */
function faultOf(
  link: ChainLink,
  below: readonly ChainLink[],
  now: number | null,
): string | undefined {
  const { facts, x509, selfSigned } = link
  const { basicConstraints, keyUsage, extKeyUsage } = facts
  if (!basicConstraints?.ca) {
    return "is not a CA certificate (basicConstraints lacks CA:TRUE); have a CA certificate issued"
  }
  if (keyUsage && !keyUsage.has("keyCertSign")) {
    return "may not sign certificates (keyUsage lacks keyCertSign); have it issued with keyCertSign"
  }
  if (extKeyUsage && !extKeyUsage.some((id) => id === serverAuth || id === anyPurpose)) {
    return "may not issue for TLS servers (extKeyUsage lacks serverAuth); have it issued without"
  }
  if (now !== null && now < x509.validFromDate.getTime()) {
    return `is not valid before ${x509.validFromDate.toISOString()}; check the clock or wait`
  }
  if (now !== null && now > x509.validToDate.getTime()) {
    return `expired on ${x509.validToDate.toISOString()}; renew it and install it anew`
  }
  // Certificates between this one and the leaf; self-issued ones are free (RFC 5280, 6.1.4 l).
  const between = below.filter((lower) => !sameName(lower.facts)).length
  if (basicConstraints.pathLen !== undefined && basicConstraints.pathLen < between) {
    return (
      `allows ${basicConstraints.pathLen} CA certificates below it (pathLenConstraint), not ` +
      `${between}; have a subordinate issued by a CA that may have one`
    )
  }
  const weak = weakSignatures.get(facts.signatureOid)
  // Nobody checks a trust anchor's signature of itself, so an old root may keep its SHA-1.
  if (weak !== undefined && !selfSigned) {
    return `is signed by ${weak}, which clients refuse; have it issued with SHA-256`
  }
  const algorithm = signatureAlgorithm(x509.publicKey)
  if ("unusable" in algorithm) {
    return (
      `has a key that clients refuse (${algorithm.unusable}); use EC P-256, P-384 or P-521, or ` +
      "RSA of at least 2048 bits"
    )
  }
  return undefined
}

function linkWarnings(link: ChainLink): string[] {
  const { facts } = link
  const warnings: string[] = []
  if (facts.hasNameConstraints) {
    warnings.push(
      `${nameOf(link)} has name constraints: clients refuse our leaves for names outside them, ` +
        "and that is not pinning",
    )
  }
  if (facts.keyUsage === undefined || facts.subjectKeyId === undefined) {
    warnings.push(`${nameOf(link)} lacks keyUsage or a key identifier; strict clients refuse it`)
  }
  return warnings
}

function strayWarning(link: ChainLink): string {
  return `${nameOf(link)} is no part of the issuing CA's chain and is not sent to clients`
}

function sameName({ subjectDer, issuerDer }: CertificateFacts): boolean {
  return subjectDer.equals(issuerDer)
}

/** Subject on one line, quoted; names are the operator's own, so they may stand in messages. */
function nameOf({ x509 }: ChainLink): string {
  return JSON.stringify((x509.subject ?? "").replaceAll("\n", ", "))
}
