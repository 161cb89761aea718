/**
 * Connects to an origin and verifies it: chain, name, validity. Comes in: where and as whom; goes
 * out, once: a leg that is verified, or why there is none. It never decides what follows.
 */
import { hash, type X509Certificate } from "node:crypto"
import { isIP, type Socket } from "node:net"
import {
  type ConnectionOptions,
  connect,
  type DetailedPeerCertificate,
  type TLSSocket,
} from "node:tls"
import { type OriginNames, originLeafNames } from "../ca/origin-leaf-names.ts"
import type { Upstream } from "../record/attempt.ts"
import type { Destination } from "./destination.ts"
import { type DialOptions, dialOptions } from "./dial.ts"
import { Inflow } from "./inflow.ts"
import { keepAlive } from "./keep-alive.ts"
import { type OriginEnd, watchEnd } from "./origin-end.ts"
import { handshakeReason } from "./origin-reason.ts"
import type { OriginOffer, OriginTrust } from "./origin-trust.ts"
import { whyUntrusted, wrongName } from "./origin-verdict.ts"
import { errorCode, ignoreError, tlsFault } from "./tls-error.ts"

export interface OriginTarget extends OriginOffer, Destination {
  /** Server name to ask for and to verify; an address is verified as such, and not sent. */
  verifyName: string
  /** ALPN protocols to offer, one character a byte; none: the extension is not sent. */
  alpn: readonly string[]
  /** It is known to ask for a client certificate and to go on without one. */
  asksInVain?: boolean
}

export interface OriginLeg {
  socket: TLSSocket
  upstream: Upstream
  end: OriginEnd
  /** Reads it; null behind an upstream proxy, where it is read as any stream. */
  inflow: Inflow | null
  /** Read only at a first contact. */
  names: OriginNames
  /** Null where only the upstream proxy knows it. */
  address: string | null
}

/** `address`: where the origin was that answered and is no good; null if none did. */
export type OriginAnswer =
  | { ok: true; leg: OriginLeg }
  | { ok: false; upstream: Upstream; address: string | null }

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
  const { via, addresses, port } = target
  if (via === null)
    return verifyOver(dialOptions(addresses, port), target, trust, timeMs, firstContact, done)
  const began = performance.now()
  let current = via.tunnel(target, timeMs, (opened) => {
    if (!opened.ok) {
      const upstream = { ...notContacted, status: "unreachable", reason: opened.because } as const
      return done({ ok: false, upstream, address: null })
    }
    const { socket, address } = opened
    const left = Math.max(0, timeMs - (performance.now() - began))
    current = verifyOver({ socket }, target, trust, left, firstContact, (answer) =>
      done(answer.ok ? { ok: true, leg: { ...answer.leg, address } } : { ...answer, address }),
    )
  })
  return { cancel: () => current.cancel() }
}

