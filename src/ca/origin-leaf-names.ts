/** The names of an origin's certificate, for our leaf to carry too. Never throws. */
import type { X509Certificate } from "node:crypto"
import { certificateFacts } from "./certificate-facts.ts"

export interface OriginNames {
  commonName?: string | undefined
  dnsNames: readonly string[]
  ipAddresses: readonly string[]
}

/** Names as they stand in the certificate; what our leaf takes of them, `mintLeaf` decides. */
export function originLeafNames(peerCertificate: X509Certificate): OriginNames {
  const facts = certificateFacts(peerCertificate.raw)
  if (facts === "unreadable") return { dnsNames: [], ipAddresses: [] }
  const { commonName, dnsNames, ipAddresses } = facts
  return { commonName, dnsNames, ipAddresses }
}
