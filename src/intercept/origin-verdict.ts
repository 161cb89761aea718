/** Whether an origin's certificate is trusted for a name, beyond what OpenSSL says of its chain. */
import type { X509Certificate } from "node:crypto"
import { isIP } from "node:net"
import type { TLSSocket } from "node:tls"
import { untrustedReason } from "./origin-reason.ts"

/** RFC 9525 section 6: the name is among those of the certificate, its common name is none of them,
 * and a wildcard stands for one whole label. */
const nameRules = { subject: "never", partialWildcards: false } as const

/** Node asks for this where the chain is good. */
export function wrongName(leaf: X509Certificate | undefined, name: string): Error | undefined {
  const covered = isIP(name) === 0 ? leaf?.checkHost(name, nameRules) : leaf?.checkIP(name)
  // OpenSSL takes a name with a leading dot for any below it.
  if (covered !== undefined && !name.startsWith(".")) return undefined
  const error = new Error("the certificate is for another name")
  return Object.assign(error, { code: "ERR_TLS_CERT_ALTNAME_INVALID" })
}

/** After the handshake and the check of the name; null: it is trusted. */
export function whyUntrusted(socket: TLSSocket, leaf: X509Certificate | undefined): string | null {
  if (!socket.authorized)
    return untrustedReason(String(socket.authorizationError), verifyWords(socket))
  // A CA's own key has no business on a server (OpenSSL does not mind); an operator who declared a
  // self-signed certificate did so on purpose.
  if (leaf?.ca && leaf.issuer !== leaf.subject) return "ca-as-leaf"
  return null
}

/** OpenSSL's words for a failed verification: for many Node has no code. */
function verifyWords(socket: TLSSocket): string {
  const handle: { verifyError?: () => Error | null } | null = Reflect.get(socket, "_handle")
  return handle?.verifyError?.()?.message.split(";")[0] ?? ""
}
