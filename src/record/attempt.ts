/** An attempt: one client connection that we inspected or tried to (ATT&CK NSM:Inspection). */
import { z } from "zod"
import { common, decided, Party } from "./common.ts"
import { connection } from "./connection.ts"

/** What we call the end of an attempt (docs/outcomes.md). */
export const Outcome = z.enum([
  "accepted",
  "idle",
  "refused-alert",
  "refused-close",
  "refused-reset",
  "refused-after-handshake",
  "validity",
  "not-negotiated",
  "origin-failed",
  "origin-wants-client-certificate",
  "abandoned",
  "timed-out",
  "not-tls",
  "blocked",
])
export type Outcome = z.infer<typeof Outcome>

/** A point of the connection's life: milliseconds since `observed_at`, ciphertext bytes so far. */
export const Phase = z.strictObject({
  ms: z.number(),
  bytes_in: z.int(),
  bytes_out: z.int(),
})
export type Phase = z.infer<typeof Phase>

/** What is known of the connection to the origin. */
export const Upstream = z.strictObject({
  /** `verified` by this connection; `remembered` from a recent one; else why there is no good leg. */
  status: z.enum([
    "not-contacted",
    "verified",
    "remembered",
    "unreachable",
    "untrusted",
    "changed",
    "failed",
    "wants-client-certificate",
  ]),
  /** `expired`, `alert 40`, ECONNREFUSED, ...: docs/outcomes.md lists them. */
  reason: z.string().nullable(),
  /** SHA-256 (hex) of the origin's leaf certificate. */
  leaf: z.string().nullable(),
  issuer: z.string().nullable(),
  tls_version: z.string().nullable(),
  alpn: z.string().nullable(),
  client_certificate: z.enum(["none", "requested", "required"]).nullable(),
  /** Whether the origin's chain ends in a root that clients can be expected to trust: a public one,
   * or one that the operator declared (`origin-ca`); null when not known. */
  public_trust: z.boolean().nullable(),
})
export type Upstream = z.infer<typeof Upstream>

/** The facts of an attempt: what was seen, nothing of what we make of it. */
export const attemptFacts = {
  ...common,
  ...decided,
  ...connection,
  alpn_chosen: z.string().nullable(),
  tls_version: z.string().nullable(),
  cipher: z.string().nullable(),
  group: z.string().nullable(),
  /** `hello`: the whole ClientHello was read; `certificate`: our Certificate flight was written;
   * `delivered`: it was acknowledged, or bytes that answer it came; `finished`: the client's
   * Finished; `first_data`: its first application byte; `closed`: the end. */
  phases: z.strictObject({
    hello: Phase.nullable(),
    certificate: Phase.nullable(),
    delivered: Phase.nullable(),
    finished: Phase.nullable(),
    first_data: Phase.nullable(),
    closed: Phase.nullable(),
  }),
  /** Why the first bytes were no ClientHello (`not-tls`, `sslv2`, `malformed`, `too-large`). */
  hello_fault: z.string().nullable(),
  /** Alert description (RFC 8446 section 6); unknown numbers keep their number. */
  alert: z.int().min(0).max(255).nullable(),
  alert_level: z.enum(["warning", "fatal"]).nullable(),
  alert_from: z.enum(["client", "sensor"]).nullable(),
  alert_after_finished: z.boolean().nullable(),
  /** Who sent close_notify first, where it could be seen. */
  close_notify_from: z.enum(["client", "sensor"]).nullable(),
  /** How the client's connection ended and by whose act; `none` and null: it was still open when
   * the record was written, some seconds after the acceptance. */
  end: z.enum(["fin", "rst", "timeout", "none"]),
  ended_by: Party.nullable(),
  /** Decrypted bytes from the client, and bytes of the origin delivered to it. */
  client_app_bytes: z.int(),
  /** How often the client spoke after the origin had: 1 is one request, or one burst of them. */
  client_turns: z.int(),
  delivered_app_bytes: z.int(),
  /** On h2: whether a HEADERS frame came from the client (RFC 9113 section 6.2). */
  h2_headers: z.boolean().nullable(),
  /** Round-trip time and retransmissions of the client's TCP connection, where the kernel tells. */
  rtt_ms: z.number().nullable(),
  retransmits: z.int().nullable(),
  /** The leaf that was presented: SHA-256 (hex) and whether it passed our own check. */
  leaf: z.string().nullable(),
  leaf_check: z.string().nullable(),
  upstream: Upstream,
}

export const AttemptFacts = z.strictObject(attemptFacts)
export type AttemptFacts = z.infer<typeof AttemptFacts>

export const Attempt = z.strictObject({
  ...attemptFacts,
  outcome: Outcome,
  /** For refusals: whether it counts alone (`strong`) or only beside strong ones (`weak`). */
  strength: z.enum(["strong", "weak"]).nullable(),
  /** `accepted`, but one exchange and no reuse; `idle` on h2 with preface and SETTINGS only. */
  mark: z.enum(["accepted_small", "preface_only"]).nullable(),
  /** The phases in one compact word for logs, e.g. `HCDF.|fin:client` (docs/outcomes.md). */
  token: z.string(),
})
export type Attempt = z.infer<typeof Attempt>

/** Whether the outcome speaks against our certificate. */
export function isRefusal(outcome: Outcome): boolean {
  switch (outcome) {
    case "refused-alert":
    case "refused-close":
    case "refused-reset":
    case "refused-after-handshake":
      return true
    case "accepted":
    case "idle":
    case "validity":
    case "not-negotiated":
    case "origin-failed":
    case "origin-wants-client-certificate":
    case "abandoned":
    case "timed-out":
    case "not-tls":
    case "blocked":
      return false
  }
}
