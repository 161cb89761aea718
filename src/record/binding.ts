/** A binding: an address in a realm belonged to a device from one time to another, says a source. */
import { z } from "zod"
import { AnyTimestamp, common } from "./common.ts"

/** Best first (docs/identity.md): what each proves differs. */
export const BindingSource = z.enum([
  "device-certificate",
  "vpn",
  "radius",
  "proxy-user",
  "dhcp",
  "import",
  "mdm",
])
export type BindingSource = z.infer<typeof BindingSource>

export const Binding = z.strictObject({
  ...common,
  /** The realm (site, VRF) in which the address is meant; defaults to the record's site. */
  realm: z.string().nullable().default(null),
  /** An address, or a prefix (2001:db8:0:1::/64) where the network gives one to each device. */
  address: z.string().min(1),
  /** Half open: from `valid_from`, up to but not including `valid_to`; null while it lasts. */
  valid_from: AnyTimestamp,
  valid_to: AnyTimestamp.nullable().default(null),
  device_id: z.string().min(1),
  source: BindingSource.default("import"),
  /** 0 to 1; two devices with equal confidence make the address ambiguous. */
  confidence: z.number().min(0).max(1).default(0.8),
  /** Declared by the operator: several devices stand behind this address. */
  shared: z.boolean().default(false),
})
export type Binding = z.infer<typeof Binding>
