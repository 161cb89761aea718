/**
 * In: the records of a spliced TLS 1.3 session, after its ServerHello, in the order of time. Out: a tally of
 * what was done with it. Everything is of type 23 then, so lengths have to tell Finished, alerts and
 * session tickets from application data; padding (RFC 8446 section 5.4) defeats that by design.
 */
import type { OpaqueTally, ProtocolJudge } from "./opaque-tls12.ts"
import type { RecordHeader } from "./record-headers.ts"
import { type RecordLengths13, recordLengths13 } from "./record-lengths.ts"

const alert = 21
const applicationData = 23

/**
 * Record lengths that a NewSessionTicket may have: 74 for a bare session id, 282 for OpenSSL's tickets,
 * more with a client certificate in it.
 */
const shortestTicket = 60
const longestTicket = 1400

export type BeforeServerHello = {
  /** The client had sent type-23 records before the ServerHello. */
  earlyData: boolean
  /** The ServerHello accepted a pre-shared key. */
  resumed: boolean
}

/** Holds a few numbers, however long the session lasts. */
export class Tls13Judge implements ProtocolJudge {
  readonly #lengths: RecordLengths13
  readonly #earlyData: boolean
  readonly #resumed: boolean
  #finished = false
  #padded = false
  #flightRecords = 0
  #alertBy: "client" | "origin" | undefined
  #sent = 0
  #clientAppBytes = 0
  #tailRecords = 0
  #tailBytes = 0
  #serverRecords = 0
  #ticket: { length: number; afterData: boolean; second: boolean } | undefined
  #answering = false
  #counting = false
  #serverAppBytes = 0

  constructor(cipherSuite: number, before: BeforeServerHello) {
    this.#lengths = recordLengths13(cipherSuite)
    this.#earlyData = before.earlyData
    this.#resumed = before.resumed
  }

  get tally(): OpaqueTally {
    const ticket = this.#ticket
    return {
      finished: this.#finished,
      alertBy: this.#alertBy,
      sent: this.#sent,
      answered: this.#answering || (ticket?.afterData === true && !ticket.second),
      clientAppBytes: this.#clientAppBytes,
      serverAppBytes: this.#serverAppBytes,
    }
  }

  clientEnds({ type, length }: RecordHeader): void {
    if (type === alert && !this.#finished) this.#alertBy ??= "client"
    if (type !== applicationData) return
    if (this.#finished) this.#afterFinished(length)
    else this.#beforeFinished(length)
  }

  /**
   * Everything up to the Finished is handshake or early data: early data is no proof of anything here,
   * since it is sent before the origin has shown what it is. Alert-sized records count as an alert
   * only while no Finished follows.
   */
  #beforeFinished(length: number): void {
    const { finished, paddedFinished, alert, paddedAlert } = this.#lengths
    if (finished.has(length)) {
      this.#finished = true
      this.#padded = length === paddedFinished
      if (this.#alertBy === "client") this.#alertBy = undefined
    } else if (length === alert || length === paddedAlert) {
      this.#alertBy ??= "client"
    } else {
      this.#flightRecords++
    }
  }

  /** Alerts and KeyUpdates at the end are not data; when data follows them, they may have been. */
  #afterFinished(length: number): void {
    const payload = Math.max(0, length - this.#lengths.overhead)
    if (this.#isTail(length)) {
      this.#tailRecords++
      this.#tailBytes += payload
      return
    }
    this.#sent += this.#tailRecords + 1
    this.#clientAppBytes += this.#tailBytes + payload
    this.#tailRecords = 0
    this.#tailBytes = 0
  }

  /** 35 is also an 18-byte payload: it is an alert only of a client whose Finished was padded. */
  #isTail(length: number): boolean {
    const { alert, keyUpdate, paddedAlert, paddedKeyUpdate } = this.#lengths
    if (length === alert || length === keyUpdate) return true
    return this.#padded && (length === paddedAlert || length === paddedKeyUpdate)
  }

  serverBegins({ type, length }: RecordHeader): void {
    this.#counting = false
    if (type === alert && !this.#finished) this.#alertBy ??= "origin"
    if (type !== applicationData) return
    if (this.#isServerAlert(length)) {
      if (!this.#finished && this.#finishedInOneRecord()) this.#alertBy = "origin"
      return
    }
    if (!this.#finished) this.#finished = this.#finishedInOneRecord()
    if (!this.#finished) return
    this.#serverRecords++
    if (this.#isTicket(length) || this.#sent === 0) return
    this.#answering = true
    this.#counting = true
  }

  serverEnds({ length }: RecordHeader): void {
    if (this.#counting) this.#serverAppBytes += Math.max(0, length - this.#lengths.overhead)
    this.#counting = false
  }

  /** Java origins pad alerts too; an answer of exactly 18 bytes is taken for one, knowingly. */
  #isServerAlert(length: number): boolean {
    return length === this.#lengths.alert || length === this.#lengths.paddedAlert
  }

  /**
   * BoringSSL and others put client Certificate, CertificateVerify and Finished into one record: no
   * record has the size of a Finished then. That the origin goes on after it says that it was one.
   * With early data under way the origin's own flight would look the same.
   */
  #finishedInOneRecord(): boolean {
    return !this.#earlyData && this.#flightRecords > 0 && this.#alertBy !== "client"
  }

  /**
   * Most origins answer a Finished with a session ticket, OpenSSL with two of one length. A client that sends its
   * request along with its Finished gets them "after its first data". So the first record after
   * the Finished, and a second one just as long, are no answer by bytes; a first one alone
   * still counts as an answer, because an origin without tickets looks like that. On resumption
   * OpenSSL sends no new ticket (measured), so that everything is an answer then.
   */
  #isTicket(length: number): boolean {
    if (this.#resumed) return false
    if (this.#serverRecords === 1 && length >= shortestTicket && length <= longestTicket) {
      this.#ticket = { length, afterData: this.#sent > 0, second: false }
      return true
    }
    if (this.#serverRecords === 2 && this.#ticket?.length === length) {
      this.#ticket = { ...this.#ticket, second: true }
      return true
    }
    return false
  }
}
