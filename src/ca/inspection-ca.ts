/** The inspection CA in force: what minting and the TLS side need of it, checked once at start. */
import type { KeyObject, X509Certificate } from "node:crypto"

export interface InspectionCa {
  /** The certificate that issues our leaves. */
  readonly certPem: string
  /** What clients get after the leaf: issuing and intermediate certificates, never the root. */
  readonly chainPem: string
  readonly certificate: X509Certificate
  readonly key: KeyObject
  readonly publicKey: KeyObject
  readonly keyKind: "ec" | "rsa"
  readonly subject: string
  readonly subjectDer: Buffer
  readonly subjectKeyId: Buffer
  /** SHA-256 of the issuing certificate, lower-case hex: the CA's name in every record. */
  readonly fingerprint: string
  /** Epoch milliseconds in which every known certificate of the chain is valid. */
  readonly notBefore: number
  readonly notAfter: number
  /** For the operator's log: usable, but probably not as meant. */
  readonly warnings: readonly string[]
}

export function caStillValid(
  ca: Pick<InspectionCa, "notBefore" | "notAfter">,
  now: number,
): boolean {
  return now >= ca.notBefore && now <= ca.notAfter
}
