/** What passed on one connection, in the words of the client and of the network. */
import type { AttemptFacts } from "../../../src/record/attempt.ts"
import type { Ending, TlsVersion } from "./stacks.ts"

export type Exchange =
  /** Requests and answers. */
  | { kind: "used"; turns: number; asked: number; answered: number; lastsMs: number }
  /** The client would not go on. */
  | { kind: "ended"; ending: Ending }
  /** A connection that nobody needed; `preface`: h2's preface and SETTINGS had left already. */
  | { kind: "unused"; lastsMs: number; preface: boolean }
  /** The origin is no good, or cannot be reached. */
  | { kind: "no-origin"; status: AttemptFacts["upstream"]["status"]; reason: string }
  /** The network ate it, by then: nothing of ours, our ServerHello, our Certificate was through. With `leftAfterMs` the
   * client dropped it so long after it began, for a race that it lost. */
  | {
      kind: "lost"
      before: "hello" | "certificate" | "finished"
      how: "rst" | "timeout" | "fin"
      leftAfterMs?: number
    }

/** How the way between client and sensor was. */
export interface Way {
  /** By an earlier session's ticket: no certificate is shown. */
  resumed: boolean
  tls: TlsVersion
  /** Round trip, in milliseconds. */
  rttMs: number
  /** How many times slower than the machine that the rows were measured on. */
  slowness: number
  /** Nobody remembered the origin: it was asked before the client got our Certificate. */
  firstContact: boolean
}
