/** What is done for a client whose origin is no good, for all connections; a rule may say otherwise. */
import { z } from "zod"
import { OriginChoice } from "../policy/origin-choice.ts"

export const OriginSettings = z.strictObject({
  /** Its certificate is not trusted: chain, name, validity or strength. */
  "on-untrusted": OriginChoice.default("refuse"),
  /** It demands a client certificate, which nobody but the client has. */
  "on-client-certificate": OriginChoice.default("refuse"),
  /** The client named no host, and the origin's good certificate does not carry its address. */
  "on-no-name": OriginChoice.default("refuse"),
})
export type OriginSettings = z.infer<typeof OriginSettings>
