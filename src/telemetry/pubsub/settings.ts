/** Android Management's usage logs, pushed by Pub/Sub: docs/telemetry.md. */
import { z } from "zod"
import { Duration } from "../../record/duration.ts"
import { ownListener } from "../listener/settings.ts"

const text = z.string().min(1)

export const PubSubSettings = z
  .strictObject({
    enabled: z.boolean().default(false),
    /** A listener of its own: listen, tls, plain, allow-client, limits; null: the webhook's. */
    listener: ownListener.nullable().default(null),
    /** What the push subscription was told to put into its tokens as `aud`. */
    audience: text.nullable().default(null),
    /** E-mail of the service account that the subscription pushes as. */
    "service-account": text.nullable().default(null),
    /** Where the issuer's public keys (JWKS) are. */
    "keys-url": z
      .url({ protocol: /^https?$/ })
      .default("https://www.googleapis.com/oauth2/v3/certs"),
    issuers: z.array(text).min(1).default(["https://accounts.google.com", "accounts.google.com"]),
    /** An event that is further ahead of our clock is refused. */
    "most-ahead": Duration.prefault("1d"),
  })
  .superRefine((settings, context) => {
    const refuse = (path: PropertyKey[], message: string) =>
      context.addIssue({ code: "custom", path, message })
    const keys = new URL(settings["keys-url"])
    const here = ["127.0.0.1", "[::1]", "localhost"].includes(keys.hostname)
    if (keys.protocol !== "https:" && !here)
      refuse(["keys-url"], "must be https: who changes the keys on the way signs tokens")
    if (!settings.enabled) return
    for (const key of ["audience", "service-account"] as const)
      if (settings[key] === null)
        refuse([key], "is needed: without it any Google customer could push here")
  })
export type PubSubSettings = z.infer<typeof PubSubSettings>
