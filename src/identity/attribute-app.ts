/**
 * Which app made a connection: seen by mobile EDR, concluded from hints, or not known.
 *
 * In: a connection, the device it came from, and the indexes. Out: scored candidates with reasons,
 * and the one that stands, if any. It must not prefer a guess: where two apps fit, none is named.
 */
import type { AppEvent } from "../record/app-event.ts"
import type { Profile } from "../record/common.ts"
import type { AppAttribution } from "../record/finding.ts"
import type { InstalledApp, Posture } from "../record/posture.ts"
import type { AppEventIndex, EventMatch } from "./app-events.ts"
import type { AppIndex } from "./apps.ts"
import type { ConnectionNames } from "./connection-names.ts"
import type { DeviceIndex } from "./devices.ts"

export interface AppCandidate {
  app_id: string
  /** 0 to 1, for the order of candidates only: it is a rank, not a probability. */
  score: number
  because: string[]
}

export interface AppChoice {
  attribution: AppAttribution
  app_id: string | null
  app_version: string | null
  app_signer: string | null
  profile: Profile
  /** Surest first; at most 10. */
  candidates: AppCandidate[]
  because: string[]
}

export interface AppQuestion {
  names: ConnectionNames
  connectUserAgent: string | null
  /** Null where the address is bound to no device: then only the User-Agent can hint. */
  deviceId: string | null
}

export interface AppKnowledge {
  devices: DeviceIndex
  apps: AppIndex
  events: AppEventIndex
}

/** What each way of knowing is worth beside the others. */
const scores = {
  "source-port": 1,
  destination: 0.9,
  lookup: 0.7,
  time: 0.5,
  "user-agent": 0.4,
  inventory: 0.3,
} as const

const inWords: Record<EventMatch, string> = {
  "source-port": "names this socket by its source port",
  destination: "names this destination at that time",
  lookup: "is a lookup of this name just before",
  time: "is a connection to the proxy at that time, without source port",
}

export function attributeApp(question: AppQuestion, knowledge: AppKnowledge): AppChoice {
  const { deviceId, names } = question
  const inForce = deviceId === null ? [] : knowledge.devices.postures.inForce(deviceId, names.at)
  const told = deviceId === null ? null : knowledge.events.telling(deviceId, names)
  const hint = byUserAgent(question, inForce, knowledge)
  if (told) return fromEvents(told, hint, inForce)
  const fitting = byInventory(question, inForce, knowledge)
  const hints = [hint, fitting].filter((candidate) => candidate !== null)
  const candidates = merged(hints)
  const [only] = candidates
  if (!only) return unknown([], ["no app event, User-Agent or inventory tells which app it was"])
  if (candidates.length > 1)
    return unknown(candidates, ["User-Agent and inventory hint at different apps"])
  return chosen("inferred", only, candidates, inForce, null)
}

/** Events decide before hints; a CONNECT User-Agent only chooses among the apps they name. */
function fromEvents(
  told: { by: EventMatch; events: readonly AppEvent[] },
  hint: AppCandidate | null,
  inForce: readonly Posture[],
): AppChoice {
  const ofApp = new Map<string, AppEvent>()
  for (const event of told.events) if (event.app.id) ofApp.set(event.app.id, event)
  const candidates: AppCandidate[] = [...ofApp.values()]
    .map((event) => ({
      app_id: event.app.id as string,
      score: scores[told.by],
      because: [`event ${event.id} from ${event.source} ${inWords[told.by]}`],
    }))
    .sort((a, b) => (a.app_id < b.app_id ? -1 : 1))
  const [only] = candidates
  if (only && candidates.length === 1) {
    if (hint && hint.app_id !== only.app_id)
      only.because.push(`although the User-Agent would fit ${hint.app_id}`)
    const attribution = told.by === "time" ? "inferred" : "observed"
    return chosen(attribution, only, candidates, inForce, ofApp.get(only.app_id) ?? null)
  }
  const hinted = candidates.find((candidate) => candidate.app_id === hint?.app_id)
  const listed = `app events fit ${candidates.map((candidate) => candidate.app_id).join(", ")}`
  if (!hinted || !hint) return unknown(candidates, [listed])
  hinted.because.push(...hint.because, listed)
  return chosen("inferred", hinted, candidates, inForce, ofApp.get(hinted.app_id) ?? null)
}

/**
 * A CONNECT User-Agent that fits exactly one registered app of the platform, which is installed if
 * MDM lists apps. Where the list is complete, apps that are not on it are out before counting.
 */
