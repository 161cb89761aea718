/** The letter under which the confidence tables know a scope verdict. */
import type { ScopeVerdict } from "../record/finding.ts"
import type { Pattern } from "./confidence.ts"

/** Null where no table has a row for the verdict. `suspected` waits for its control flow (W): it is
 * none of C, P and O. */
export function patternOf(verdict: ScopeVerdict): Pattern | null {
  switch (verdict) {
    case "confirmed":
      return "C"
    case "probable":
    case "refuses-here":
    case "private-trust":
      return "P"
    case "opaque-persistent":
      return "O"
    case "refuses-everything":
      return "E"
    case "suspected":
      return "W"
    case "accepts":
    case "mixed":
    case "broken-or-other":
    case "platform-expected":
    case "held-by-bypass":
    case "undetermined":
      return null
  }
}
