/** The bounds of the data path, with defaults that hold at an egress. Milliseconds and bytes. */
import { z } from "zod"
import { Duration } from "../record/duration.ts"

/** Node's timers count in 31 bits; beyond, they would fire at once. */
const longest = 2 ** 31 - 1

/** None of these can be switched off: 0 would mean never to some timers and at once to others. */
const Time = Duration.refine((ms) => ms > 0 && ms <= longest, "write a time of 1ms to 24d")

export const Limits = z.strictObject({
  /** Client connections at a time, in all of one worker and of one client address. */
  connections: z.int().positive().default(20_000),
  "connections-per-client": z.int().positive().default(2_000),
  /** From the connection to the end of the CONNECT head. */
  "connect-head-time": Time.prefault("10s"),
  /** From the answer to CONNECT to the whole ClientHello. */
  "hello-time": Time.prefault("10s"),
  /** From our answer to the client's Finished. */
  "handshake-time": Time.prefault("30s"),
  /** From dialling the origin to its verified handshake. */
  "upstream-time": Time.prefault("10s"),
  /** Without a byte in either direction. A reader that takes nothing counts as silent. */
  "idle-time": Time.prefault("15m"),
  /**
   * The same once one side has ended (RFC 5382 REQ-5 has a NAT keep half-closed connections for
   * 4 minutes at least, so a path with one in it drops them about then).
   */
  "half-closed-time": Time.prefault("4m"),
  /** An accepted attempt is recorded when it closes, and at the latest so long after acceptance. */
  "record-after": Time.prefault("5s"),
  /** At the end of the sensor: how long open connections may go on. */
  "drain-time": Duration.refine((ms) => ms <= longest, "write a time of 0s to 24d").prefault("5s"),
  /** A process that says nothing for so long is hung: it is ended and replaced. */
  "hung-time": Time.prefault("30s"),
})
export type Limits = z.infer<typeof Limits>
