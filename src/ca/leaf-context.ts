/**
 * The TLS side of the leaves: what we offer to inspected clients.
 *
 * A SecureContext costs 0.33 ms and some 32 KiB, a certificate put into one that is there 0.07 ms
 * (measured). So all leaves of one key share one context: OpenSSL copies the certificate into each
 * connection as it begins (SSL_new), and what is put in later changes none that has begun. `ca` stays
 * out: with it Node would build a trust store (3 ms, 850 KiB) that nobody asks.
 */
import { constants } from "node:crypto"
import { createSecureContext, type SecureContext } from "node:tls"
import type { Leaf } from "./mint.ts"

/** AEAD with ECDHE and nothing else (RFC 9325 section 4.2), as every supported phone offers. */
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
].join(":")

/** The hybrid group first, so that inspection takes no post-quantum protection away. */
const groups = "X25519MLKEM768:X25519:P-256:P-384"

/**
 * Every attempt must show a certificate, so nothing may be resumed: without tickets TLS 1.3 in
 * OpenSSL falls back to session ids, for which a TLSSocket of its own has no store. Renegotiation
 * is off because it would change a certificate in mid-connection (TLS 1.2 only).
 */
const secureOptions = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION

/** The client's own order of ciphers counts: phones without AES hardware put ChaCha20 first. */
function contextFor({ key, chainPem }: Leaf): SecureContext {
  return createSecureContext({
    cert: chainPem,
    key: key.keyPem,
    minVersion: "TLSv1.2",
    ciphers,
    ecdhCurve: groups,
    secureOptions,
  })
}

/** Owned state: one context for each key, and which leaf it shows. */
export class LeafContexts {
  readonly #contexts = new Map<Leaf["key"], { context: SecureContext; shows: string }>()

  /** Good for TLSSockets that are made before the next call, and no later. */
  showing(leaf: Leaf): SecureContext {
    const known = this.#contexts.get(leaf.key)
    if (!known) {
      const context = contextFor(leaf)
      this.#contexts.set(leaf.key, { context, shows: leaf.fingerprint })
      return context
    }
    if (known.shows !== leaf.fingerprint) {
      // Said first: if OpenSSL refuses, the next leaf must not count as shown.
      known.shows = ""
      known.context.context.setCert(leaf.chainPem)
      known.shows = leaf.fingerprint
    }
    return known.context
  }
}
