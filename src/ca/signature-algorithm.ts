/** How a CA's key signs: the hash follows the key's strength (RFC 5758, RFC 4055). */
import type { KeyObject } from "node:crypto"

export interface SignatureAlgorithm {
  kind: "ec" | "rsa"
  hash: "sha256" | "sha384" | "sha512"
  oid: string
}

const byCurve: Readonly<Record<string, SignatureAlgorithm>> = {
  prime256v1: { kind: "ec", hash: "sha256", oid: "1.2.840.10045.4.3.2" },
  secp384r1: { kind: "ec", hash: "sha384", oid: "1.2.840.10045.4.3.3" },
  secp521r1: { kind: "ec", hash: "sha512", oid: "1.2.840.10045.4.3.4" },
}

const rsa: SignatureAlgorithm = { kind: "rsa", hash: "sha256", oid: "1.2.840.113549.1.1.11" }

/** Bits below which clients of today refuse an RSA issuer. */
const smallestModulus = 2048

/**
 * The algorithm for this key, or in words why it is no use for a CA: Ed25519, RSA-PSS keys and
 * other curves are valid X.509, but Android and iOS refuse chains made with them.
 */
export function signatureAlgorithm(key: KeyObject): SignatureAlgorithm | { unusable: string } {
  const type = key.asymmetricKeyType ?? "unknown"
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  if (type === "rsa") {
    return modulusLength !== undefined && modulusLength >= smallestModulus
      ? rsa
      : { unusable: `RSA of ${modulusLength ?? "unknown"} bits` }
  }
  if (type === "ec") {
    return byCurve[namedCurve ?? ""] ?? { unusable: `EC on curve ${namedCurve ?? "unknown"}` }
  }
  return { unusable: type }
}

/** OIDs of signatures over SHA-1, MD5 and MD2: no client of today accepts them in a chain. */
export const weakSignatures: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.2", "RSA with MD2"],
  ["1.2.840.113549.1.1.4", "RSA with MD5"],
  ["1.2.840.113549.1.1.5", "RSA with SHA-1"],
  ["1.3.14.3.2.29", "RSA with SHA-1"],
  ["1.2.840.10045.4.1", "ECDSA with SHA-1"],
  ["1.2.840.10040.4.3", "DSA with SHA-1"],
])
