/** The TLS side towards origins: which roots count, and what is offered. */
import { X509Certificate } from "node:crypto"
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls"

export interface OriginTrust {
  /** Offers the hybrid group first, as the client did, or classical groups only. */
  context(hybrid: boolean): SecureContext
}

/** Nothing below TLS 1.2 with AEAD and ECDHE (RFC 9325 section 4.2). */
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE+AESGCM",
  "ECDHE+CHACHA20",
].join(":")

/**
 * The roots that Node ships, and the operator's own (PEM, any number in one text). Two contexts for
 * all connections: one of its own for each would cost milliseconds and 850 KiB.
 */
export function originTrust(extraPem: string | null): OriginTrust {
  const extra = certificates(extraPem ?? "")
  const options = {
    ciphers,
    minVersion: "TLSv1.2" as const,
    ca: extra.length > 0 ? [...rootCertificates, ...extra.map((ca) => ca.toString())] : undefined,
  }
  const plain = { ...options, ecdhCurve: "X25519:P-256:P-384" }
  const classical = createSecureContext(plain)
  const hybrid = createSecureContext({ ...plain, ecdhCurve: `X25519MLKEM768:${plain.ecdhCurve}` })

  return { context: (wanted) => (wanted ? hybrid : classical) }
}

function certificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (pem !== "" && blocks.length === 0)
    throw new Error("origin trust: no certificate in the file; give PEM certificates")
  return blocks.map((block) => new X509Certificate(block))
}
