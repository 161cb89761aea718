/** Settings of alerting and of its syslog sinks, as they stand in the configuration file. */
import { z } from "zod"
import { Duration } from "../record/duration.ts"
import { Confidence } from "../record/finding.ts"

export const AlertSettings = z.strictObject({
  /** The least confidence that is sent; what is below stays in the store and the web view. */
  "minimum-confidence": Confidence.exclude(["record"]).default("medium"),
  /** For so long an incident is not told twice at a level that was told already. */
  "suppress-for": Duration.prefault("24h"),
  /** So many alerts a tenant and day (UTC) are opened or raised; then those of medium level wait, and a digest tells
   * of them. null: no budget. */
  budget: z.int().min(1).nullable().default(50),
})
export type AlertSettings = z.infer<typeof AlertSettings>

/** RFC 5424 section 6.2.1, table 1, under the names that syslog configurations use. */
export const FACILITIES = {
  kern: 0,
  user: 1,
  mail: 2,
  daemon: 3,
  auth: 4,
  syslog: 5,
  lpr: 6,
  news: 7,
  uucp: 8,
  cron: 9,
  authpriv: 10,
  ftp: 11,
  ntp: 12,
  audit: 13,
  console: 14,
  "solaris-cron": 15,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const
const facilityNames = Object.keys(FACILITIES) as (keyof typeof FACILITIES)[]

const Transport = z.enum(["udp", "tcp", "tls"])

/**
 * Port: 514 for UDP (RFC 5426 section 3.3) and by custom for TCP (RFC 6587 assigns none), 6514 for
 * TLS (RFC 5425 section 4.1).
 * Size of a message: rsyslog 8.2302 cuts at 8096 bytes unless told otherwise (measured); a UDP receiver
 * SHOULD take 2048 octets (RFC 5426 section 3.2). Longer messages lose detail, never their shape.
 */
const BY_TRANSPORT = {
  udp: { port: 514, maxBytes: 2048 },
  tcp: { port: 514, maxBytes: 8000 },
  tls: { port: 6514, maxBytes: 8000 },
} as const

/** One syslog receiver. */
export const SyslogSettings = z
  .strictObject({
    transport: Transport,
    /** Name or address. With TLS its certificate must carry this name, or `server-name`. */
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).optional(),
    /** How a TCP stream is cut into messages; TLS knows octet counting only (RFC 5425 4.3). */
    framing: z.enum(["octet-counting", "lf"]).default("octet-counting"),
    /** local0: the facilities that receivers leave to the site for routing. */
    facility: z.enum(facilityNames).default("local0"),
    "app-name": z.string().min(1).default("pinsensor"),
    /** HOSTNAME of the messages; null: the name of the machine. */
    hostname: z.string().min(1).nullable().default(null),
    /**
     * IANA private enterprise number after the `@` of the structured data's id. The default, 32473, is
     * reserved for examples (RFC 5612): give your own where others read the messages.
     */
    "enterprise-number": z.int().min(1).max(4_294_967_295).default(32_473),
    /** The longest message in bytes, frame not counted. */
    "max-bytes": z.int().min(2048).max(65_000).optional(),
    /** TLS: PEM file of the CAs that vouch for the receiver; null: those that Node trusts. */
    ca: z.string().min(1).nullable().default(null),
    /** TLS: PEM files of our own certificate and key, where the receiver asks for one. */
    cert: z.string().min(1).nullable().default(null),
    key: z.string().min(1).nullable().default(null),
    /** TLS: the name that the receiver's certificate must carry, where it is not `host`. */
    "server-name": z.string().min(1).nullable().default(null),
    /** Stable pseudonyms in place of devices, people and client addresses, as `export --pseudonyms` has them. */
    pseudonyms: z.boolean().default(false),
  })
  .superRefine((sink, context) => {
    for (const message of faults(sink)) {
      context.issues.push({ code: "custom", input: sink, message })
    }
  })
  .transform((sink) => ({
    ...sink,
    port: sink.port ?? BY_TRANSPORT[sink.transport].port,
    "max-bytes": sink["max-bytes"] ?? BY_TRANSPORT[sink.transport].maxBytes,
  }))
export type SyslogSettings = z.infer<typeof SyslogSettings>

/** `udp|tcp|tls://HOST[:PORT]` as given on the command line, with every other setting's default. */
export function syslogTarget(text: string): SyslogSettings {
  const found =
    /^(udp|tcp|tls):\/\/(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/@?#[\]]+))(?::(\d{1,5}))?\/?$/.exec(text)
  if (!found) {
    throw new Error(
      `syslog: "${text}" is not a target; write udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT`,
    )
  }
  const [, transport, address6, host, port] = found
  const sink = SyslogSettings.safeParse({
    transport,
    host: address6 ?? host,
    ...(port === undefined ? {} : { port: Number(port) }),
  })
  if (sink.success) return sink.data
  throw new Error(`syslog: "${text}" is not a target: ${z.prettifyError(sink.error)}`)
}

/** The name under which a sink's rows stand in the outbox: the same over restarts. */
export function sinkName(sink: SyslogSettings): string {
  const host = sink.host.includes(":") ? `[${sink.host}]` : sink.host
  return `syslog+${sink.transport}://${host}:${sink.port}`
}

type SinkInput = Pick<
  SyslogSettings,
  "transport" | "framing" | "ca" | "cert" | "key" | "server-name"
>

function faults(sink: SinkInput): string[] {
  const found: string[] = []
  if (sink.transport === "tls") {
    if (sink.framing === "lf") found.push("tls takes framing octet-counting only (RFC 5425)")
    if ((sink.cert === null) !== (sink.key === null)) found.push("cert and key go together")
    return found
  }
  for (const name of ["ca", "cert", "key", "server-name"] as const) {
    if (sink[name] !== null) found.push(`${name} is for transport tls, not ${sink.transport}`)
  }
  return found
}
