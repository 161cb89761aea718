/**
 * The receiver's half of syslog over TCP: cuts a stream into messages by octet counting (RFC 6587
 * section 3.4.1) and reads their parts (RFC 5424 section 6). It is written apart from the sender, so
 * that a fault of the sender is seen.
 */

export interface SyslogMessage {
  /** The line as it came, without its count. */
  raw: string
  facility: number
  severity: number
  timestamp: string
  hostname: string
  appName: string
  procid: string
  msgid: string
  /** Parameters of the first structured data element, unescaped. */
  params: Record<string, string>
  /** MSG as JSON; null where it is none. */
  json: Record<string, unknown> | null
}

/** Longest message that is waited for, in bytes. */
const longest = 65_536
const space = 0x20

/** Cuts what arrives into messages; one for each connection. Owned state: the bytes of a message that
 * has not wholly arrived, at most the longest message. */
export class OctetCounting {
  #waiting: Buffer = Buffer.alloc(0)

  /** The messages that these bytes complete. Throws where there is no count to go by. */
  take(chunk: Buffer): string[] {
    this.#waiting = Buffer.concat([this.#waiting, chunk])
    const messages: string[] = []
    for (;;) {
      const at = this.#waiting.subarray(0, 6).indexOf(space)
      if (at === -1 && this.#waiting.length < 6) return messages
      const text = this.#waiting.subarray(0, Math.max(at, 0)).toString("latin1")
      const count = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0
      if (count === 0 || count > longest) throw new Error("no octet count before a message")
      if (this.#waiting.length < at + 1 + count) return messages
      messages.push(this.#waiting.subarray(at + 1, at + 1 + count).toString("utf8"))
      this.#waiting = this.#waiting.subarray(at + 1 + count)
    }
  }
}

const header = /^<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) /
const param = / ([^ =\]"]+)="((?:[^"\\\]]|\\["\\\]])*)"/y

/** Null where the line is no message of RFC 5424 with structured data. */
export function readSyslog(raw: string): SyslogMessage | null {
  const found = header.exec(raw)
  if (!found) return null
  const [whole, pri = "", timestamp = "", hostname = "", appName = "", procid = "", msgid = ""] =
    found
  const element = /\[[^ \]]+/y
  element.lastIndex = whole.length
  if (!element.test(raw)) return null
  const params: Record<string, string> = {}
  let end = element.lastIndex
  for (;;) {
    param.lastIndex = end
    const each = param.exec(raw)
    if (!each) break
    params[each[1] ?? ""] = (each[2] ?? "").replace(/\\(["\\\]])/g, "$1")
    end = param.lastIndex
  }
  if (raw[end] !== "]") return null
  return {
    raw,
    facility: Number(pri) >> 3,
    severity: Number(pri) & 7,
    timestamp,
    hostname,
    appName,
    procid,
    msgid,
    params,
    json: readJson(raw.slice(end + 2)),
  }
}

function readJson(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? { ...value } : null
  } catch {
    return null
  }
}
