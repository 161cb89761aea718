/**
 * In: a ClientHello. Out: the key of the TLS stack that sent it, in the shape of a JA4. One stack keeps
 * one key whether or not it names a host, offers ALPN, resumes, sends early data, pads, or answers a
 * HelloRetryRequest; evidence about "the same client" is joined by it, so raw JA4 is too fine.
 */
import { type ClientHello, isGrease } from "./client-hello.ts"
import { fingerprint } from "./ja4.ts"

/** server_name, ALPN, padding, pre_shared_key, early_data, cookie: they depend on the connection. */
const perConnection: ReadonlySet<number> = new Set([0, 16, 21, 41, 42, 44])

/** "x" stands where JA4 has "d" or "i", "00" where it has the ALPN: no JA4 can be mistaken for a key. */
export function stackKey(hello: ClientHello): string {
  const hashed = hello.extensions.filter((type) => !isGrease(type) && !perConnection.has(type))
  return fingerprint(hello, { sni: "x", alpn: "00", count: hashed.length, hashed })
}
