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
import { type Seen, SeenFacts } from "./seen-fact.ts"
import type { AnalyticsSettings } from "./settings.ts"

/** Who it was, without the words that say why. */
export type Whose = Omit<Attribution, "because">

export interface Sighting<Fact extends Attempt | Flow = Attempt | Flow> {
  id: string
  /** Epoch milliseconds; `end` is infinite where the connection was still open. */
  start: number
  end: number
  /** Epoch milliseconds at which the network was seen to work: the first application byte of an accepted
   * attempt, the begin of a used flow; null otherwise. */
  alive: number | null
  /** An attempt ended before our Certificate was written. */
  beforeCertificate: boolean
  fact: Seen<Fact>
  client_ip: string
  who: Whose
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
  evidence: Pick<DeviceEvidence, "attempts" | "flows">,
  now: number,
  settings: AnalyticsSettings,
): Sightings {
  const from = now - settings.scope.window
  const maker = new SightingMaker(settings["library-user-agents"])
  const within = <Fact extends Attempt | Flow>(
    facts: readonly Attributed<Fact>[],
    see: (fact: Attributed<Fact>) => Sighting<Fact>,
  ): Sighting<Fact>[] => {
    const seen = new Map<string, Sighting<Fact>>()
    for (const each of facts) {
      const start = Date.parse(each.fact.observed_at)
      if (start > from && start <= now && !seen.has(each.fact.id)) seen.set(each.fact.id, see(each))
    }
    return [...seen.values()].sort(byTime)
  }
  const attempts = within(evidence.attempts, (each) => maker.attempt(each))
  const flows = within(evidence.flows, (each) => maker.flow(each))
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

/** Of whose versions one is looked for. */
export function appOf({ who }: Sighting): string {
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

/** Destinations, User-Agents and owners remembered; beyond it all are forgotten, and asked again. */
const mostRemembered = 20_000

/** Until it was closed, in milliseconds. Of one whose end nobody wrote down: for ever if it was of use, else
 * until the last that is known of it. */
function lengthOf({ phases, outcome }: Attempt): number {
  if (phases.closed) return phases.closed.ms
  if (outcome === "accepted" || outcome === "idle") return Number.POSITIVE_INFINITY
  return Object.values(phases).reduce((last, phase) => Math.max(last, phase?.ms ?? 0), 0)
}

/** Makes sightings one by one; version, epoch and cut are what the other sightings say, and set later. Owned
 * state: what was asked once need not be asked again, be it of another device. */
export class SightingMaker {
  readonly #facts = new SeenFacts()
  readonly #places = new Map<string, Place>()
  readonly #programs = new Map<string, string | null>()
  readonly #whose = new Map<string, Whose>()
  readonly #libraries: readonly string[]

  /** `libraries`: beginnings of User-Agents that name no program. */
  constructor(libraries: readonly string[]) {
    this.#libraries = libraries
  }

  attempt({ fact, who }: Attributed<Attempt>): Sighting<Attempt> {
    const { certificate, first_data } = fact.phases
    const start = Date.parse(fact.observed_at)
    const seen = this.#facts.attempt(fact)
    return {
      ...this.#common(fact, who, start),
      end: start + lengthOf(fact),
      alive: fact.outcome === "accepted" ? start + (first_data?.ms ?? 0) : null,
      beforeCertificate: certificate === null,
      fact: seen,
      epoch: seen,
    }
  }

  flow({ fact, who }: Attributed<Flow>): Sighting<Flow> {
    const start = Date.parse(fact.observed_at)
    const seen = this.#facts.flow(fact)
    return {
      ...this.#common(fact, who, start),
      end: start + fact.duration_ms,
      alive: fact.verdict === "used" ? start : null,
      beforeCertificate: false,
      fact: seen,
      epoch: seen,
    }
  }

  #common(fact: Attempt | Flow, who: Attribution, start: number) {
    const { destination, registrable, hasDomain } = this.#place(fact)
    return {
      id: fact.id,
      start,
      client_ip: fact.client_ip,
      who: this.#owner(who),
      destination,
      registrable,
      hasDomain,
      version: who.app_version,
      program: this.#program(fact.connect_user_agent),
      cut: "",
    }
  }

  /** The Public Suffix List is asked once for each destination. */
  #place(fact: Attempt | Flow): Place {
    const asked = fact.sni ?? destinationOf(fact)
    const known = this.#places.get(asked)
    if (known) return known
    const destination = destinationOf(fact)
    const registrable = registrableDomain(destination)
    const place = { destination, registrable, hasDomain: properDomain(destination) !== null }
    return remember(this.#places, asked, place)
  }

  /** Each User-Agent is compared with the libraries once. */
  #program(userAgent: string | null): string | null {
    if (userAgent === null) return null
    const known = this.#programs.get(userAgent)
    if (known !== undefined) return known
    return remember(this.#programs, userAgent, programUserAgent(userAgent, this.#libraries))
  }

  #owner({ because: _, ...who }: Attribution): Whose {
    const key =
      `${who.device_id}|${who.device}|${who.binding_id}|${who.profile}|` +
      `${who.app}|${who.app_id}|${who.app_version}|${who.app_signer}`
    return this.#whose.get(key) ?? remember(this.#whose, key, who)
  }
}

function remember<Value>(memory: Map<string, Value>, key: string, value: Value): Value {
  if (memory.size >= mostRemembered) memory.clear()
  memory.set(key, value)
  return value
}