function byUserAgent(
  { connectUserAgent, deviceId }: AppQuestion,
  inForce: readonly Posture[],
  { apps, devices }: AppKnowledge,
): AppCandidate | null {
  if (!connectUserAgent) return null
  const platform = deviceId === null ? "unknown" : devices.platformOf(deviceId)
  const fitting = apps.byUserAgent(connectUserAgent, platform)
  const complete = completeInventory(inForce)
  const ids = new Set(fitting.map((app) => app.app_id))
  const possible = complete ? firstTwoOf(complete, [ids]) : [...ids]
  const [only, second] = possible
  if (only === undefined || second !== undefined) return null
  const listed = inForce.some((posture) => posture.apps !== null && !posture.apps_partial)
  if (listed && listing(inForce, only).length === 0) return null
  const because = `CONNECT User-Agent "${connectUserAgent}" fits only ${only} of the app register`
  return { app_id: only, score: scores["user-agent"], because: [because] }
}

/** The only installed app whose approved destinations cover the destination. It needs the whole
 * inventory of the device: a work profile's MDM lists only the work apps. */
function byInventory(
  { names, deviceId }: AppQuestion,
  inForce: readonly Posture[],
  { apps, devices }: AppKnowledge,
): AppCandidate | null {
  const complete = completeInventory(inForce)
  if (deviceId === null || complete === null) return null
  const platform = devices.platformOf(deviceId)
  const hosts = names.hosts.length > 0 ? names.hosts : names.addresses
  const approved = hosts.flatMap((host) => apps.approvedFor(host, platform))
  const [only, second] = firstTwoOf(complete, approved)
  if (only === undefined || second !== undefined) return null
  const because = `${only} is the only installed app approved for ${hosts.join(", ")}`
  return { app_id: only, score: scores.inventory, because: [because] }
}

/** The app list of a device that has one profile, the device itself; null if there is none or MDM
 * cannot see all of it (a work profile, a personal side). */
function completeInventory(inForce: readonly Posture[]): readonly InstalledApp[] | null {
  if (inForce.some((posture) => posture.profile !== "device" || posture.apps_partial)) return null
  return inForce[0]?.apps ?? null
}

/** At most two installed apps that are in any of the sets: a second one already settles it. */
function firstTwoOf(
  installed: readonly InstalledApp[],
  wanted: readonly ReadonlySet<string>[],
): string[] {
  const found: string[] = []
  if (wanted.length === 0) return found
  for (const { app_id } of installed) {
    if (found[0] === app_id || !wanted.some((ids) => ids.has(app_id))) continue
    found.push(app_id)
    if (found.length === 2) break
  }
  return found
}

function listing(
  inForce: readonly Posture[],
  appId: string,
): { profile: Profile; app: InstalledApp }[] {
  return inForce.flatMap((posture) => {
    const app = posture.apps?.find((installed) => installed.app_id === appId)
    return app ? [{ profile: posture.profile, app }] : []
  })
}

/** Version and signer are the event's own, else those of the posture in force, if only one profile
 * lists the app. What the register declares of a signer is no observation. */
function chosen(
  attribution: AppAttribution,
  candidate: AppCandidate,
  candidates: readonly AppCandidate[],
  inForce: readonly Posture[],
  event: AppEvent | null,
): AppChoice {
  const listed = listing(inForce, candidate.app_id)
  const [place] = listed.length === 1 ? listed : []
  return {
    attribution,
    app_id: candidate.app_id,
    app_version: event?.app.version ?? place?.app.version ?? null,
    app_signer: event?.app.signer_sha256 ?? place?.app.signer_sha256 ?? null,
    profile: place?.profile ?? "device",
    candidates: candidates.slice(0, 10),
    because: candidate.because,
  }
}

function unknown(candidates: readonly AppCandidate[], because: string[]): AppChoice {
  return {
    attribution: "unknown",
    app_id: null,
    app_version: null,
    app_signer: null,
    profile: "device",
    candidates: candidates.slice(0, 10),
    because: [...because, ...candidates.slice(0, 10).flatMap((candidate) => candidate.because)],
  }
}

/** Hints at the same app become one candidate with both reasons; surest first. */
function merged(hints: readonly AppCandidate[]): AppCandidate[] {
  const byApp = new Map<string, AppCandidate>()
  for (const hint of hints) {
    const known = byApp.get(hint.app_id)
    if (known) known.because.push(...hint.because)
    else byApp.set(hint.app_id, { ...hint, because: [...hint.because] })
  }
  return [...byApp.values()].sort((a, b) => b.score - a.score)
}
