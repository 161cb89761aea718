/**
 * Framing of syslog messages on a stream (RFC 6587).
 *
 * In: one message's bytes and the framing agreed on. Out: its bytes on the stream.
 */

/** `octet-counting`: RFC 6587 section 3.4.1. `lf`: a line feed ends the message, section 3.4.2. */
export type Framing = "octet-counting" | "lf"

const LF = 0x0a
const SPACE = 0x20

/**
 * The count is of bytes, not of characters. With `lf` a line feed inside would cut the message in two,
 * so it becomes a space: our own messages have none.
 */
export function frame(message: Buffer, framing: Framing): Buffer {
  switch (framing) {
    case "octet-counting":
      return Buffer.concat([Buffer.from(`${message.length} `, "ascii"), message])
    case "lf": {
      const line = Buffer.alloc(message.length + 1, LF)
      message.copy(line)
      for (let at = 0; at < message.length; at++) if (line[at] === LF) line[at] = SPACE
      return line
    }
  }
}
