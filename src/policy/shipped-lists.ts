/**
 * Lists of hosts that are not inspected. In: what the operator chose for each list. Out: the hosts
 * in force, each with its cause and where it comes from. It must not know connections.
 */
import { appleHosts } from "../record/vendor-hosts/apple.ts"
import { captivePortalHosts } from "../record/vendor-hosts/captive-portal.ts"
import { googleHosts } from "../record/vendor-hosts/google.ts"
import type { VendorHost } from "../record/vendor-hosts/vendor-host.ts"
import type { ControlSettings, ListChoice, ListedHost, ListSettings } from "./settings.ts"

/** A list that everybody has. */
export interface ShippedList {
  name: string
  /** What belongs on it, in one sentence. */
  about: string
  cause: ListedHost["cause"]
  hosts: readonly VendorHost[]
}

/** A list with what comes of the operator's choice. */
export interface ListStanding {
  name: string
  about: string
  cause: ListedHost["cause"]
  do: ListChoice
  /** Those that are spliced now; the operator's own have no purpose. */
  hosts: (ListedHost & { purpose: string | null })[]
  /** How many of them were shipped, and how many the operator named. */
  shipped: number
  own: number
  /** How many hosts of the list are inspected by the operator's choice. */
  inspected: number
  owner: string | null
  reason: string | null
  review: string | null
}

type Choices = Readonly<Record<string, ListSettings>>
type Mode = ControlSettings["mode"]

/** Vendors' hosts are shipped, privacy categories are for the operator to fill: who banks where, and
 * which law holds, nobody else can know. */
export const shippedLists: readonly ShippedList[] = [
  {
    name: "captive-portal",
    about: "Hosts that devices ask whether there is an internet.",
    cause: "platform",
    hosts: captivePortalHosts,
  },
  {
    name: "apple",
    about: "Hosts of which Apple says that its devices fail when they are inspected.",
    cause: "platform",
    hosts: appleHosts,
  },
  {
    name: "google",
    about: "Hosts of which Google says that Android and ChromeOS need them uninspected.",
    cause: "platform",
    hosts: googleHosts,
  },
  category(
    "health",
    "Insurers, hospitals, doctors, pharmacies, counselling: what tells of an illness.",
  ),
  category("banking", "Banks, payment, brokers and tax: private accounts and what moves on them."),
  category(
    "government",
    "Authorities that people deal with in private: tax, registry, courts, polls.",
  ),
  category("legal", "Lawyers and notaries, where what is said is privileged."),
  category(
    "works-council",
    "The works council, unions and staff representation, in house and outside.",
  ),
  category(
    "whistleblowing",
    "Channels for reports that must stay anonymous, in house and outside.",
  ),
]

function category(name: string, about: string): ShippedList {
  return { name, about, cause: "private", hosts: [] }
}

/** `mode`: while control is off, only what the operator has named is spliced. */
export function listedHosts(choices: Choices, mode: Mode): ListedHost[] {
  return listsInForce(choices, mode).flatMap(({ hosts }) =>
    hosts.map(({ list, pattern, cause, source, read }) => ({ list, pattern, cause, source, read })),
  )
}

/** The lists by which something is spliced: for the log, for people and for the register. */
export function listsInForce(choices: Choices, mode: Mode): ListStanding[] {
  return listStandings(choices, mode).filter(({ hosts }) => hosts.length > 0)
}

/** All lists, shipped ones first, in force or not. */
export function listStandings(choices: Choices, mode: Mode): ListStanding[] {
  const own = Object.keys(choices).filter((name) => !isShipped(name))
  const lists = [
    ...shippedLists,
    ...own.map((name) => category(name, "A list of the operator's own.")),
  ]
  return lists.map((list) => standingOf(list, choices[list.name], mode))
}

/** Why a list cannot be meant, and the way out; null if it can. */
export function listFault(name: string, { hosts }: ListSettings): string | null {
  if (isShipped(name) || hosts.length > 0) return null
  const known = shippedLists.map((list) => list.name).join(", ")
  return `"${name}" has no hosts, and no such list is shipped (${known}): mend its name, or name hosts`
}

function standingOf(
  { name, about, cause, hosts }: ShippedList,
  choice: ListSettings | undefined,
  mode: Mode,
): ListStanding {
  const done = choice?.do ?? "auto"
  const shipped = done === "splice" || (done === "auto" && mode !== "off") ? hosts : []
  const named = new Set(done === "inspect" ? [] : choice?.hosts)
  const own = [...named].filter((host) => !shipped.some(({ pattern }) => pattern === host))
  const all = new Set([...hosts.map(({ pattern }) => pattern), ...(choice?.hosts ?? [])])
  return {
    name,
    about,
    cause,
    do: done,
    hosts: [
      ...shipped.map(({ pattern, source, read, purpose }) => {
        return { list: name, pattern, cause, source, read, purpose }
      }),
      ...own.map((pattern) => {
        return { list: name, pattern, cause, source: "configuration", read: "", purpose: null }
      }),
    ],
    shipped: shipped.length,
    own: own.length,
    inspected: all.size - shipped.length - own.length,
    owner: choice?.owner ?? null,
    reason: choice?.reason ?? null,
    review: choice?.review ?? null,
  }
}

function isShipped(name: string): boolean {
  return shippedLists.some((list) => list.name === name)
}
