/** An app event: one fact about an app on a device, as mobile EDR (or a lab) tells it. */
import { z } from "zod"
import { AnyTimestamp, common } from "./common.ts"

const text = z.string().min(1).nullable().default(null)

/** Ways to name a device; any of them may be missing. MACs are lower case with colons. */
export const DeviceNames = z.strictObject({
  device_id: text,
  mdm_id: text,
  serial: text,
  udid: text,
  imei: text,
  wifi_mac: text,
  ip: text,
  user: text,
})
export type DeviceNames = z.infer<typeof DeviceNames>

export const AppEvent = z.strictObject({
  ...common,
  /** The producer's own id: a second event with the same source and event_id is the same event. */
  event_id: z.string().min(1),
  source: z.string().min(1),
  /** When we got it; `observed_at` is the producer's clock. */
  received_at: AnyTimestamp,
  device: DeviceNames.prefault({}),
  app: z.strictObject({ id: text, version: text, signer_sha256: text }).prefault({}),
  /** tls_trust_customization, network_connect, dns_lookup, app_state, device_state,
   * app_static_fact; an unknown type is kept as it is. */
  type: z.string().min(1),
  dest: z
    .strictObject({
      host: text,
      ip: text,
      port: z.int().nullable().default(null),
      src_port: z.int().nullable().default(null),
    })
    .nullable()
    .default(null),
  /** Trust customisation. `runtime`: it happened now; `static`: a standing fact of the version. */
  trust: z
    .strictObject({
      kind: z
        .enum([
          "custom_trust_manager",
          "hostname_verifier_override",
          "pin_comparison",
          "network_security_config",
          "unknown",
        ])
        .default("unknown"),
      evidence: z.enum(["runtime", "static"]),
    })
    .nullable()
    .default(null),
  state: z
    .strictObject({
      app_state: z.enum(["foreground", "background", "unknown"]).default("unknown"),
      device_locked: z.boolean().nullable().default(null),
      recent_user_interaction: z.boolean().nullable().default(null),
    })
    .nullable()
    .default(null),
})
export type AppEvent = z.infer<typeof AppEvent>
