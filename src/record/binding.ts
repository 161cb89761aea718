/**
 * A binding: an address in a realm belonged to a device from one time to another, says a source.
 *
 * A lease or an accounting record does not know our key of the device. It says what the network saw
 * (`names`), and which device that is, inventory tells when it is asked: it may hear of it later.
 */
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

const text = z.string().min(1).nullable().default(null)

/** What the network knows of the one that has the address. MACs are lower case with colons. */
export const BindingNames = z.strictObject({
  wifi_mac: text,
  user: text,
  serial: text,
  udid: text,
  imei: text,
  mdm_id: text,
})
export type BindingNames = z.infer<typeof BindingNames>

/** `locally-administered-mac`: the MAC is made up for this network, so it names no device. */
export const BindingFlag = z.enum(["locally-administered-mac"])
export type BindingFlag = z.infer<typeof BindingFlag>

const Fields = z.strictObject({
  ...common,
  /** The realm (site, VRF) in which the address is meant; defaults to the record's site. */
  realm: z.string().nullable().default(null),
  /** An address, or a prefix (2001:db8:0:1::/64) where the network gives one to each device. */
  address: z.string().min(1),
  /** Half open: from `valid_from`, up to but not including `valid_to`; null while it lasts. */
  valid_from: AnyTimestamp,
  valid_to: AnyTimestamp.nullable().default(null),
  /** Our key of the device, where the source knows it; it counts before `names`. */
  device_id: z.string().min(1).nullable().default(null),
  source: BindingSource.default("import"),
  /** 0 to 1; two devices with equal confidence make the address ambiguous. */
  confidence: z.number().min(0).max(1).default(0.8),
  /** Declared by the operator: several devices stand behind this address. */
  shared: z.boolean().default(false),
  /** Asked of inventory at the time of the join; null where the source knows `device_id`. */
  names: BindingNames.nullable().default(null),
  flags: z.array(BindingFlag).default([]),
})

export const Binding = Fields.refine(
  ({ device_id, names, shared }) =>
    device_id !== null || shared || Object.values(names ?? {}).some((name) => name !== null),
  { path: ["device_id"], message: "or one of names is needed, unless the address is shared" },
)
export type Binding = z.infer<typeof Binding>
