/** An MDM that is read by a mapping file. */
import { z } from "zod"
import { Duration } from "../../../record/duration.ts"
import { Secret } from "../../../source/secret.ts"
import { MdmUrl, polled } from "../poll-settings.ts"

const Name = z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, "write a name such as api-key")

export const HttpInventorySettings = z.strictObject({
  kind: z.literal("http"),
  ...polled,
  /** The reviewed mapping file (docs/mdm.md); `check-config` prints its name, review and sum. */
  mapping: z.string().min(1),
  /** Nothing is read by a mapping file with another SHA-256 than this; null: whatever the file says. */
  "mapping-sha256": z
    .string()
    .regex(/^[0-9a-f]{64}$/, "write the 64 hexadecimal digits that check-config prints")
    .nullable()
    .default(null),
  /** The server that is asked. The mapping's paths are below it, and nothing leads elsewhere. */
  url: MdmUrl,
  /** Where a token is asked for, if the mapping asks for one at another server. */
  "token-url": MdmUrl.nullable().default(null),
  /** The credentials by the names that the mapping gives them. */
  secrets: z.record(Name, Secret).default({}),
  /** What else the mapping leaves open: an organization group, a fleet. */
  values: z.record(Name, z.string().min(1).max(200)).default({}),
  /** The last address of a device, where the mapping has one, as a hint of who it is; null: not used. */
  "address-hint": z
    .strictObject({
      for: Duration.prefault("30m"),
      /** The realm in which it is meant; null: the site. */
      realm: z.string().min(1).nullable().default(null),
    })
    .nullable()
    .default(null),
})
export type HttpInventorySettings = z.infer<typeof HttpInventorySettings>

export function httpInventorySecrets(
  settings: HttpInventorySettings,
): [key: string, secret: Secret][] {
  return Object.entries(settings.secrets).map(([name, secret]) => [`secrets.${name}`, secret])
}
