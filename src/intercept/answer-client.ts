/**
 * The client's side of an inspected connection: answers the ClientHello with our leaf and notes what
 * the client does about it. It tells when the client finished, spoke and went; it relays nothing.
 */
import { TLSSocket } from "node:tls"
import type { PresentedLeaf } from "../ca/leaf-store.ts"
import type { AttemptFacts } from "../record/attempt.ts"
import type { ClientConnection } from "./client-connection.ts"
import { alpnList } from "./dial-origin.ts"
import { descriptor } from "./libc.ts"
import { HeldDescriptor, readTcpInfo } from "./tcp-info.ts"
import { tlsFault } from "./tls-error.ts"

/**
 * The least our flight takes on the wire with a certificate in it; a HelloRetryRequest with its
 * ChangeCipherSpec stays below (RFC 8446 section 4.1.4), and then a second ClientHello comes.
 */
const smallestCertificateFlight = 300

/** How often it is looked whether the flight after a HelloRetryRequest has left, in milliseconds. */
const lookAfterRetry = 5

/** Bytes of a close_notify as the client sends it: in clear, TLS 1.3, TLS 1.2 with GCM or ChaCha20. */
const closeNotifySizes: ReadonlySet<number> = new Set([7, 24, 31, 23])

export interface ClientEvents {
  /** The client's Finished is in: it has taken our certificate, as far as TLS knows. */
  finished: () => void
  /** The end, told once: how and by whom. The facts are complete but for `closed`. */
  gone: (end: AttemptFacts["end"], by: AttemptFacts["ended_by"]) => void
}

/** The socket of the client, to read from once `finished` was told. `alpn` null: none is chosen. */
export function answerClient(
  connection: ClientConnection,
  leaf: PresentedLeaf,
  alpn: string | null,
  handshakeMs: number,
  events: ClientEvents,
): TLSSocket {
  const { raw } = connection.arrival
  const held = new HeldDescriptor(raw)
  connection.leaf = { fingerprint: leaf.fingerprint, check: leaf.selfCheck }
  const client = new TLSSocket(raw, {
    isServer: true,
    secureContext: leaf.secureContext(),
    ...(alpn === null ? {} : { ALPNProtocols: alpnList([alpn]) }),
  })
  let over = false
  let quietSince = connection.hello?.byteLength ?? 0

  function gone(end: AttemptFacts["end"], by: AttemptFacts["ended_by"]): void {
    if (over) return
    over = true
    clearTimeout(timer)
    clearInterval(retry)
    if (!connection.has("finished")) lookAtDelivery(connection, held)
    held.release()
    events.gone(end, by)
  }
  const timer = setTimeout(() => {
    gone("timeout", "sensor")
    client.destroy()
  }, handshakeMs)

  // The hello was put back and is handed to TLS on the next tick; after that our flight is written,
  // or a HelloRetryRequest: then it follows the second hello, of which nobody tells.
  let retry: NodeJS.Timeout | undefined
  process.nextTick(() => {
    noteFlight(connection)
    if (!over && connection.bytesOut > 0 && !connection.has("certificate"))
      retry = setInterval(() => {
        noteFlight(connection)
        if (connection.has("certificate")) clearInterval(retry)
      }, lookAfterRetry)
  })
  client.once("secure", () => {
    if (over) return
    clearTimeout(timer)
    clearInterval(retry)
    noteFlight(connection)
    connection.reach("delivered")
    connection.reach("finished")
    held.release()
    connection.tls = {
      alpn_chosen: client.alpnProtocol || null,
      tls_version: client.getProtocol(),
      cipher: client.getCipher().standardName,
    }
    quietSince = connection.bytesIn
    events.finished()
  })
  client.pause()
  client.on("end", () => {
    const silent = connection.clientAppBytes === 0
    if (silent && closeNotifySizes.has(connection.bytesIn - quietSince))
      connection.closeNotifyFrom = "client"
    if (silent && connection.has("finished")) closedWhenHeard(connection)
    gone("fin", "client")
  })
  client.on("error", (error) => {
    noteFault(connection, error)
    const fault = tlsFault(error)
    if (fault.kind === "reset") return gone("rst", "client")
    const state = held.read()?.state
    gone(
      state === "reset" ? "rst" : state === "closed-by-peer" ? "fin" : "none",
      fault.kind === "alert" ? "client" : "sensor",
    )
  })
  client.on("close", () => gone("none", "sensor"))
  return client
}

/** A silent client is judged by how soon it closed: by when its end came, not when we got to it. */
function closedWhenHeard(connection: ClientConnection): void {
  const fd = descriptor(connection.arrival.raw)
  const info = fd === undefined ? null : readTcpInfo(fd)
  connection.reach("closed", info?.heardAgoMs ?? 0)
}

function noteFlight(connection: ClientConnection): void {
  if (connection.bytesOut >= smallestCertificateFlight) connection.reach("certificate")
}

/**
 * Whether our Certificate had arrived when the client went: acknowledged, says the kernel. A reset
 * overtakes a delayed acknowledgement: where nothing was lost, the outcome judges by the time instead.
 */
function lookAtDelivery(connection: ClientConnection, held: HeldDescriptor): void {
  noteFlight(connection)
  if (!connection.has("certificate")) return
  connection.tcp = held.read()
  const { tcp } = connection
  const overtaken = tcp?.state === "reset" && tcp.retransmits === 0
  if (tcp === null || overtaken || tcp.bytesAcked >= connection.allBytesOut)
    connection.reach("delivered")
}

function noteFault(connection: ClientConnection, error: Error): void {
  const fault = tlsFault(error)
  const alert_after_finished = connection.has("finished")
  if (fault.kind === "alert")
    connection.alert = {
      alert: fault.alert,
      alert_level: "fatal",
      alert_from: "client",
      alert_after_finished,
    }
  if (fault.kind === "ours" && !alert_after_finished)
    connection.alert = {
      alert: fault.alert,
      alert_level: "fatal",
      alert_from: "sensor",
      alert_after_finished,
    }
}
