/** What a ClientHello offers, as the questions that policy, minting and the upstream leg ask. */
import { type ClientHello, isGrease } from "./client-hello.ts"

const tls13 = 0x0304
const secp256r1 = 23
const ecdsaSecp256r1Sha256 = 0x0403

/** TLS 1.2 with ECDHE, ECDSA and an AEAD: GCM, ChaCha20, CCM, CCM_8. We negotiate nothing weaker. */
const ecdsaSuites12: ReadonlySet<number> = new Set([
  0xc02b, 0xc02c, 0xcca9, 0xc0ac, 0xc0ad, 0xc0ae, 0xc0af,
])

/** In TLS 1.2 the hash does not name the curve (RFC 8422 section 5.1.1): any of these will do. */
const ecdsaAlgorithms12: ReadonlySet<number> = new Set([ecdsaSecp256r1Sha256, 0x0503, 0x0603])

/** ML-KEM hybrids with P-256, X25519, P-384 and SM2, and the two Kyber drafts before them. */
const hybridGroups: ReadonlySet<number> = new Set([0x11eb, 0x11ec, 0x11ed, 0x11ee, 0x6399, 0x639a])

export type OfferedVersions = {
  /** Null if the client lists only GREASE. */
  highest: number | null
  /** Null if the client does not say: without supported_versions only the highest is named. */
  lowest: number | null
}

export function offeredVersions(hello: ClientHello): OfferedVersions {
  if (!hello.extensions.includes(43)) return { highest: hello.legacyVersion, lowest: null }
  const real = hello.supportedVersions.filter((version) => !isGrease(version))
  if (real.length === 0) return { highest: null, lowest: null }
  return { highest: Math.max(...real), lowest: Math.min(...real) }
}

/**
 * Whether the client can take an ECDSA P-256 leaf. In TLS 1.3 signature_algorithms alone say so; a
 * client that ends at TLS 1.2 must also offer an ECDSA suite and, if it lists groups, P-256
 * (RFC 8422 section 5.1: that list binds certificates too). Without signature_algorithms TLS 1.2
 * means SHA-1, which we do not sign.
 */
export function offersEcdsa(hello: ClientHello): boolean {
  if (hello.supportedVersions.includes(tls13)) {
    return hello.signatureAlgorithms.includes(ecdsaSecp256r1Sha256)
  }
  return (
    hello.signatureAlgorithms.some((algorithm) => ecdsaAlgorithms12.has(algorithm)) &&
    hello.cipherSuites.some((suite) => ecdsaSuites12.has(suite)) &&
    (!hello.extensions.includes(10) || hello.supportedGroups.includes(secp256r1))
  )
}

/** Whether a post-quantum hybrid is among the client's groups; the upstream leg must then offer one. */
export function offersHybridGroup(hello: ClientHello): boolean {
  return hello.supportedGroups.some((group) => hybridGroups.has(group))
}
