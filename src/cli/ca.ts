/** `pinsensor ca create|show [--config FILE] [--ca-cert FILE --ca-key FILE]`. */
import { configFromFlags } from "./flags.ts"
import { findCa } from "./inspection-ca.ts"

/** `create` makes the CA if none is there; `show` prints what devices must be given. */
export function ca(args: readonly string[]): void {
  const [what, ...flags] = args
  if (what !== "create" && what !== "show")
    throw new Error("say: pinsensor ca create or pinsensor ca show [--config FILE]")
  const config = configFromFlags(flags)
  const found = findCa(config, Date.now())
  const { subject, fingerprint, notBefore, notAfter, keyKind, certPem, warnings } = found.ca
  const lines = [
    `subject      ${subject.replaceAll("\n", ", ")}`,
    `key          ${keyKind}`,
    `valid        ${new Date(notBefore).toISOString()} to ${new Date(notAfter).toISOString()}`,
    `sha-256      ${fingerprint}`,
    ...warnings.map((warning) => `warning      ${warning}`),
    "",
    certPem.trimEnd(),
    "",
  ]
  if (what === "create") lines.unshift(found.created ? "made now" : "was there already")
  process.stdout.write(lines.join("\n"))
}
