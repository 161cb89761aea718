/**
 * How an origin ended: with close_notify (RFC 8446 section 6.1), or with a bare FIN, which may be a
 * truncation. Node emits the same `end` for both, but it does not read them alike. close_notify comes
 * in the read of the last data, or it adds its own few bytes of ciphertext to what was read by then; a
 * bare FIN does neither: libuv reads it in a later turn of the event loop, and what came since the
 * last data is nothing, or a record that is cut off.
 */
import type { TLSSocket } from "node:tls"
import type { Inflow } from "./inflow.ts"

interface Handle {
  onread: (this: unknown, bytes: ArrayBuffer | undefined) => unknown
  _parent: { bytesRead: number }
}

/**
 * Bytes of a close_notify: TLS 1.3 (RFC 8446 section 5.2), TLS 1.2 with GCM (RFC 5288 section 3) and
 * ChaCha20 (RFC 7905 section 2). One that TLS 1.3 has padded counts as a bare FIN; nobody pads alerts.
 */
const closeNotifySizes: ReadonlySet<number> = new Set([24, 31, 23])

/** Turns of the event loop in which a watched socket was read: one counter for the process. */
let turn = 0
let turning = false

export interface OriginEnd {
  /** Holds once the socket has emitted `end`. */
  readonly truncated: boolean
}

/** Watches a socket from its handshake on. */
export function watchEnd(socket: TLSSocket, inflow: Inflow | null): OriginEnd {
  const watched = { truncated: false }
  const handle = handleOf(socket)
  // Unknown on a Node without these parts: then an end counts as clean.
  if (!handle) return watched
  const { onread, _parent: tcp } = handle
  let bytes = tcp.bytesRead
  let last = -1
  handle.onread = function (this: unknown, chunk) {
    // Into a buffer of ours a read comes without a chunk, as the end does: it is counted instead.
    const reads = inflow?.reads
    const clean = closeNotifySizes.has(tcp.bytesRead - bytes) || last === turn
    if (chunk === undefined) watched.truncated = !clean
    const result = onread.call(this, chunk)
    if (chunk === undefined && inflow?.reads === reads) return result
    watched.truncated = false
    understood()
    return result
  }
  // A ticket of TLS 1.3 is read like data, but nothing of it comes out.
  socket.on("session", understood)

  function understood(): void {
    bytes = tcp.bytesRead
    last = turn
    if (turning) return
    turning = true
    setImmediate(nextTurn)
  }
  return watched
}

function nextTurn(): void {
  turning = false
  turn++
}

function handleOf(socket: TLSSocket): Handle | null {
  const handle: Partial<Handle> | null = Reflect.get(socket, "_handle")
  return typeof handle?.onread === "function" && typeof handle._parent?.bytesRead === "number"
    ? (handle as Handle)
    : null
}
