/** What the app register does not say, or says otherwise than was seen. Pure: no clock, no store. */
import type { App } from "../../record/app.ts"
import { matchesHost, parseHostPattern } from "../../record/host-pattern.ts"
import type { Declaration } from "./entry.ts"
import type { Observed, SeenApp } from "./observed.ts"

export interface Suggestion {
  platform: Declaration["platform"]
  app_id: string
  /** What it is about. */
  what: "undeclared" | "signer" | "destination" | "transport" | "not-installed"
  /** What was seen, in words; what it means is for a person to say. */
  says: string
  /** What would be declared if that is as it should be. */
  would: Partial<Declaration>
}

export interface SuggestSettings {
  /** A destination is told from so many devices on so many days on: fewer may be one person's errand. */
  devices: number
  days: number
}

export function suggestions(
  declared: readonly App[],
  seen: Observed,
  settings: SuggestSettings,
): Suggestion[] {
  const byApp = Map.groupBy(declared, ({ platform, app_id }) => `${platform} ${app_id}`)
  const found: Suggestion[] = []
  for (const app of seen.apps) {
    const entries = byApp.get(`${app.platform} ${app.app_id}`) ?? []
    if (entries.length === 0) found.push(...undeclared(app, settings))
    else found.push(...ofDeclared(entries, app, settings))
  }
  const listed = [...seen.apps].some(({ devices }) => devices > 0)
  if (listed)
    for (const app of declared)
      if (!seen.of(app.platform, app.app_id))
        found.push({
          ...whose(app),
          what: "not-installed",
          says: "is declared, and no device has it",
          would: {},
        })
  return found
}

/** An app that MDM does not manage and that showed nothing is nobody's concern here. */
function undeclared(app: SeenApp, settings: SuggestSettings): Suggestion[] {
  if (app.managed === 0 && app.confirmed.size === 0) return []
  const [signer, ...others] = app.signers.keys()
  const pinned = [...app.confirmed.keys()]
  const destinations = [...often(app, settings), ...pinned]
  const parts = [
    `managed on ${app.managed} of ${app.devices} devices that have it`,
    ...(pinned.length > 0 ? [`pinning confirmed at ${pinned.join(", ")}`] : []),
    ...(others.length > 0 ? [`comes from ${others.length + 1} signers`] : []),
  ]
  return [
    {
      ...whose(app),
      what: "undeclared",
      says: parts.join("; "),
      would: {
        ...(app.name === null ? {} : { name: app.name }),
        ...(signer !== undefined && others.length === 0 ? { signer_sha256: signer } : {}),
        ...(destinations.length > 0
          ? { approved_destinations: [...new Set(destinations)].sort() }
          : {}),
      },
    },
  ]
}

function ofDeclared(
  entries: readonly App[],
  app: SeenApp,
  settings: SuggestSettings,
): Suggestion[] {
  return [
    ...strangeSigners(entries, app),
    ...newDestinations(entries, app, settings),
    ...pins(entries, app),
  ]
}

function strangeSigners(entries: readonly App[], app: SeenApp): Suggestion[] {
  const declared = entries.map(({ signer_sha256 }) => signer_sha256)
  if (declared.includes(null)) return []
  return [...app.signers]
    .filter(([signer]) => !declared.includes(signer))
    .map(([signer, times]) => ({
      ...whose(app),
      what: "signer" as const,
      says: `was seen ${times} times from signer ${signer}, who is not declared: another store's build, or a repackaged app`,
      would: { signer_sha256: signer },
    }))
}

function newDestinations(
  entries: readonly App[],
  app: SeenApp,
  settings: SuggestSettings,
): Suggestion[] {
  const approved = entries.flatMap(({ approved_destinations }) => approved_destinations)
  const fresh = often(app, settings).filter((host) => !covers(approved, host))
  if (fresh.length === 0) return []
  return [
    {
      ...whose(app),
      what: "destination",
      says: `goes to ${fresh.join(", ")}, on at least ${settings.devices} devices and ${settings.days} days`,
      would: { approved_destinations: [...new Set([...approved, ...fresh])].sort() },
    },
  ]
}

function pins(entries: readonly App[], app: SeenApp): Suggestion[] {
  const pinned = [...app.confirmed.keys()].sort()
  if (pinned.length === 0 || entries.some((one) => one.declared_transport === "pins")) return []
  const [first] = entries
  return [
    {
      ...whose(app),
      what: "transport",
      says: `is declared as ${first?.declared_transport ?? "undeclared"}, and pinning was confirmed at ${pinned.join(", ")}`,
      would: { declared_transport: "pins" },
    },
  ]
}

function often(app: SeenApp, { devices, days }: SuggestSettings): string[] {
  return [...app.destinations]
    .filter(([, seen]) => seen.devices.size >= devices && seen.days.size >= days)
    .map(([host]) => host)
    .sort()
}

function covers(approved: readonly string[], host: string): boolean {
  return approved.some((text) => {
    try {
      return matchesHost(parseHostPattern(text), host)
    } catch {
      // What cannot be read covers nothing; `apps list` flags it.
      return false
    }
  })
}

function whose({ platform, app_id }: { platform: Declaration["platform"]; app_id: string }) {
  return { platform, app_id }
}
