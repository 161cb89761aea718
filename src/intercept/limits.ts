/** The bounds of the data path, with defaults that hold at an egress. Milliseconds and bytes. */
import { z } from "zod"
import { Duration } from "../record/duration.ts"

export const Limits = z.strictObject({
  /** Client connections at a time, in all of one worker and of one client address. */
  connections: z.int().positive().default(20_000),
  "connections-per-client": z.int().positive().default(2_000),
  /** From the connection to the end of the CONNECT head. */
  "connect-head-time": Duration.prefault("10s"),
  /** From the answer to CONNECT to the whole ClientHello. */
  "hello-time": Duration.prefault("10s"),
  /** From our answer to the client's Finished. */
  "handshake-time": Duration.prefault("30s"),
  /** From dialling the origin to its verified handshake. */
  "upstream-time": Duration.prefault("10s"),
  /** Without a byte in either direction. */
  "idle-time": Duration.prefault("15m"),
  /** An accepted attempt is recorded when it closes, and at the latest so long after acceptance. */
  "record-after": Duration.prefault("5s"),
  /** At the end of the sensor: how long open connections may go on. */
  "drain-time": Duration.prefault("5s"),
})
export type Limits = z.infer<typeof Limits>
