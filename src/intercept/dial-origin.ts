/**
 * Connects to an origin and verifies it: chain, name, validity. Comes in: where and as whom; goes
 * out, once: a leg that is verified, or why there is none. It never decides what follows.
 */
import { createHash } from "node:crypto"
import { isIP } from "node:net"
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from "node:tls"
import { type OriginNames, originLeafNames } from "../ca/origin-leaf-names.ts"
import type { Upstream } from "../record/attempt.ts"
import { type DialOptions, dialOptions } from "./dial.ts"
import { type OriginEnd, watchEnd } from "./origin-end.ts"
import type { OriginTrust } from "./origin-trust.ts"
import { errorCode, tlsFault } from "./tls-error.ts"

export interface OriginTarget {
  /** Addresses that the guard allowed, in the order to try. */
  addresses: readonly string[]
  port: number
  /** Server name to ask for and to verify; an address is verified as such, and not sent. */
  verifyName: string
  /** ALPN protocols to offer, one character a byte; none: the extension is not sent. */
  alpn: readonly string[]
  hybrid: boolean
}

export interface OriginLeg {
  socket: TLSSocket
  upstream: Upstream
  end: OriginEnd
  /** Read only at a first contact. */
  names: OriginNames
  address: string
}

export type OriginAnswer = { ok: true; leg: OriginLeg } | { ok: false; upstream: Upstream }

/** After its handshake a TLS 1.3 origin may still say that it wants a certificate (alert 116): wait
 * `factor` times what the handshake took, within bounds in milliseconds. */
const lateDemand = { factor: 4, min: 250, max: 2_000 }

/** Nothing is known of the origin yet. */
export const notContacted: Upstream = {
  status: "not-contacted",
  reason: null,
  leaf: null,
  issuer: null,
  tls_version: null,
  alpn: null,
  client_certificate: null,
  public_trust: null,
}

/** `cancel` ends the attempt without an answer. */
export function dialOrigin(
  target: OriginTarget,
  trust: OriginTrust,
  timeMs: number,
  firstContact: boolean,
  done: (answer: OriginAnswer) => void,
): { cancel: () => void } {
  const began = performance.now()
  const named = isIP(target.verifyName) === 0
  // Node's types do not know that tls.connect passes its options on to net.connect.
  const options: ConnectionOptions & DialOptions & { allowHalfOpen: boolean } = {
    ...dialOptions(target.addresses, target.port),
    servername: named ? target.verifyName : "",
    ...(target.alpn.length > 0 ? { ALPNProtocols: alpnList(target.alpn) } : {}),
    checkServerIdentity: (_, certificate) => checkServerIdentity(target.verifyName, certificate),
    secureContext: trust.context(target.hybrid),
    rejectUnauthorized: false,
    allowHalfOpen: true,
  }
  const socket = connect(options)
  let over = false
  let connected = false
  const timer = setTimeout(() => fail("unreachable", "no handshake in time"), timeMs)

  function finish(answer: OriginAnswer): void {
    over = true
    clearTimeout(timer)
    socket.off("error", onError).off("close", onClose)
    if (!answer.ok) socket.destroy()
    done(answer)
  }
  function fail(status: Upstream["status"], reason: string, known?: Partial<Upstream>): void {
    if (!over) finish({ ok: false, upstream: { ...notContacted, ...known, status, reason } })
  }
  function onError(error: Error): void {
    const fault = tlsFault(error)
    if (fault.kind === "reset") return fail(connected ? "failed" : "unreachable", fault.code)
    const reason = fault.kind === "alert" ? `alert ${fault.alert}` : fault.reason
    if (fault.kind === "alert" && (fault.alert === 116 || asksForCertificate(socket)))
      return fail("wants-client-certificate", reason, { client_certificate: "required" })
    fail("failed", reason)
  }
  const onClose = () => fail("failed", "closed during the handshake")

  socket.once("connect", () => {
    connected = true
    socket.setNoDelay()
  })
  socket.once("secureConnect", () => {
    if (over) return
    const end = watchEnd(socket)
    const upstream = verifiedFacts(socket, firstContact)
    if (!socket.authorized)
      return fail("untrusted", String(socket.authorizationError), {
        ...upstream,
        public_trust: false,
      })
    const leg = (): OriginAnswer => ({
      ok: true,
      leg: {
        socket,
        end,
        upstream,
        names: firstContact ? namesOf(socket) : { dnsNames: [], ipAddresses: [] },
        address: socket.remoteAddress ?? "",
      },
    })
    if (upstream.client_certificate !== "requested" || !firstContact) return finish(leg())
    awaitLateDemand(socket, performance.now() - began, (demanded) => {
      if (over) return
      if (!demanded) return finish(leg())
      fail("wants-client-certificate", demanded, { ...upstream, client_certificate: "required" })
    })
  })
  // Whoever gets the leg may be late with listeners of its own; an error without any would be thrown.
  socket.on("error", () => {})
  socket.on("error", onError).on("close", onClose)
  return {
    cancel: () => {
      if (over) return
      over = true
      clearTimeout(timer)
      socket.destroy()
    },
  }
}

/** Waits whether an origin that asked for a certificate ends the connection for lack of one. */
function awaitLateDemand(
  socket: TLSSocket,
  handshakeMs: number,
  done: (demanded: string | null) => void,
): void {
  const wait = Math.min(lateDemand.max, Math.max(lateDemand.min, lateDemand.factor * handshakeMs))
  const timer = setTimeout(() => settle(null), wait)
  function settle(demanded: string | null): void {
    clearTimeout(timer)
    socket.off("error", onError).off("end", onEnd).off("close", onEnd).off("readable", onReadable)
    done(demanded)
  }
  function onError(error: Error): void {
    const fault = tlsFault(error)
    settle(fault.kind === "alert" ? `alert ${fault.alert}` : errorCode(error))
  }
  const onEnd = () => settle("closed after the handshake")
  // A server that speaks first is content without one. `readable` also comes at the end, which is
  // told only to one who reads.
  const onReadable = () => {
    if (socket.readableLength > 0) settle(null)
    else socket.read()
  }
  socket.on("error", onError).on("end", onEnd).on("close", onEnd).on("readable", onReadable)
}

function verifiedFacts(socket: TLSSocket, firstContact: boolean): Upstream {
  const leaf = socket.getPeerX509Certificate()
  return {
    status: "verified",
    reason: null,
    leaf: leaf ? createHash("sha256").update(leaf.raw).digest("hex") : null,
    issuer: firstContact ? oneLine(leaf?.issuer) : null,
    tls_version: socket.getProtocol(),
    alpn: socket.alpnProtocol || null,
    client_certificate: firstContact ? (asksForCertificate(socket) ? "requested" : "none") : null,
    public_trust: socket.authorized,
  }
}

/** A CertificateRequest has come exactly when the two sides have compared signature algorithms. */
function asksForCertificate(socket: TLSSocket): boolean {
  return socket.getSharedSigalgs().length > 0
}

function namesOf(socket: TLSSocket): OriginNames {
  const leaf = socket.getPeerX509Certificate()
  return leaf ? originLeafNames(leaf) : { dnsNames: [], ipAddresses: [] }
}

/** A distinguished name in one line: `C=US, O=Example, CN=Example Root`. */
function oneLine(name: string | undefined): string | null {
  return name === undefined ? null : name.split("\n").join(", ").slice(0, 256)
}

/** RFC 7301 section 3.1: each name behind its length. */
export function alpnList(names: readonly string[]): Buffer {
  return Buffer.concat(
    names.map((name) => Buffer.from(`${String.fromCharCode(name.length)}${name}`, "latin1")),
  )
}
