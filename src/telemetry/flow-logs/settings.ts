/** Logs of Zeek and Suricata that are followed live. */
import { z } from "zod"
import { Duration } from "../../record/duration.ts"

const bytes = z.int().min(0).max(1_000_000)

/**
 * What a handshake alone may take, in bytes of payload: only more than that, both ways, is use. The logs show
 * sums and no records, so each is what the largest usual handshake takes (docs/flows.md has the arithmetic).
 */
export const HandshakeAllowance = z.strictObject({
  /** ClientHello with a hybrid key share (1.7-1.9 KB), key exchange, Finished and the closing alert. */
  client: bytes.default(2_200),
  /** Hybrid share, chain of certificates with staples (3-6 KB), session tickets. */
  server: bytes.default(8_192),
  /** QUIC pads its first datagrams to 1200 bytes and sends them again where the answer is late. */
  "quic-client": bytes.default(8_192),
  /** As TCP, and padding, probes of the path, and the whole flight once more. */
  "quic-server": bytes.default(16_384),
})
export type HandshakeAllowance = z.infer<typeof HandshakeAllowance>

const either = {
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/),
  /** The realm of the client addresses that it sees; null: the site of this sensor. */
  realm: z.string().min(1).nullable().default(null),
  /** Whether its flows may be control observations. False for a tap that sees clients under other addresses
   * than the sensor does (behind a NAT): there nothing tells our sessions from theirs. */
  control: z.boolean().default(true),
  /** Ports on which a connection that was not answered counts as a direct try: it has no ClientHello. */
  ports: z.array(z.int().min(1).max(65_535)).max(64).default([443]),
  /** How long one part of a session waits for the others before it is stored as what is known. */
  wait: Duration.prefault("15m"),
  handshake: HandshakeAllowance.prefault({}),
}

const path = z.string().min(1)

export const ZeekLogSettings = z.strictObject({
  ...either,
  kind: z.literal("zeek"),
  /** conn.log has the bytes, ssl.log and quic.log have the names. */
  files: z.strictObject({ ssl: path, conn: path, quic: path.nullable().default(null) }),
})
export type ZeekLogSettings = z.infer<typeof ZeekLogSettings>

export const SuricataLogSettings = z.strictObject({
  ...either,
  kind: z.literal("suricata"),
  /** eve.json with the event types tls, quic and flow. */
  eve: path,
})
export type SuricataLogSettings = z.infer<typeof SuricataLogSettings>

export const FlowLogSettings = z.discriminatedUnion("kind", [ZeekLogSettings, SuricataLogSettings])
export type FlowLogSettings = z.infer<typeof FlowLogSettings>
