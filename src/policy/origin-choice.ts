/**
 * What becomes of a connection whose origin is no good: the operator's choice, for all or by rule.
 *
 * In: parsed YAML or JSON. Out: checked choices. It must not know how an origin is judged.
 */
import { z } from "zod"

/** `refuse`: the client's connection ends. `splice`: it is passed on unread, and the client judges. */
export const OriginChoice = z.enum(["refuse", "splice"])
export type OriginChoice = z.infer<typeof OriginChoice>

/** Of one rule: what it does not name is as configured for all. */
export const OriginChoices = z.strictObject({
  "on-untrusted": OriginChoice.optional(),
  "on-client-certificate": OriginChoice.optional(),
  "on-no-name": OriginChoice.optional(),
})
export type OriginChoices = z.infer<typeof OriginChoices>

/** Whether it opens anything: then it is about the client's own host, as a splice is. */
export function opensOrigins(choices: OriginChoices | undefined): boolean {
  return choices !== undefined && Object.values(choices).includes("splice")
}
