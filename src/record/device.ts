/** A device as inventory knows it. The latest record of an id is the device; older ones are history. */
import { z } from "zod"
import { common, Platform } from "./common.ts"

const text = z.string().min(1).nullable().default(null)

/** Whose it is, as an MDM or a person said. On a person's own device an MDM speaks of a profile of it. */
export const Ownership = z.enum(["company", "personal", "unknown"])
export type Ownership = z.infer<typeof Ownership>

export const Device = z.strictObject({
  ...common,
  /** Our stable key of the device; what bindings, postures and findings refer to. */
  device_id: z.string().min(1),
  platform: Platform,
  os_version: text,
  model: text,
  mdm_id: text,
  serial: text,
  udid: text,
  imei: text,
  /** Lower case with colons. A locally administered address never matches an inventory address. */
  wifi_mac: text,
  /** The person it belongs to, as the directory names them. */
  user: text,
  groups: z.array(z.string()).default([]),
  /** Where this came from: intune, jamf, import, ... */
  source: z.string().min(1).default("import"),
  ownership: Ownership.default("unknown"),
})
export type Device = z.infer<typeof Device>
