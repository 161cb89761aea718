/**
 * What the kernel knows of a client's TCP connection (Linux TCP_INFO, tcp(7)).
 *
 * Asked only where the answer decides: when a client went away without a byte of its application. Off
 * Linux there is no answer, and a flight that was written counts as delivered.
 */
import type { Socket } from "node:net"
import { descriptor, libc } from "./libc.ts"

export interface TcpInfo {
  /** Whose end has come: the peer's FIN (CLOSE_WAIT), or a reset (CLOSE). */
  state: "open" | "closed-by-peer" | "reset"
  /** Ciphertext bytes of ours that the peer acknowledged. */
  bytesAcked: number
  /** The smallest round-trip time seen, in milliseconds; null while none is known. */
  rttMs: number | null
  retransmits: number
  /** How long ago the peer's last segment came, in milliseconds (the kernel counts in ticks of 1 to
   * 10): what a busy event loop adds to the times it sees. */
  heardAgoMs: number
}

const ipprotoTcp = 6
const tcpInfo = 11
/** Offsets in struct tcp_info (linux/tcp.h), which only ever grows at its end. */
const offset = {
  lastDataRecv: 52,
  lastAckRecv: 56,
  totalRetrans: 100,
  bytesAcked: 120,
  minRtt: 148,
}
const neverMeasured = 0xffffffff
/** include/net/tcp_states.h. */
const tcpClose = 7
const tcpCloseWait = 8

/** One buffer for all calls: they are synchronous. */
const answer = Buffer.alloc(256)
const length = new Uint32Array(1)

export function readTcpInfo(fd: number): TcpInfo | null {
  if (!libc) return null
  length[0] = answer.length
  if (libc.getsockopt(fd, ipprotoTcp, tcpInfo, answer, length) !== 0) return null
  const size = length[0] ?? 0
  if (size < offset.bytesAcked + 8) return null
  const minRtt = size >= offset.minRtt + 4 ? answer.readUInt32LE(offset.minRtt) : neverMeasured
  const state = answer[0]
  return {
    state: state === tcpClose ? "reset" : state === tcpCloseWait ? "closed-by-peer" : "open",
    bytesAcked: Number(answer.readBigUInt64LE(offset.bytesAcked)),
    rttMs: minRtt === neverMeasured ? null : minRtt / 1000,
    retransmits: answer.readUInt32LE(offset.totalRetrans),
    heardAgoMs: Math.min(
      answer.readUInt32LE(offset.lastDataRecv),
      answer.readUInt32LE(offset.lastAckRecv),
    ),
  }
}

/** Whether the peer's FIN has come, read by us or not. */
export function peerLeft(socket: Socket): boolean {
  const fd = descriptor(socket)
  return fd !== undefined && readTcpInfo(fd)?.state === "closed-by-peer"
}

/**
 * A second descriptor of the same connection. At a reset Node closes its own before the error is
 * told; this one still answers. It must be closed soon: while it is open, no FIN leaves.
 */
export class HeldDescriptor {
  #fd: number

  constructor(socket: Socket) {
    const fd = libc ? descriptor(socket) : undefined
    this.#fd = libc && fd !== undefined ? libc.dup(fd) : -1
  }

  read(): TcpInfo | null {
    return this.#fd < 0 ? null : readTcpInfo(this.#fd)
  }

  /** May be called again. */
  release(): void {
    if (this.#fd >= 0) libc?.close(this.#fd)
    this.#fd = -1
  }
}