/** `way`: where to connect to, or a tunnel to the origin that is there already. */
function verifyOver(
  way: DialOptions | { socket: Socket },
  target: OriginTarget,
  trust: OriginTrust,
  timeMs: number,
  firstContact: boolean,
  done: (answer: OriginAnswer) => void,
): { cancel: () => void } {
  const began = performance.now()
  const named = isIP(target.verifyName) === 0
  const inflow = "socket" in way ? null : new Inflow()
  // Node's types do not know that tls.connect passes its options on to net.connect.
  const options: ConnectionOptions & typeof way & { allowHalfOpen: boolean; onread?: object } = {
    ...way,
    ...(inflow ? { onread: inflow.onread } : {}),
    servername: named ? target.verifyName : "",
    ...(target.alpn.length > 0 ? { ALPNProtocols: alpnList(target.alpn) } : {}),
    checkServerIdentity: () => wrongName(readLeaf(), target.verifyName),
    secureContext: trust.context(target),
    rejectUnauthorized: false,
    allowHalfOpen: true,
  }
  const socket = connect(options)
  // Node would read the whole chain into objects of its own, a tenth of a handshake's cost, only to
  // hand them to the check of the name, which asks OpenSSL instead.
  socket.getPeerCertificate = () => unread
  // Read once: Node takes the leaf out of the chain, and a second reading gives its issuer.
  let leaf: X509Certificate | undefined
  const readLeaf = () => {
    leaf ??= socket.getPeerX509Certificate()
    return leaf
  }
  let over = false
  let connected = "socket" in way
  let address: string | null = null
  const timer = setTimeout(
    () => fail("unreachable", connected ? "handshake-timed-out" : "connect-timed-out"),
    timeMs,
  )

  function finish(answer: OriginAnswer): void {
    over = true
    clearTimeout(timer)
    socket.off("error", onError).off("close", onClose)
    if (!answer.ok) socket.destroy()
    done(answer)
  }
  function fail(status: Upstream["status"], reason: string, known?: Partial<Upstream>): void {
    if (over) return
    const upstream = { ...notContacted, ...known, status, reason }
    finish({ ok: false, upstream, address })
  }
  function onError(error: Error): void {
    const fault = tlsFault(error)
    if (fault.kind === "reset" && !connected) return fail("unreachable", fault.code)
    // Node gives a FIN in the handshake the code of a reset, but no system call that failed.
    const closed = fault.kind === "reset" && Reflect.get(error, "syscall") === undefined
    const reason = closed ? "closed-in-handshake" : handshakeReason(fault)
    if (fault.kind === "alert" && (fault.alert === 116 || asksForCertificate(socket)))
      return fail("wants-client-certificate", reason, { client_certificate: "required" })
    fail("failed", reason)
  }
  const onClose = () => fail("failed", "closed-in-handshake")

  socket.once("connect", () => {
    connected = true
    // Node forgets it when the connection fails.
    address = socket.remoteAddress ?? null
    socket.setNoDelay()
    keepAlive(socket)
  })
  socket.once("secureConnect", () => {
    if (over) return
    const end = watchEnd(socket, inflow)
    const leaf = readLeaf()
    const upstream = verifiedFacts(socket, leaf, firstContact)
    const because = whyUntrusted(socket, leaf)
    if (because !== null) return fail("untrusted", because, { ...upstream, public_trust: false })
    const leg = (): OriginAnswer => ({
      ok: true,
      leg: {
        socket,
        end,
        inflow,
        upstream,
        names: firstContact && leaf ? originLeafNames(leaf) : noNames,
        address,
      },
    })
    if (target.asksInVain || !asksForCertificate(socket)) return finish(leg())
    awaitLateDemand(socket, inflow, performance.now() - began, (demanded) => {
      if (over) return
      if (!demanded) return finish(leg())
      fail("wants-client-certificate", demanded, { ...upstream, client_certificate: "required" })
    })
  })
  // Whoever gets the leg may be late with listeners of its own; an error without any would be thrown.
  socket.on("error", ignoreError)
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

const unread = Object.freeze({}) as DetailedPeerCertificate

const noNames: OriginNames = { dnsNames: [], ipAddresses: [] }

/** Waits whether an origin that asked for a certificate ends the connection for lack of one. */
function awaitLateDemand(
  socket: TLSSocket,
  inflow: Inflow | null,
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
  const onEnd = () => settle("closed-after-handshake")
  // A server that speaks first is content without one. `readable` also comes at the end, which is
  // told only to one who reads.
  const onReadable = () => {
    if (socket.readableLength > 0) settle(null)
    else socket.read()
  }
  socket.on("error", onError).on("end", onEnd).on("close", onEnd)
  if (!inflow) socket.on("readable", onReadable)
  else if (inflow.reads > 0) settle(null)
  else inflow.onEarly = () => settle(null)
}

function verifiedFacts(
  socket: TLSSocket,
  leaf: X509Certificate | undefined,
  firstContact: boolean,
): Upstream {
  return {
    status: "verified",
    reason: null,
    leaf: leaf ? hash("sha256", leaf.raw) : null,
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
