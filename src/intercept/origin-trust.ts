/** The TLS side towards origins: which roots count, and what is offered. */
import { X509Certificate } from "node:crypto"
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls"

export type LowestVersion = "TLSv1.2" | "TLSv1.3"

/** What depends on the client's own offer: the leg is not to be weaker than it. */
export interface OriginOffer {
  /** The client offered a hybrid group: one is offered first. */
  hybrid: boolean
  lowest: LowestVersion
}

export interface OriginTrust {
  context(offer: OriginOffer): SecureContext
}

/**
 * Nothing below TLS 1.2 with AEAD and ECDHE (RFC 9325 section 4.2). Security level 2, whatever the
 * library was built with: no key below 112 bits and no SHA-1, in certificates and in the handshake.
 */
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE+AESGCM",
  "ECDHE+CHACHA20",
  "@SECLEVEL=2",
].join(":")

const curves = "X25519:P-256:P-384"

/**
 * The roots that Node ships, and the operator's own (PEM, any number in one text; intermediates among
 * them complete chains and are not trusted by themselves). Four contexts for all connections: one of
 * its own for each would cost milliseconds and 850 KiB.
 */
export function originTrust(extraPem: string | null): OriginTrust {
  const extra = certificates(extraPem ?? "")
  const ca = extra.length > 0 ? [...rootCertificates, ...extra.map((one) => one.toString())] : null
  const contexts = (minVersion: LowestVersion) => {
    const options = { ciphers, minVersion, ...(ca ? { ca } : {}) }
    return {
      classical: createSecureContext({ ...options, ecdhCurve: curves }),
      hybrid: createSecureContext({ ...options, ecdhCurve: `X25519MLKEM768:${curves}` }),
    }
  }
  const usual = contexts("TLSv1.2")
  const strict = contexts("TLSv1.3")
  return {
    context: ({ hybrid, lowest }) =>
      (lowest === "TLSv1.3" ? strict : usual)[hybrid ? "hybrid" : "classical"],
  }
}

function certificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (pem !== "" && blocks.length === 0)
    throw new Error("origin trust: no certificate in the file; give PEM certificates")
  return blocks.map((block) => new X509Certificate(block))
}
