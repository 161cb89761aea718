/** Reads the ClientHello from a socket and leaves the socket as if nothing had been read. */
import type { Socket } from "node:net"
import { type ClientHello, readClientHello } from "../observe/client-hello.ts"
import type { HelloFault } from "../observe/handshake-records.ts"

export type HelloEnd =
  | { kind: "hello"; hello: ClientHello }
  | { kind: "fault"; fault: HelloFault }
  /** The client ended, broke off or said nothing in time. */
  | { kind: "gone"; how: "fin" | "rst" | "timeout" }

/** First size of the buffer of a ClientHello that comes in pieces; it doubles as needed. */
const firstBuffer = 4_096

/**
 * Calls back once. The bytes read are put back (`unshift`), so that whoever comes next, TLS or a
 * splice, reads from the first byte; the socket is paused. Bounded by the reader's 64 KiB.
 */
export function readHello(
  socket: Socket,
  head: Buffer,
  timeMs: number,
  done: (end: HelloEnd, bytes: Buffer) => void,
): void {
  let bytes = head
  let room = head
  let finished = false
  const timer = setTimeout(() => finish({ kind: "gone", how: "timeout" }), timeMs)
  const onEnd = () => finish({ kind: "gone", how: "fin" })
  const onBreak = () => finish({ kind: "gone", how: "rst" })

  function finish(end: HelloEnd): void {
    finished = true
    clearTimeout(timer)
    socket.off("data", onData).off("end", onEnd).off("error", onBreak).off("close", onBreak)
    socket.pause()
    if (end.kind !== "gone" && bytes.length > 0) socket.unshift(bytes)
    done(end, bytes)
  }
  function judge(): void {
    const read = readClientHello(bytes)
    if (read === "incomplete") return
    finish("fault" in read ? { kind: "fault", fault: read } : { kind: "hello", hello: read })
  }
  function onData(chunk: Buffer): void {
    if (bytes.length === 0) bytes = chunk
    else append(chunk)
    judge()
  }
  function append(chunk: Buffer): void {
    const length = bytes.length + chunk.length
    if (room.length < length) {
      room = Buffer.allocUnsafe(Math.max(firstBuffer, 2 * length))
      room.set(bytes)
    }
    room.set(chunk, bytes.length)
    bytes = room.subarray(0, length)
  }

  socket.on("data", onData).on("end", onEnd).on("error", onBreak).on("close", onBreak)
  if (bytes.length > 0) judge()
  if (!finished) socket.resume()
}
