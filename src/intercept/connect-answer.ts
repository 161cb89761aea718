/**
 * Reads what an upstream proxy answers to CONNECT (RFC 9110 section 9.3.6, RFC 9112 section 4). Pure:
 * comes in: the bytes so far; goes out: the status and where the head ends, or a named fault.
 */

export type ConnectAnswer =
  | "incomplete"
  /** `headBytes`: what stands behind them is the tunnel's already. */
  | { status: number; headBytes: number }
  | { fault: "not-http" | "head-too-large" }

/** Longest answer that is read, interim answers included; proxies explain themselves in bodies. */
export const longestConnectHead = 16_384

const prefix = "HTTP/1."
const statusLine = /^HTTP\/1\.[01] ([1-5]\d\d)(?: [^\r\n]*)?\r?\n/
/** RFC 9112 section 2.2: a line may also end in a bare LF. */
const headEnd = /\r?\n\r?\n/

export function readConnectAnswer(bytes: Buffer): ConnectAnswer {
  let from = 0
  for (;;) {
    const text = bytes.toString("latin1", from, Math.min(bytes.length, longestConnectHead))
    const known = Math.min(text.length, prefix.length)
    if (text.slice(0, known) !== prefix.slice(0, known)) return { fault: "not-http" }
    const end = headEnd.exec(text)
    if (!end) return bytes.length < longestConnectHead ? "incomplete" : { fault: "head-too-large" }
    const status = Number(statusLine.exec(text)?.[1])
    if (Number.isNaN(status)) return { fault: "not-http" }
    from += end.index + end[0].length
    // RFC 9110 section 15.2: interim answers may come first; 101 would be another protocol.
    if (status === 101) return { fault: "not-http" }
    if (status >= 200) return { status, headBytes: from }
  }
}
