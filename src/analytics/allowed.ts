/**
 * What the operator allows: the triple (app id, signer, destination). A look-alike with another signer,
 * or an allowed app at another destination, is not allowed.
 */
import { type AllowedLists, idOf } from "./allowed-lists.ts"
import { coversAny } from "./host-list.ts"
import { registered, type Subject } from "./subject.ts"

export interface Allowance {
  /** `no`: not in the lists; `incomplete`: all but a proof of the signer. */
  allowed: "yes" | "incomplete" | "no"
  /** The app is in AllowedAppList. */
  isListed: boolean
  why: string
}

/** Whether the triple of the key is allowed. `destinations` are the lists of patterns that count for it. */
export function allowance(
  subject: Subject,
  lists: AllowedLists,
  destinations: readonly (readonly string[])[],
): Allowance {
  const { key, app_signer } = subject.judgement
  const entries = lists.AllowedAppList.filter((entry) => idOf(entry) === key.app_id)
  if (key.app_id === null || entries.length === 0)
    return { allowed: "no", isListed: false, why: "the app is not in AllowedAppList" }
  if (!coversAny(destinations, key.destination))
    return { allowed: "no", isListed: true, why: "the app is allowed, but not this destination" }
  const signers = new Set([
    ...entries.map((entry) => (typeof entry === "string" ? null : entry["signer-sha256"])),
    ...registered(subject).map((app) => app.signer_sha256),
  ])
  const declared = [...signers].filter((signer) => signer !== null).map(plainSigner)
  if (declared.includes("any"))
    return { allowed: "yes", isListed: true, why: "app and destination are allowed" }
  if (declared.length === 0)
    return {
      allowed: "incomplete",
      isListed: true,
      why: "no signer is declared for the allowed app",
    }
  if (app_signer === null)
    return {
      allowed: "incomplete",
      isListed: true,
      why: "no source tells the signer of the app that was seen",
    }
  return declared.includes(plainSigner(app_signer))
    ? { allowed: "yes", isListed: true, why: "app, signer and destination are allowed" }
    : { allowed: "no", isListed: true, why: "the app is allowed, but not under this signer" }
}

function plainSigner(signer: string): string {
  return signer.replaceAll(":", "").toLowerCase()
}
