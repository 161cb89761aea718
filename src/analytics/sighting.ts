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
import { type Epoch, epochs } from "./epoch.ts"
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
  /** CONNECT User-Agent that can stand for one program. */
  program: string | null
  epoch: Epoch
}

export interface Sightings {
  attempts: Sighting<Attempt>[]
  flows: Sighting<Flow>[]
}

/** Sightings inside `(now - window, now]`, in event time. */
export function sightings(
  evidence: DeviceEvidence,
  now: number,
  settings: AnalyticsSettings,
): Sightings {
  const from = now - settings.scope.window
  const places = new Map<string, Place>()
  const see = <Fact extends Attempt | Flow>(
    facts: readonly Attributed<Fact>[],
    length: (fact: Fact) => number,
  ): Sighting<Fact>[] => {
    const seen = new Map<string, Sighting<Fact>>()
    for (const { fact, who } of facts) {
      const start = Date.parse(fact.observed_at)
      if (start <= from || start > now || seen.has(fact.id)) continue
      const program = programUserAgent(fact.connect_user_agent, settings["library-user-agents"])
      const place = placeOf(fact, places)
      const epoch = { issuing_ca: fact.issuing_ca, sensor_config: fact.sensor_config }
      seen.set(fact.id, {
        id: fact.id,
        start,
        end: start + length(fact),
        fact,
        who,
        ...place,
        program,
        epoch,
      })
    }
    return [...seen.values()].sort(byTime)
  }
  const attempts = see(
    evidence.attempts,
    (fact) => fact.phases.closed?.ms ?? Number.POSITIVE_INFINITY,
  )
  const flows = see(evidence.flows, (fact) => fact.duration_ms)
  const epochOf = epochs([...attempts, ...flows].sort(byTime))
  for (const sighting of [...attempts, ...flows]) sighting.epoch = epochOf(sighting)
  return { attempts, flows }
}

interface Place {
  destination: string
  registrable: string
  hasDomain: boolean
}

/** Remembered per destination: the Public Suffix List is asked once for each. */
function placeOf(fact: Attempt | Flow, places: Map<string, Place>): Place {
  const destination = destinationOf(fact)
  const known = places.get(destination)
  if (known) return known
  const place = {
    destination,
    registrable: registrableDomain(destination),
    hasDomain: properDomain(destination) !== null,
  }
  places.set(destination, place)
  return place
}
