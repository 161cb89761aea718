/** Reads the PROXY protocol header of a relay, and leaves the socket as if it had never been there. */
import type { Socket } from "node:net"
import { type ProxyHeader, readProxyHeader } from "../observe/proxy-header.ts"

export type HeaderEnd =
  | { kind: "header"; header: ProxyHeader }
  | { kind: "fault"; fault: string }
  /** The relay left without a byte, as some health checks do. */
  | { kind: "left" }

const nothing: Buffer = Buffer.alloc(0)

/** Calls back once; bytes behind the header are put back and the socket is paused. */
export function readRelayHeader(
  socket: Socket,
  timeMs: number,
  done: (end: HeaderEnd) => void,
): void {
  let bytes = nothing
  const timer = setTimeout(() => finish({ kind: "fault", fault: "no header in time" }), timeMs)
  const onGone = () =>
    finish(
      bytes.length === 0
        ? { kind: "left" }
        : { kind: "fault", fault: "the connection ended within the header" },
    )

  function finish(end: HeaderEnd, rest: Buffer = nothing): void {
    clearTimeout(timer)
    socket.off("data", onData).off("end", onGone).off("error", onGone).off("close", onGone)
    // Paused first: what is put back into a flowing stream is emitted at once.
    socket.pause()
    if (rest.length > 0) socket.unshift(rest)
    done(end)
  }
  function onData(chunk: Buffer): void {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const read = readProxyHeader(bytes)
    if (read === "incomplete") return
    if ("fault" in read) return finish({ kind: "fault", fault: read.fault })
    finish({ kind: "header", header: read }, bytes.subarray(read.length))
  }
  socket.on("data", onData).on("end", onGone).on("error", onGone).on("close", onGone)
}
