/** An enterprise of the Android Management API that is read. */
import { z } from "zod"
import { Secret } from "../../../source/secret.ts"
import { MdmUrl, polled } from "../poll-settings.ts"

export const AndroidManagementSettings = z.strictObject({
  kind: z.literal("android-management"),
  ...polled,
  /** As in `enterprises/LC0123456789`. */
  enterprise: z
    .string()
    .regex(/^enterprises\/[A-Za-z0-9_-]{1,64}$/, "write enterprises/ID, as Google names it"),
  /** The key file (JSON) of a service account that may do no more than read this enterprise. */
  "service-account": Secret,
  url: MdmUrl.default("https://androidmanagement.googleapis.com"),
  /** Where the assertion is exchanged for a token; what the key file says of it is not believed. */
  "token-url": MdmUrl.default("https://oauth2.googleapis.com/token"),
  /** Reads each policy that a device applies once a sweep: it tells which apps are managed. Takes no
   * further permission. */
  "read-policies": z.boolean().default(true),
  /** The inspection CA by its SHA-256 (hex, of the DER): policies that hand it out say so. They are
   * read with their network configuration then, in which Wi-Fi passwords stand. null: nothing is said. */
  "inspection-ca": z
    .strictObject({
      sha256: z
        .array(
          z
            .string()
            .toLowerCase()
            .regex(
              /^[0-9a-f]{64}$/,
              "write 64 hexadecimal digits, as `pinsensor ca show` prints them",
            ),
        )
        .min(1)
        .max(10),
    })
    .nullable()
    .default(null),
})
export type AndroidManagementSettings = z.infer<typeof AndroidManagementSettings>

export function androidManagementSecrets(
  settings: AndroidManagementSettings,
): [key: string, secret: Secret][] {
  return [["service-account", settings["service-account"]]]
}
