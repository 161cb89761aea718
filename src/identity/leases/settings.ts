/** Lease files that are followed live. */
import { z } from "zod"
import { Duration } from "../../record/duration.ts"

export const LeaseSettings = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/),
    format: z.enum(["kea4", "kea6", "dnsmasq"]),
    file: z.string().min(1),
    /** The realm of its addresses; null: the site of this sensor. */
    realm: z.string().min(1).nullable().default(null),
    confidence: z.number().min(0).max(1).default(0.8),
    /** Of dnsmasq, whose file tells when a lease ends and not when it began. Null: a lease begins
     * when its line is first seen. */
    "lease-time": Duration.nullable().default(null),
  })
  .refine(({ format, "lease-time": time }) => time === null || format === "dnsmasq", {
    path: ["lease-time"],
    message: "is for dnsmasq only: Kea's files tell when a lease began",
  })
export type LeaseSettings = z.infer<typeof LeaseSettings>
