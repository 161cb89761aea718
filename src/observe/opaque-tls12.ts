/**
 * In: the records of a spliced session of TLS 1.2 or older, after its ServerHello, in the order of time.
 * Out: a tally of what was done with it. Record types say it all here: they are not encrypted.
 */
import type { RecordHeader } from "./record-headers.ts"
import { recordOverhead12 } from "./record-lengths.ts"

/** What a verdict is made of, for every version of TLS. */
export type OpaqueTally = {
  /** The client finished its handshake. */
  finished: boolean
  /** Who ended the handshake with an alert, as far as it can be seen. */
  alertBy: "client" | "origin" | undefined
  /** The origin seems to have refused the client's certificate once the client was done: unless the client
   * left first, in which case it was a farewell. */
  refused: boolean
  /** Application records of the client. */
  sent: number
  /** Whether the origin sent something after the first of them. */
  answered: boolean
  /** Payload bytes, estimated: of `sent`, and of what the origin sent after the first of them. */
  clientAppBytes: number
  serverAppBytes: number
  /** What the origin has sent beside them is an answer if the next record does not show it to be a ticket. */
  pendingBytes: number
}

export type ProtocolJudge = {
  clientEnds(record: RecordHeader): void
  serverBegins(record: RecordHeader): void
  serverEnds(record: RecordHeader): void
  readonly tally: OpaqueTally
}

const changeCipherSpec = 20
const alert = 21
const handshake = 22
const applicationData = 23

/** Holds a few numbers, however long the session lasts. */
export class Tls12Judge implements ProtocolJudge {
  readonly #overhead: number
  #clientEncrypts = false
  #serverEncrypts = false
  #finished = false
  #alertBy: "client" | "origin" | undefined
  #sent = 0
  #answering = false
  #clientAppBytes = 0
  #serverAppBytes = 0

  constructor(cipherSuite: number) {
    this.#overhead = recordOverhead12(cipherSuite)
  }

  get tally(): OpaqueTally {
    return {
      finished: this.#finished,
      alertBy: this.#alertBy,
      refused: false,
      sent: this.#sent,
      answered: this.#answering,
      clientAppBytes: this.#clientAppBytes,
      serverAppBytes: this.#serverAppBytes,
      pendingBytes: 0,
    }
  }

  clientEnds({ type, length }: RecordHeader): void {
    if (type === changeCipherSpec) this.#clientEncrypts = true
    if (type === handshake && this.#clientEncrypts) this.#finished = true
    if (type === alert && !this.#clientEncrypts) this.#alertBy ??= "client"
    if (type !== applicationData || !this.#finished) return
    this.#sent++
    this.#clientAppBytes += Math.max(0, length - this.#overhead)
  }

  /** An alert after which the origin goes on was a warning, such as unrecognized_name. */
  serverBegins({ type }: RecordHeader): void {
    if (type === changeCipherSpec) {
      this.#serverEncrypts = true
      if (this.#alertBy === "origin") this.#alertBy = undefined
    }
    if (type === alert && !this.#serverEncrypts && !this.#answering) this.#alertBy ??= "origin"
    if (type === applicationData && this.#sent > 0) this.#answering = true
  }

  serverEnds({ type, length }: RecordHeader): void {
    if (type !== applicationData || !this.#answering) return
    this.#serverAppBytes += Math.max(0, length - this.#overhead)
  }
}
