/**
 * Names why an origin is no good, in words of our own that stay when a library's change
 * (docs/outcomes.md lists them). What has no word here keeps the library's.
 */
import type { TlsFault } from "./tls-error.ts"

/** Node's code of a failed verification, else OpenSSL's words for it. */
const untrusted: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", "expired"],
  ["CERT_NOT_YET_VALID", "not-yet-valid"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "wrong-name"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "unknown-root"],
  ["UNABLE_TO_GET_ISSUER_CERT", "unknown-root"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "unknown-root"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "incomplete-chain"],
  ["CERT_SIGNATURE_FAILURE", "bad-signature"],
  ["CERT_CHAIN_TOO_LONG", "path-too-long"],
  ["PATH_LENGTH_EXCEEDED", "path-too-long"],
  ["INVALID_CA", "invalid-ca"],
  ["INVALID_PURPOSE", "wrong-purpose"],
  ["EE certificate key too weak", "weak-key"],
  ["CA certificate key too weak", "weak-key"],
  ["CA signature digest algorithm too weak", "weak-signature"],
  ["permitted subtree violation", "name-constraint"],
  ["excluded subtree violation", "name-constraint"],
  ["unsupported name constraint type", "name-constraint"],
  ["unsupported or invalid name constraint syntax", "name-constraint"],
  ["name constraints minimum and maximum not supported", "name-constraint"],
  ["unhandled critical extension", "unknown-critical-extension"],
])

/** OpenSSL's words for what an origin sent that cannot be used. */
const unusable: ReadonlyMap<string, string> = new Map([
  ["wrong version number", "not-tls"],
  ["http request", "not-tls"],
  ["packet length too long", "not-tls"],
  ["record layer failure", "not-tls"],
  ["unsupported protocol", "old-version"],
  ["wrong cipher returned", "unoffered-cipher"],
  ["unknown cipher returned", "unoffered-cipher"],
])

/** `code` is Node's; for what it does not name, `words` are OpenSSL's. */
export function untrustedReason(code: string, words: string): string {
  const known = untrusted.get(code) ?? untrusted.get(words)
  return known ?? (code === "UNSPECIFIED" ? words : code)
}

export function handshakeReason(fault: TlsFault): string {
  switch (fault.kind) {
    case "alert":
      return `alert ${fault.alert}`
    case "reset":
      return fault.code
    case "ours":
      return unusable.get(fault.reason) ?? fault.reason
  }
}
