/** The webhook that mobile EDR sends its events to: docs/telemetry.md. */
import { z } from "zod"
import { AnyTimestamp } from "../../record/common.ts"
import { Duration } from "../../record/duration.ts"
import { Secret } from "../../source/secret.ts"
import { ListenAddress, ListenerLimits, listenerKeys, plainFault } from "../listener/settings.ts"

const MiB = 1024 * 1024

const Key = z.strictObject({
  /** What `X-Pinsensor-Key` says; no secret. */
  id: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, "1-64 letters, digits, dots, hyphens"),
  secret: Secret,
  /** From then on it is refused; null: never. */
  until: AnyTimestamp.nullable().default(null),
})

/** A producer. It has two keys while one takes the other's place. */
const Sender = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/, "1-41 lower-case letters, digits, hyphens"),
  /** Whose events they are; null: the sensor's own tenant. */
  tenant: z.string().min(1).nullable().default(null),
  /** What `source` may be in its events. */
  sources: z.array(z.string().min(1).max(256)).min(1).max(100),
  keys: z.array(Key).min(1).max(8),
})
export type SenderSettings = z.infer<typeof Sender>

export const WebhookSettings = z
  .strictObject({
    /** HOST:PORT; null: none. */
    listen: ListenAddress.nullable().default(null),
    ...listenerKeys,
    limits: ListenerLimits.extend({
      /** Of one body once it is unpacked. */
      "unpacked-bytes": z
        .int()
        .min(1024)
        .max(256 * MiB)
        .default(32 * MiB),
      /** A body that grows more than so many times when it is unpacked is a bomb. */
      "unpacked-ratio": z.int().min(1).max(1_000).default(200),
      /** Events in one body. */
      lines: z.int().min(1).max(1_000_000).default(50_000),
      "line-bytes": z.int().min(256).max(MiB).default(65_536),
    }).prefault({}),
    senders: z.array(Sender).max(100).default([]),
    /** A timestamp may be so far from our clock, before or after. */
    "replay-window": Duration.prefault("5m"),
    /** An event that is further ahead of our clock is refused. */
    "most-ahead": Duration.prefault("1d"),
  })
  .superRefine((settings, context) => {
    const refuse = (path: PropertyKey[], message: string) =>
      context.addIssue({ code: "custom", path, message })
    const { listen, senders } = settings
    const fault = listen === null ? null : plainFault({ ...settings, listen })
    if (fault) refuse(["tls"], fault)
    for (const what of ["name", "key id"] as const) {
      const seen = new Set<string>()
      for (const [index, { name, keys }] of senders.entries())
        for (const one of what === "name" ? [name] : keys.map(({ id }) => id)) {
          if (seen.has(one)) refuse(["senders", index], `the ${what} ${one} is taken`)
          seen.add(one)
        }
    }
  })
export type WebhookSettings = z.infer<typeof WebhookSettings>
