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
 * Record lengths that a NewSessionTicket may have: 74 for a bare session id, 147 for Go's tickets, 282 for
 * OpenSSL's, 709 for JSSE's. What the client said of itself (its certificate) may come on top.
 */
const shortestTicket = 60
const longestTicket = 1400
/** No record with a certificate in it is shorter; an empty Certificate takes 25, padded 41. */
const emptyCertificate = 64
/** By how much two tickets with a client certificate in them may differ (OpenSSL's: 650 and 666). */
const ticketsDiffer = 16

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
  /** That the origin went on was all that said so. */
  #inferred = false
  #padded = false
  #flightRecords = 0
  #flightBytes = 0
  #originFinished = false
  #originPads = false
  #ticketBefore = false
  #refused = false
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
    const lone = ticket?.afterData === true && !ticket.second && !this.#mustTicket()
    return {
      finished: this.#finished,
      alertBy: this.#alertBy,
      refused: this.#refused,
      sent: this.#sent,
      answered: this.#answering || lone,
      clientAppBytes: this.#clientAppBytes,
      serverAppBytes: this.#serverAppBytes,
      pendingBytes:
        lone && this.#resumed && !this.#earlyData ? ticket.length - this.#lengths.overhead : 0,
    }
  }

  clientEnds({ type, length }: RecordHeader): void {
    if (type === alert && !this.#finished) this.#alertBy ??= "client"
    if (type !== applicationData) return
    if (!this.#finished || this.#isLateFinished(length)) this.#beforeFinished(length)
    else this.#afterFinished(length)
  }

  /** Go's origins send their ticket behind the client's CertificateVerify: its Finished is still to come. */
  #isLateFinished(length: number): boolean {
    const late = this.#inferred && this.#sent === 0 && this.#lengths.finished.has(length)
    this.#inferred = false
    return late
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
      this.#flightBytes += length
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
    if (!this.#finished && !this.#askedForCertificate()) return this.#originFlight(length)
    if (this.#isServerAlert(length)) {
      if (!this.#finished && this.#finishedInOneRecord()) this.#alertBy = "origin"
      if (this.#refusesClient()) this.#refused = true
      return
    }
    this.#refused = false
    if (!this.#finished) this.#finished = this.#inferred = this.#finishedInOneRecord()
    if (!this.#finished) return
    this.#serverRecords++
    if (this.#isTicket(length) || this.#sent === 0) return
    this.#answering = true
    this.#counting = true
  }

  /**
   * The origin's Finished stands at the end of its flight and shows whether its stack pads. Go's origins do not
   * wait for the client's Finished with their ticket: what comes later is none then.
   */
  #originFlight(length: number): void {
    const { finished, paddedFinished } = this.#lengths
    if (finished.has(length)) {
      this.#originFinished = true
      this.#originPads = length === paddedFinished
      this.#ticketBefore = false
    } else if (this.#originFinished && length >= shortestTicket && length <= longestTicket) {
      this.#ticketBefore = true
    }
  }

  serverEnds({ length }: RecordHeader): void {
    if (this.#counting) this.#serverAppBytes += Math.max(0, length - this.#lengths.overhead)
    this.#counting = false
  }

  /** 35 is also an answer of 18 bytes: it is an alert only of an origin whose Finished was padded. */
  #isServerAlert(length: number): boolean {
    return (
      length === this.#lengths.alert || (this.#originPads && length === this.#lengths.paddedAlert)
    )
  }

  /**
   * An origin that asked for a client certificate says no in its first record after the client's flight; by
   * then a client of TLS 1.3 holds the session for established, and may have sent its request. An alert in
   * answer to the client's own is a farewell.
   */
  #refusesClient(): boolean {
    return (
      this.#finished &&
      this.#askedForCertificate() &&
      this.#serverRecords === 0 &&
      this.#tailRecords === 0
    )
  }

  /** Records of the client before its Finished: its Certificate, be it an empty one, or early data. */
  #askedForCertificate(): boolean {
    return this.#flightRecords > 0 && !this.#earlyData
  }

  /** JSSE's origins send a ticket, one, and so did all that were seen once they had a client's certificate. */
  #mustTicket(): boolean {
    return this.#originPads || (this.#askedForCertificate() && this.#flightBytes > emptyCertificate)
  }

  /**
   * BoringSSL and others put client Certificate, CertificateVerify and Finished into one record: no
   * record has the size of a Finished then. That the origin goes on after it says that it was one.
   * With early data under way the origin's own flight would look the same.
   */
  #finishedInOneRecord(): boolean {
    return this.#askedForCertificate() && this.#alertBy !== "client"
  }

  /**
   * Most origins answer a Finished with a session ticket, OpenSSL with two of one length. A client that sends its
   * request along with its Finished gets them "after its first data". So the first record after
   * the Finished, and a second one just as long, are no answer by bytes; a first one alone
   * still counts as an answer, because an origin without tickets looks like that. On resumption
   * OpenSSL's origins send no new ticket, GnuTLS's send two (measured): a lone one is an answer by
   * its bytes too then, once no second one has followed.
   */
  #isTicket(length: number): boolean {
    if (this.#ticketBefore) return false
    const longest = longestTicket + (this.#askedForCertificate() ? this.#flightBytes : 0)
    if (this.#serverRecords === 1 && length >= shortestTicket && length <= longest) {
      this.#ticket = { length, afterData: this.#sent > 0, second: false }
      return true
    }
    if (this.#serverRecords === 2 && this.#ticket && this.#isAlike(length, this.#ticket.length)) {
      this.#ticket = { ...this.#ticket, second: true }
      return true
    }
    return false
  }

  #isAlike(length: number, first: number): boolean {
    return Math.abs(length - first) <= (this.#askedForCertificate() ? ticketsDiffer : 0)
  }
}
