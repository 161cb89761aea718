/**
 * What becomes of connections that a register entry has let pass. In: the entry as it stands now. Out:
 * whether they go on. It must not know connections.
 */
import type { RegisterEntry } from "../../record/register-entry.ts"
import type { ControlSettings } from "../settings.ts"
import { entryDoes } from "./register-index.ts"

/**
 * Not where it would let no connection pass now: it has ended, was put back to a proposal, or control is
 * off. A trial whose connections are used up is no such case: what it admitted has a time of its own,
 * and is the observation that the trial was made for.
 */
export function goesOn(entry: RegisterEntry, control: ControlSettings, now: number): boolean {
  if (control.mode !== "off" && entry.trial?.state === "re-inspecting") return true
  // An end that cannot be read has passed.
  const lasts = entry.expires_at === null || now < Date.parse(entry.expires_at)
  return lasts && entryDoes(entry, control) === "splice"
}
