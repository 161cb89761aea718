/** The operator's lists of allowed apps and destinations, as they are asked. */
import type { AllowedApp, AllowedDestination } from "./tunables.ts"

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

export function idOf(entry: AllowedApp): string {
  return typeof entry === "string" ? entry : entry.app
}
