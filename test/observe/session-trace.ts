/**
 * The trace of a TLS session: types and lengths of its records in the order of time, what the ServerHello
 * chose, and how it ended. No byte of what was said is in it, and the judge needs no more.
 *
 * Written as words: `c22:512` a record of the client, `s23:16401*12` twelve alike of the origin, `h` behind the
 * one that completes the ServerHello, `r` behind a HelloRetryRequest, `/800` where it broke off.
 */
import {
  type OpaqueEnd,
  OpaqueSession,
  type OpaqueVerdict,
} from "../../src/observe/opaque-session.ts"
import { type RecordHeader, RecordHeaders } from "../../src/observe/record-headers.ts"
import { type ServerHello, ServerHelloParts } from "../../src/observe/server-hello.ts"
import { bytes, vector8, vector16 } from "./hello-bytes.ts"

export interface SessionTrace {
  version: number | null
  suite: number | null
  /** A pre-shared key was taken (TLS 1.3). */
  psk: boolean
  end: OpaqueEnd
  records: string
}

/** The random that makes a ServerHello a HelloRetryRequest (RFC 8446 section 4.1.3). */
const retryRandom = Buffer.from(
  "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c",
  "hex",
)

interface Word {
  from: "c" | "s"
  type: number
  length: number
  mark: "" | "h" | "r"
  /** Bytes of it that came; null for all. */
  cut: number | null
}

/** Listens to one session. */
export class TraceRecorder {
  readonly #words: Word[] = []
  readonly #fromClient: RecordHeaders
  readonly #fromServer: RecordHeaders
  readonly #hello = new ServerHelloParts()
  #server: ServerHello | null = null
  #open: { client: number; server: number } = { client: -1, server: -1 }
  #serverWord: Word | null = null
  #clientHeader: RecordHeader | null = null

  constructor() {
    this.#fromClient = new RecordHeaders({
      begins: (record) => {
        this.#clientHeader = record
        this.#open.client = 0
      },
      content: (_, part) => {
        this.#open.client += part.length
      },
      // The judge looks at a client's record when it is whole, and at an origin's when it begins.
      ends: ({ type, length }) => {
        this.#words.push({ from: "c", type, length, mark: "", cut: null })
        this.#clientHeader = null
      },
    })
    this.#fromServer = new RecordHeaders({
      begins: ({ type, length }) => {
        this.#serverWord = { from: "s", type, length, mark: "", cut: null }
        this.#words.push(this.#serverWord)
        this.#open.server = 0
      },
      content: ({ type }, part) => {
        this.#open.server += part.length
        if (type === 22 && this.#server === null) this.#read(part)
      },
      ends: () => {
        this.#serverWord = null
      },
    })
  }

  #read(part: Uint8Array): void {
    const hello = this.#hello.add(part)
    if (typeof hello === "string" || !this.#serverWord) return
    this.#serverWord.mark = hello.retry ? "r" : "h"
    if (!hello.retry) this.#server = hello
  }

  client(chunk: Uint8Array): void {
    this.#fromClient.feed(chunk)
  }

  server(chunk: Uint8Array): void {
    this.#fromServer.feed(chunk)
  }

  trace(end: OpaqueEnd): SessionTrace {
    const words = this.#words.map((word) =>
      word === this.#serverWord ? { ...word, cut: this.#open.server } : word,
    )
    if (this.#clientHeader)
      words.push({ from: "c", ...this.#clientHeader, mark: "", cut: this.#open.client })
    const {
      version = null,
      cipherSuite: suite = null,
      pskAccepted: psk = false,
    } = this.#server ?? {}
    return { version, suite, psk, end, records: written(words) }
  }
}

function written(words: readonly Word[]): string {
  const runs: { text: string; times: number }[] = []
  for (const { from, type, length, mark, cut } of words) {
    const text = `${from}${type}:${length}${mark}${cut === null ? "" : `/${cut}`}`
    const last = runs.at(-1)
    if (last?.text === text) last.times++
    else runs.push({ text, times: 1 })
  }
  return runs.map(({ text, times }) => (times === 1 ? text : `${text}*${times}`)).join(" ")
}

export function wordsOf(records: string): Word[] {
  return records.split(" ").flatMap((text) => {
    const found = /^([cs])(\d+):(\d+)([hr]?)(?:\/(\d+))?(?:\*(\d+))?$/.exec(text)
    if (!found) return []
    const [, from, type, length, mark, cut, times] = found
    const word: Word = {
      from: from === "c" ? "c" : "s",
      type: Number(type),
      length: Number(length),
      mark: mark === "h" || mark === "r" ? mark : "",
      cut: cut === undefined ? null : Number(cut),
    }
    return Array<Word>(Number(times ?? 1)).fill(word)
  })
}

/** What the judge says of a traced session: its records again, with zeros in them. */
export function judgedTrace(trace: SessionTrace): OpaqueVerdict {
  const session = new OpaqueSession()
  for (const word of wordsOf(trace.records)) {
    const content = new Uint8Array(word.length)
    if (word.mark !== "")
      content.set(serverHello(trace, word.mark === "r").subarray(0, word.length))
    const record = bytes([word.type, 3, 3], vector16(content))
    const part = record.subarray(0, 5 + (word.cut ?? word.length))
    if (word.from === "c") session.client(part)
    else session.server(part)
  }
  return session.verdict(trace.end)
}

/** The shortest that says it all. */
function serverHello({ version, suite, psk }: SessionTrace, retry: boolean): Uint8Array {
  const [v, s] = [version ?? 0x0304, suite ?? 0x1301]
  const extensions = Uint8Array.from([
    0,
    43,
    0,
    2,
    v >> 8,
    v & 0xff,
    ...(psk ? [0, 41, 0, 2, 0, 0] : []),
  ])
  const body = bytes(
    [3, Math.min(v & 0xff, 3)],
    retry ? retryRandom : new Uint8Array(32),
    vector8(new Uint8Array()),
    [s >> 8, s & 0xff, 0],
    v >= 0x0304 ? vector16(extensions) : [],
  )
  return bytes([2, 0, body.length >> 8, body.length & 0xff], body)
}
