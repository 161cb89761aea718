/** RADIUS accounting files that are followed live. */
import { z } from "zod"
import { Duration } from "../../record/duration.ts"

/** Names of devices that a pattern may find in a User-Name. */
export const namedGroups = ["user", "serial", "udid", "imei", "mdm_id"] as const

const UserPattern = z.string().superRefine((text, context) => {
  const refuse = (message: string) => context.addIssue({ code: "custom", message })
  try {
    new RegExp(text)
  } catch (error) {
    return refuse(`is no regular expression: ${error instanceof Error ? error.message : ""}`)
  }
  const groups = [...text.matchAll(/\(\?<(\w+)>/g)].map(([, name = ""]) => name)
  const allowed: readonly string[] = namedGroups
  if (groups.length === 0 || !groups.every((name) => allowed.includes(name)))
    refuse(`needs a named group, one of ${namedGroups.join(", ")}: ^(?<serial>[A-Z0-9]+)@mdm$`)
})

export const RadiusSettings = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/),
  /** FreeRADIUS `detail` files; `*` in the last part of the path matches the day. */
  file: z.string().min(1),
  /** The realm of its addresses; null: the site of this sensor. */
  realm: z.string().min(1).nullable().default(null),
  /** Realms by the server that accounts, or by network name; the first that fits counts. */
  realms: z
    .array(
      z.strictObject({
        /** NAS-IP-Address, NAS-IPv6-Address or NAS-Identifier. */
        nas: z.string().min(1).nullable().default(null),
        /** What follows the last colon of Called-Station-Id. */
        ssid: z.string().min(1).nullable().default(null),
        realm: z.string().min(1),
      }),
    )
    .max(1_000)
    .default([]),
  /** What the accounting proves: `vpn` for a gateway's, `device-certificate` where each user name is a
   * device's, authenticated by its certificate (EAP-TLS). */
  source: z.enum(["radius", "vpn", "device-certificate"]).default("radius"),
  confidence: z.number().min(0).max(1).default(0.9),
  /** A session of which nothing is heard for so long has ended. */
  silence: Duration.refine((ms) => ms >= 60_000, "must be at least 1m").prefault("12h"),
  /** User names that name a device, as in machine certificates; the first that fits counts. */
  "user-names": z.array(UserPattern).max(20).default([]),
})
export type RadiusSettings = z.infer<typeof RadiusSettings>
