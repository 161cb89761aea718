/** A posture: what MDM says of one device and profile at one time. */
import { z } from "zod"
import { common, Profile } from "./common.ts"

const unknown = z.boolean().nullable().default(null)

/** Whether and how the inspection CA is trusted. On Android a user-store CA is ignored by most apps. */
export const InspectionCaTrust = z.enum([
  "system",
  "mdm-trusted",
  "user-store",
  "absent",
  "unknown",
])
export type InspectionCaTrust = z.infer<typeof InspectionCaTrust>

export const InstalledApp = z.strictObject({
  app_id: z.string().min(1),
  name: z.string().nullable().default(null),
  version: z.string().nullable().default(null),
  signer_sha256: z.string().nullable().default(null),
  managed: unknown,
})
export type InstalledApp = z.infer<typeof InstalledApp>

export const Posture = z.strictObject({
  ...common,
  device_id: z.string().min(1),
  profile: Profile.default("device"),
  managed: unknown,
  supervised: unknown,
  compliant: unknown,
  jailbroken: unknown,
  inspection_ca: InspectionCaTrust.default("unknown"),
  /** Apps of this profile; null when the source did not say, [] when it said there are none. */
  apps: z.array(InstalledApp).nullable().default(null),
  /** `apps` names only some of what is installed: an app that is not on it may be there. */
  apps_partial: z.boolean().default(false),
  source: z.string().min(1).default("import"),
})
export type Posture = z.infer<typeof Posture>
