/**
 * Our own check of a leaf, stored as evidence with each attempt: a bad leaf must never look like
 * pinning. OpenSSL's reading of the certificate is asked, not the writer's. Measured: 0.14 ms once
 * a mint, more than half of it the signature, which the store therefore has checked now and then only:
 * all leaves are signed by the same code with the same key.
 */
import { X509Certificate } from "node:crypto"
import type { InspectionCa } from "./inspection-ca.ts"
import { readLeafName } from "./leaf-name.ts"
import type { Leaf } from "./mint.ts"

export type LeafFault =
  | "name-not-covered"
  | "not-yet-valid"
  | "expired"
  | "key-mismatch"
  | "wrong-issuer"
  | "bad-signature"

/** The chain above the leaf was checked when the CA was loaded. */
export function leafSelfCheck(
  leaf: Leaf,
  ca: InspectionCa,
  name: string,
  now: number,
  signature = true,
): "ok" | LeafFault {
  const certificate = new X509Certificate(leaf.der)
  const asked = readLeafName(name)
  const covered =
    asked?.type === "ip"
      ? certificate.checkIP(asked.text)
      : asked && certificate.checkHost(asked.text, { subject: "never" })
  if (covered === undefined) return "name-not-covered"
  if (now < certificate.validFromDate.getTime()) return "not-yet-valid"
  if (now > certificate.validToDate.getTime()) return "expired"
  if (!certificate.checkPrivateKey(leaf.key.privateKey)) return "key-mismatch"
  if (!certificate.checkIssued(ca.certificate)) return "wrong-issuer"
  if (signature && !certificate.verify(ca.publicKey)) return "bad-signature"
  return "ok"
}
