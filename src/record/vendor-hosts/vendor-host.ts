/** A host that somebody who must know says not to inspect, with who says so, and when it was read. */

export interface VendorHost {
  pattern: string
  /** What it is for, hence what breaks when it is inspected. */
  purpose: string
  /** The page that names it. */
  source: string
  /** The day the page was read. */
  read: string
  /** What was read of it: the day or year of the copy, and who quotes it if it is no copy. */
  copy: string
}

/** What all hosts of one page have in common. */
export type Page = Omit<VendorHost, "pattern" | "purpose">

/** The hosts of one page, as pattern -> purpose. */
export function hostsOf(page: Page, purposes: Readonly<Record<string, string>>): VendorHost[] {
  return Object.entries(purposes).map(([pattern, purpose]) => ({ pattern, purpose, ...page }))
}
