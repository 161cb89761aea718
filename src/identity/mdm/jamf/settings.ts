/** What the operator configures of Jamf Pro. */
import { z } from "zod"
import { Duration } from "../../../record/duration.ts"
import { Secret } from "../../../source/secret.ts"
import { MdmUrl, polled } from "../poll-settings.ts"

export const JamfSettings = z.strictObject({
  kind: z.literal("jamf"),
  ...polled,
  /** https://NAME.jamfcloud.com, or that of an own server, with a path before /api if it has one. */
  url: MdmUrl,
  /** Device ids begin so: a second Jamf server, whose ids are small numbers too, needs another. */
  "device-prefix": z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,40}$/)
    .default("jamf"),
  "client-id": z.string().regex(/^[\x21-\x7e]{1,128}$/),
  "client-secret": Secret,
  /** Jamf's own largest page is 2,000; with apps that is more than `max-page` may hold. */
  "page-size": z.int().min(1).max(2_000).default(200),
  /** Profiles (identifier, UUID or display name) that carry the inspection CA. */
  "inspection-ca": z
    .strictObject({ profiles: z.array(z.string().min(1).max(200)).min(1).max(50) })
    .nullable()
    .default(null),
  /** Jamf's last address of a device as a hint of who it is; null: not used. Often it is the address
   * after NAT, or one of another network, so it is believed for a short time and little. */
  "address-hint": z
    .strictObject({
      for: Duration.prefault("30m"),
      /** The realm in which it is meant; null: the site. */
      realm: z.string().min(1).nullable().default(null),
    })
    .nullable()
    .prefault({}),
})
export type JamfSettings = z.infer<typeof JamfSettings>
