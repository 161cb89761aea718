/**
 * Reads a CONNECT head as nearly every client sends it: whole, in the first segment, plain.
 *
 * In: the first bytes of a connection. Out: the request, or null for whatever is not plainly that:
 * then Node's HTTP parser decides, which costs several times as much. This reader takes nothing that
 * the parser would refuse.
 */
import type { Socket } from "node:net"
import { ignoreError } from "./tls-error.ts"

/** The part of Node's IncomingMessage that a tunnel is made from. */
export interface ConnectHead {
  method: "CONNECT"
  /** The request target, `host:port`. */
  url: string
  /** By lower-case name; of equal names the first counts. */
  headers: Record<string, string>
  /** Bytes of the head, the empty line included. */
  length: number
}

/** Longer heads, and with more lines, are left to the parser and its limits. */
const longest = 4_096
const mostLines = 32

const requestLine = /^CONNECT ([A-Za-z0-9._:[\]-]{3,270}) HTTP\/1\.[01]$/
/** RFC 9110 sections 5.1 and 5.5: a token, a colon, visible characters, spaces and tabs. */
const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([\x20-\x7e\t]*)$/
/** These say that a body comes, or change what the bytes behind the head mean. */
const framing: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "upgrade",
  "expect",
])

export function readConnectHead(bytes: Buffer): ConnectHead | null {
  // "CONN", before anything is copied.
  if (bytes.length < 16 || bytes.readUInt32BE(0) !== 0x434f4e4e) return null
  const end = bytes.indexOf("\r\n\r\n")
  if (end < 0 || end > longest) return null
  const lines = bytes.toString("latin1", 0, end).split("\r\n")
  const url = requestLine.exec(lines[0] ?? "")?.[1]
  if (url === undefined || lines.length > mostLines) return null
  const headers: Record<string, string> = Object.create(null)
  for (let at = 1; at < lines.length; at++) {
    const [, name, value] = field.exec(lines[at] ?? "") ?? []
    if (name === undefined || value === undefined) return null
    const key = name.toLowerCase()
    if (framing.has(key)) return null
    headers[key] ??= value.trimEnd()
  }
  return { method: "CONNECT", url, headers, length: end + 4 }
}

/**
 * Waits for the first bytes and calls back once, unless the client goes first. `rest`: what came
 * behind the head. For `other` the socket is as if nobody had read.
 */
export function firstRequest(
  socket: Socket,
  waitMs: number,
  then: {
    connect: (head: ConnectHead, rest: Buffer) => void
    other: () => void
    late: () => void
  },
): void {
  const onTimeout = () => leave(then.late)
  const onEnd = () => leave(() => socket.destroy())
  function leave(next: () => void): void {
    socket.off("data", onData).off("end", onEnd).off("timeout", onTimeout).setTimeout(0)
    socket.pause()
    next()
  }
  function onData(chunk: Buffer): void {
    const head = readConnectHead(chunk)
    if (head) return leave(() => then.connect(head, chunk.subarray(head.length)))
    leave(() => {
      socket.unshift(chunk)
      then.other()
    })
  }
  socket.on("error", ignoreError)
  socket.on("data", onData).once("end", onEnd).setTimeout(waitMs, onTimeout)
}
