/**
 * The confidence tables, one for each analytic, as data: docs/analytics.md prints them and a test
 * compares the two. Rows stand from sure to unsure; the first that holds decides.
 *
 * C confirmed; P probable, refuses-here or private-trust; O opaque-persistent; E refuses-everything;
 * R repeated short-lived sessions; W suspected, or mixed of one app that goes on refusing.
 */
import type { ScopeVerdict } from "../record/finding.ts"
import type { Pattern, Row } from "./confidence.ts"

/** AN1725, Android. `app-observed` and the others are explained in docs/analytics.md. */
export const an1725Table: readonly Row[] = [
  {
    confidence: "high",
    pattern: ["C", "P", "O"],
    all: ["API", "app-observed"],
    any: ["D", "M", "S"],
  },
  {
    confidence: "high",
    pattern: ["C"],
    all: ["static", "M", "state", "no-runtime-channel", "app-observed"],
    note: "no runtime channel",
  },
  { confidence: "medium", pattern: ["C", "P", "O"], all: ["API"], open: [["M", "S", "D"]] },
  { confidence: "medium", pattern: ["C"], any: ["M", "S", "D"], open: [["API"]] },
  { confidence: "low", pattern: ["C"], open: [["API"], ["M", "S", "D"]], note: "C alone" },
  { confidence: "low", pattern: ["P"], any: ["M", "S", "D"], open: [["API"]] },
  { confidence: "low", pattern: ["O"], any: ["M", "D"], open: [["API"]] },
  { confidence: "low", pattern: ["E"], any: ["unmanaged", "state", "rare-stack"] },
  { confidence: "record", pattern: ["P", "O", "E", "W"], note: "alone" },
  { confidence: "record", all: ["API"], note: "API alone" },
  { confidence: "record", all: ["static"], note: "static alone" },
]

/** AN1726, iOS. Medium and up ask for a supervised device and a managed app. */
export const an1726Table: readonly Row[] = [
  {
    confidence: "high",
    pattern: ["C"],
    all: ["M", "S", "app-observed", "supervised-and-managed"],
  },
  {
    confidence: "medium",
    pattern: ["C"],
    all: ["supervised-and-managed"],
    exactlyOne: ["M", "S"],
  },
  {
    confidence: "medium",
    pattern: ["C"],
    all: ["M", "S", "supervised-and-managed"],
    note: "app not observed",
  },
  { confidence: "medium", pattern: ["P"], all: ["M", "S", "supervised-and-managed"] },
  { confidence: "low", pattern: ["C"], open: [["M", "S"]], note: "C alone, or not supervised" },
  { confidence: "low", pattern: ["P"], all: ["M"], open: [["S"]] },
  { confidence: "low", pattern: ["O"], all: ["M"], open: [["S"]] },
  { confidence: "low", pattern: ["R"], all: ["M"], open: [["S"]] },
  { confidence: "record", pattern: ["P", "O", "E", "R", "W"], note: "alone, or not managed" },
]

/** A laptop, or a device whose platform nobody knows: neither analytic is about it. */
export const pinEffectTable: readonly Row[] = [
  { confidence: "low", pattern: ["C"], note: "no analytic is about this platform" },
  { confidence: "record", pattern: ["P", "O", "E", "W"] },
]

/** The letter of a verdict. Null where no table has a row for the verdict. `suspected` waits for its
 * control flow, and `mixed` for whoever accepts (W): neither is one of C, P and O. */
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
    case "mixed":
      return "W"
    case "accepts":
    case "broken-or-other":
    case "platform-expected":
    case "held-by-bypass":
    case "undetermined":
      return null
  }
}
