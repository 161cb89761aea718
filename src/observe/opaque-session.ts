/**
 * In: the bytes of a spliced TLS session, each direction as it comes; the order of calls is the order of time.
 * Out: whether the session was used, from record headers and the ServerHello alone. It must not know
 * why we spliced, nor keep what it was fed.
 */
import { type ProtocolJudge, Tls12Judge } from "./opaque-tls12.ts"
import { Tls13Judge } from "./opaque-tls13.ts"
import { type RecordHeader, RecordHeaders } from "./record-headers.ts"
import { type ServerHello, ServerHelloParts } from "./server-hello.ts"

export type OpaqueEnd = {
  by: "client" | "origin" | "sensor" | "unknown"
  how: "fin" | "rst" | "timeout" | "unknown"
}

export type FailedReason =
  | "not-tls"
  | "no-server-hello"
  | "malformed-server-hello"
  | "server-alert"
  | "rejected-in-handshake"
  | "aborted-in-handshake"
  | "origin-closed-in-handshake"
  | "sensor-closed-in-handshake"
  | "timed-out-in-handshake"

export type OpaqueVerdict = {
  verdict: "used" | "sent-only" | "established-unused" | "failed"
  /** A FailedReason, or "answered", "no-answer", "no-application-data". */
  reason: string
  /** Used, with at least `strongUseBytes` of payload each way. */
  strong: boolean
  /** TLS 1.3: record lengths were interpreted. */
  estimated: boolean
  tlsVersion: number | null
  cipherSuite: number | null
  /** Payload bytes after the handshake, estimated; lower bounds once `settled` stopped the count. */
  clientAppBytes: number
  /** What the origin sent after the client's first data; possible session tickets left out. */
  serverAppBytes: number
}

/** Above what an HTTP/2 preface with SETTINGS and its answer need, below any real request. */
const strongUseBytes = 200

const alert = 21
const handshake = 22
const applicationData = 23
const tls13 = 0x0304

/** Holds one ServerHello at most (8 KiB, while it arrives) and counters. */
export class OpaqueSession {
  readonly #serverHelloParts = new ServerHelloParts()
  readonly #fromClient: RecordHeaders
  readonly #fromServer: RecordHeaders
  #clientRecords = 0
  #earlyData = false
  #serverAlert = false
  #failure: "not-tls" | "malformed-server-hello" | undefined
  #serverHello: ServerHello | undefined
  #judge: ProtocolJudge | undefined
  #settled = false

  constructor() {
    this.#fromClient = new RecordHeaders({
      begins: (record) => this.#clientBegins(record),
      content: () => {},
      ends: (record) => this.#judge?.clientEnds(record),
    })
    this.#fromServer = new RecordHeaders({
      begins: (record) => this.#serverBegins(record),
      content: (record, part) => this.#serverContent(record, part),
      ends: (record) => this.#judge?.serverEnds(record),
    })
  }

  /** Bytes from the client to the origin. */
  client(bytes: Uint8Array): void {
    this.#feed(this.#fromClient, bytes)
  }

  /** Bytes from the origin to the client. */
  server(bytes: Uint8Array): void {
    this.#feed(this.#fromServer, bytes)
  }

  /** Strong use is proved, or this is no TLS that we can read: nothing more need be fed. */
  get settled(): boolean {
    return this.#settled
  }

  /** The origin's ServerHello is in, no HelloRetryRequest. */
  get answered(): boolean {
    return this.#serverHello !== undefined
  }

  #feed(direction: RecordHeaders, bytes: Uint8Array): void {
    if (this.#settled) return
    direction.feed(bytes)
    if (direction.broken && !this.#judge) this.#failure ??= "not-tls"
    this.#settled = this.#failure !== undefined || this.#isStrong(0)
  }

  #clientBegins({ type }: RecordHeader): void {
    this.#clientRecords++
    if (this.#clientRecords === 1 && type !== handshake) this.#failure ??= "not-tls"
    if (!this.#judge && type === applicationData) this.#earlyData = true
  }

  #serverBegins(record: RecordHeader): void {
    if (this.#judge) this.#judge.serverBegins(record)
    else if (record.type === alert) this.#serverAlert = true
  }

  #serverContent({ type }: RecordHeader, part: Uint8Array): void {
    if (this.#judge || this.#failure || type !== handshake) return
    const hello = this.#serverHelloParts.add(part)
    if (hello === "incomplete") return
    if (hello === "malformed") {
      this.#failure = "malformed-server-hello"
    } else if (hello.retry) {
      // Early data sent so far is void, and none may follow (RFC 8446 section 4.2.10).
      this.#earlyData = false
    } else {
      this.#serverHello = hello
      this.#judge =
        hello.version >= tls13
          ? new Tls13Judge(hello.cipherSuite, {
              earlyData: this.#earlyData,
              resumed: hello.pskAccepted,
            })
          : new Tls12Judge(hello.cipherSuite)
    }
  }

  /** `pending`: bytes that count only once the session has ended. */
  #isStrong(pending: number): boolean {
    const tally = this.#judge?.tally
    return (
      tally !== undefined &&
      this.#failure === undefined &&
      tally.alertBy !== "origin" &&
      tally.sent > 0 &&
      tally.answered &&
      tally.clientAppBytes >= strongUseBytes &&
      tally.serverAppBytes + pending >= strongUseBytes
    )
  }

  /** The judgement if the session ended now, and like this. */
  verdict(end: OpaqueEnd): OpaqueVerdict {
    const tally = this.#judge?.tally
    const pending = tally?.pendingBytes ?? 0
    return {
      ...this.#outcome(end),
      strong: this.#isStrong(pending),
      estimated: (this.#serverHello?.version ?? 0) >= tls13,
      tlsVersion: this.#serverHello?.version ?? null,
      cipherSuite: this.#serverHello?.cipherSuite ?? null,
      clientAppBytes: tally?.clientAppBytes ?? 0,
      serverAppBytes: (tally?.serverAppBytes ?? 0) + pending,
    }
  }

  #outcome(end: OpaqueEnd): Pick<OpaqueVerdict, "verdict" | "reason"> {
    const tally = this.#judge?.tally
    if (tally?.refused && end.by !== "client") return { verdict: "failed", reason: "server-alert" }
    if (!this.#failure && tally?.finished && tally.alertBy !== "origin") {
      if (tally.sent === 0) return { verdict: "established-unused", reason: "no-application-data" }
      if (!tally.answered) return { verdict: "sent-only", reason: "no-answer" }
      return { verdict: "used", reason: "answered" }
    }
    return { verdict: "failed", reason: this.#failedReason(end) }
  }

  #failedReason(end: OpaqueEnd): FailedReason {
    const tally = this.#judge?.tally
    if (this.#failure) return this.#failure
    if (this.#serverAlert || tally?.alertBy === "origin") return "server-alert"
    if (!tally) return "no-server-hello"
    if (tally.alertBy === "client") return "rejected-in-handshake"
    if (end.how === "timeout") return "timed-out-in-handshake"
    if (end.by === "origin") return "origin-closed-in-handshake"
    return end.by === "sensor" ? "sensor-closed-in-handshake" : "aborted-in-handshake"
  }
}
