/**
 * What the operator allows: the triple (app id, signer, destination). A look-alike with another signer,
 * or an allowed app at another destination, is not allowed.
 */
import { coversAny } from "./host-list.ts"
import type { AllowedApp, AllowedDestination } from "./settings.ts"
import { registered, type Subject } from "./subject.ts"

export interface AllowedLists {
  AllowedAppList: readonly AllowedApp[]
  AllowedDestinationList: readonly AllowedDestination[]
}

/** The app is in AllowedAppList, by its id. */
export function isAllowedApp(appId: string | null, lists: AllowedLists): boolean {
  return lists.AllowedAppList.some((entry) => idOf(entry) === appId)
}

/** Patterns for all apps, and for each app that has its own; kept with the list, so that pattern lists are
 * the same ones each time and are compiled once. */
const listsOf = new WeakMap<readonly AllowedDestination[], PatternLists>()
interface PatternLists {
  all: readonly string[]
  own: ReadonlyMap<string, readonly string[]>
}

/** The patterns that AllowedDestinationList gives for an app: those for all, and its own. */
export function allowedDestinations(
  appId: string | null,
  { AllowedDestinationList: list }: AllowedLists,
): (readonly string[])[] {
  const { all, own } = listsOf.get(list) ?? patternLists(list)
  const ownOnes = appId === null ? undefined : own.get(appId)
  return ownOnes ? [all, ownOnes] : [all]
}

function patternLists(list: readonly AllowedDestination[]): PatternLists {
  const all: string[] = []
  const own = new Map<string, string[]>()
  for (const entry of list)
    if (typeof entry === "string") all.push(entry)
    else own.set(entry.app, [...(own.get(entry.app) ?? []), ...entry.destinations])
  const lists = { all, own }
  listsOf.set(list, lists)
  return lists
}

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

function idOf(entry: AllowedApp): string {
  return typeof entry === "string" ? entry : entry.app
}

function plainSigner(signer: string): string {
  return signer.replaceAll(":", "").toLowerCase()
}
