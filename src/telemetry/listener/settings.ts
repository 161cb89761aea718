/** Where telemetry is received: address, TLS, who may connect, and how much anybody may take up. */
import { z } from "zod"
import { Duration } from "../../record/duration.ts"

/** HOST:PORT, with IPv6 in brackets; port 0 lets the system choose. */
export const ListenAddress = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/, "write HOST:PORT")
  .refine((text) => listenPort(text) <= 65535, "a port is at most 65535")

const Network = z.union([z.ipv4(), z.cidrv4(), z.ipv6(), z.cidrv6()], {
  error: "write a network as 192.0.2.0/24, 2001:db8::/32 or one address",
})

const file = z.string().min(1)
const bytes = z.int().min(1024)
const MiB = 1024 * 1024

/** Every limit is of one listener. What is beyond one is refused, and the producer repeats it. */
export const ListenerLimits = z.strictObject({
  /** Open at a time; half of them by one address. */
  connections: z.int().min(2).max(100_000).default(256),
  /** Read or stored at a time; half of them by one address. Each may hold `body-bytes` in memory. */
  requests: z.int().min(2).max(1_000).default(16),
  /** Of one body as it is sent, packed or not. */
  "body-bytes": bytes.max(64 * MiB).default(10 * MiB),
  /** TLS handshake, and then the head of a request. */
  "head-time": Duration.prefault("10s"),
  /** From the first byte of a request to its last. */
  "request-time": Duration.prefault("30s"),
  /** A connection without a request is kept open so long. */
  "idle-time": Duration.prefault("60s"),
})
export type ListenerLimits = z.infer<typeof ListenerLimits>

/** Of every listener; `listen` is said by the one who has it. */
export const listenerKeys = {
  /** PEM files; null: plain HTTP, which leaves this machine only if `plain` says so. */
  tls: z
    .strictObject({
      cert: file,
      key: file,
      /** Clients must show a certificate of this CA. */
      "client-ca": file.nullable().default(null),
    })
    .nullable()
    .default(null),
  /** Something in front ends TLS, on a way that nobody else can read. */
  plain: z.boolean().default(false),
  /** Networks that may connect; empty: this machine and private networks. */
  "allow-client": z.array(Network).max(1_000).default([]),
}

export interface ListenerSettings {
  listen: string
  tls: { cert: string; key: string; "client-ca": string | null } | null
  plain: boolean
  "allow-client": readonly string[]
  limits: ListenerLimits
}

export const ownListener = z
  .strictObject({
    listen: ListenAddress,
    ...listenerKeys,
    limits: ListenerLimits.prefault({}),
  })
  .superRefine((settings, context) => {
    const fault = plainFault(settings)
    if (fault) context.addIssue({ code: "custom", path: ["tls"], message: fault })
  })

/** Why telemetry must not be received in the clear there; null if it may. */
export function plainFault({
  listen,
  tls,
  plain,
}: Pick<ListenerSettings, "listen" | "tls" | "plain">): string | null {
  if (tls !== null || plain || isLoopback(listenHost(listen))) return null
  return `${listen} can be reached from other machines: give tls: { cert, key }, or say plain: true where something in front ends TLS`
}

export function listenHost(text: string): string {
  return text.slice(0, text.lastIndexOf(":")).replace(/^\[|\]$/g, "")
}

export function listenPort(text: string): number {
  return Number(text.slice(text.lastIndexOf(":") + 1))
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host)
}
