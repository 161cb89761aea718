/** A flow: one opaque TLS session seen without inspection (ATT&CK NSM:Flow). */
import { z } from "zod"
import { common, decided, Party } from "./common.ts"
import { connection } from "./connection.ts"

/** What record types and lengths say of an opaque session (docs/outcomes.md). */
export const FlowVerdict = z.enum([
  "used",
  "sent-only",
  "established-unused",
  "failed",
  /** A direct try that the firewall blocked: a retry, but no control observation. */
  "direct-attempted",
  /** The log of a flow sensor does not tell: its bytes may be a handshake alone, or more than that. */
  "undecided",
])
export type FlowVerdict = z.infer<typeof FlowVerdict>

export const Flow = z.strictObject({
  ...common,
  ...decided,
  ...connection,
  /** `sensor`: spliced by us. The others saw the session around us. */
  source: z.enum(["sensor", "zeek", "suricata", "import"]),
  /** May serve as a control observation: a trial splice, or a session around the proxy, unless the join
   * finds it to be one of ours that a tap saw. */
  control: z.boolean(),
  /** Register entry that caused the splice. */
  register_entry: z.string().nullable(),
  network: z.enum(["tcp", "quic"]),
  verdict: FlowVerdict,
  reason: z.string(),
  /** Used, with at least 200 application bytes in each direction. */
  strong: z.boolean(),
  /** Judged from the lengths of encrypted records (TLS 1.3). */
  estimated: z.boolean(),
  tls_version: z.string().nullable(),
  cipher: z.string().nullable(),
  client_bytes: z.int(),
  server_bytes: z.int(),
  duration_ms: z.number(),
  end: z.enum(["fin", "rst", "timeout", "none"]),
  ended_by: Party.nullable(),
})
export type Flow = z.infer<typeof Flow>
