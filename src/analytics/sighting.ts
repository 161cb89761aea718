/**
 * Sightings: attempts and flows made ready to be judged.
 *
 * In: the evidence of one device as joined. Out: each fact once, inside the window, in the order of
 * time, with its interval in numbers, its destination, its program and its epoch. It must not know
 * what an outcome means.
 */
import type { Attempt } from "../record/attempt.ts"
import type { Attributed, Attribution, DeviceEvidence } from "../record/attributed.ts"
import type { Flow } from "../record/flow.ts"
import { byTime } from "./bucket.ts"
import { destinationOf, properDomain, registrableDomain } from "./destination.ts"
import { cutNames, type Epoch, epochs } from "./epoch.ts"
import { programUserAgent } from "./library-user-agents.ts"
import type { AnalyticsSettings } from "./settings.ts"

export interface Sighting<Fact extends Attempt | Flow = Attempt | Flow> {
  id: string
  /** Epoch milliseconds; `end` is infinite where the connection was still open. */
  start: number
  end: number
  fact: Fact
  who: Attribution
  destination: string
  /** What the destination rolls up to, and whether that is a registrable domain at all. */
  registrable: string
  hasDomain: boolean
  /** The observed app's version: as told, else the only one that is known of the app. */
  version: string | null
  /** CONNECT User-Agent that can stand for one program. */
  program: string | null
  epoch: Epoch
  /** The cut that it falls into (epoch.ts). */
  cut: string
}

export interface Sightings {
  attempts: Sighting<Attempt>[]
  flows: Sighting<Flow>[]
  /** Both, in the order of time. */
  all: Sighting[]
}

/** Sightings inside `(now - window, now]`, in event time. */
export function sightings(
  evidence: DeviceEvidence,
  now: number,
  settings: AnalyticsSettings,
): Sightings {
  const from = now - settings.scope.window
  const place = rememberedPlaces()
  const program = rememberedPrograms(settings["library-user-agents"])
  const see = <Fact extends Attempt | Flow>(
    facts: readonly Attributed<Fact>[],
    length: (fact: Fact) => number,
  ): Sighting<Fact>[] => {
    const seen = new Map<string, Sighting<Fact>>()
    for (const { fact, who } of facts) {
      const start = Date.parse(fact.observed_at)
      if (start <= from || start > now || seen.has(fact.id)) continue
      const { destination, registrable, hasDomain } = place(fact)
      seen.set(fact.id, {
        id: fact.id,
        start,
        end: start + length(fact),
        fact,
        who,
        destination,
        registrable,
        hasDomain,
        version: who.app_version,
        program: program(fact.connect_user_agent),
        epoch: fact,
        cut: "",
      })
    }
    return [...seen.values()].sort(byTime)
  }
  const attempts = see(
    evidence.attempts,
    (fact) => fact.phases.closed?.ms ?? Number.POSITIVE_INFINITY,
  )
  const flows = see(evidence.flows, (fact) => fact.duration_ms)
  const all: Sighting[] = [...attempts, ...flows].sort(byTime)
  const epochOf = epochs(all)
  const versions = onlyVersions(all)
  const cutOf = cutNames()
  for (const sighting of all) {
    sighting.version ??= versions.get(appOf(sighting)) ?? null
    sighting.epoch = epochOf(sighting)
    sighting.cut = cutOf(sighting.epoch, sighting.who.device)
  }
  return { attempts, flows, all }
}

/** The app was seen to make the connection. */
export function isObserved({ who }: Sighting): boolean {
  return who.app === "observed" && who.app_id !== null
}

function appOf({ who }: Sighting): string {
  return `${who.profile}|${who.app_id}`
}

/** The version of apps of which one version only is known. */
function onlyVersions(all: readonly Sighting[]): Map<string, string> {
  const seen = new Map<string, Set<string>>()
  for (const sighting of all) {
    const { app_version } = sighting.who
    if (app_version === null || !isObserved(sighting)) continue
    const app = appOf(sighting)
    seen.set(app, (seen.get(app) ?? new Set()).add(app_version))
  }
  const only = new Map<string, string>()
  for (const [app, versions] of seen) {
    const [version, second] = versions
    if (version !== undefined && second === undefined) only.set(app, version)
  }
  return only
}

interface Place {
  destination: string
  registrable: string
  hasDomain: boolean
}

/** The Public Suffix List is asked once for each destination. Bounded by the evidence. */
function rememberedPlaces(): (fact: Attempt | Flow) => Place {
  const places = new Map<string, Place>()
  return (fact) => {
    const asked = fact.sni ?? destinationOf(fact)
    const known = places.get(asked)
    if (known) return known
    const destination = destinationOf(fact)
    const registrable = registrableDomain(destination)
    const place = { destination, registrable, hasDomain: properDomain(destination) !== null }
    places.set(asked, place)
    return place
  }
}

/** Each User-Agent is compared with the libraries once. Bounded by the evidence. */
function rememberedPrograms(
  libraries: readonly string[],
): (userAgent: string | null) => string | null {
  const programs = new Map<string, string | null>()
  return (userAgent) => {
    if (userAgent === null) return null
    const known = programs.get(userAgent)
    if (known !== undefined) return known
    const program = programUserAgent(userAgent, libraries)
    programs.set(userAgent, program)
    return program
  }
}
