/** What host patterns are filed under. In: patterns. Out: keys. It must not know what they decide. */
import { patternNetwork, readHostPattern } from "../conditions.ts"
import type { Key } from "./facets.ts"

/** Names, suffixes with their leading dot, networks; throws where one is no pattern. */
export function hostKeys(patterns: readonly string[] | undefined): Key[] | undefined {
  return patterns?.map(hostKey)
}

function hostKey(text: string): Key {
  const pattern = readHostPattern(text)
  switch (pattern.kind) {
    case "name":
      return pattern.name
    case "below":
      return pattern.suffix
    case "network":
      return patternNetwork(pattern)
  }
}
