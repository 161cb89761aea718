/**
 * The cases of a world with what really happened to each: ground truth. A case is one device, profile, app,
 * version and destination. Its number stands in the ids of the records that it made, so that evidence
 * leads back to it; the sensor takes ids for names only.
 */

import { holdsAt, type Profile, type World } from "../world/model.ts"
import { signerOf } from "../world/phones.ts"
import { checkOf, type Meeting, trustsUs } from "./reaction.ts"

/** Ends the ids of attempts that the sensor calls refusals: what is said of a refusal is about these. */
export const refusalMark = "-refused"

export type Truth = "pin" | "own-anchors" | "ca-distrust" | "none"

/** One line of truth.ndjson. Times are epoch milliseconds. */
export interface Case {
  record: "case"
  number: number
  device_id: string
  /** Another tenant's: ours must never say anything about it. */
  foreign: boolean
  profile: Profile
  platform: "android" | "ios"
  app_id: string
  app_version: string
  destination: string
  stack: string
  truth: Truth
  expected: boolean
  /** How the check works, for pins. */
  when: string | null
  labels: string[]
  /** Whether the world lets anybody see it, at the end; see README. */
  detectable: boolean
  why_not: string | null
  contacts: number
  /** Connections that met our certificate, and what came of them in truth. */
  inspected: number
  refused: number
  accepted: number
  spliced: number
  /** When contacts were refused that would have gone on without the effect, and that was told on the wire; at
   * least five minutes apart. */
  visits: number[]
  first_refused: number | null
  last_refused: number | null
  /** Contacts that came to nothing although they would have worked without us. */
  broken: number
  /** Splices of trials, in milliseconds. */
  trial_ms: number
  /** What the rules of others say of it. */
  claims: { mitmproxy: boolean; mockttp: boolean; imc: boolean }
}

export class CaseBook {
  readonly #cases = new Map<string, Case>()
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  get all(): Case[] {
    return [...this.#cases.values()]
  }

  of(meeting: Meeting, host: string): Case {
    const { phone, installed, at } = meeting
    const version = holdsAt(installed.version, at)
    const key = `${phone.id} ${installed.profile} ${installed.app.id} ${version} ${host}`
    const known = this.#cases.get(key)
    if (known) {
      // Distrust may begin after the first contact: then it is what refusals mean.
      if (known.truth === "none" && !trustsUs(meeting)) known.truth = "ca-distrust"
      return known
    }
    const { app } = installed
    const check = checkOf(meeting)
    const made: Case = {
      record: "case",
      number: this.#cases.size,
      device_id: phone.id,
      foreign: phone.tenant !== this.#world.tenant,
      profile: installed.profile,
      platform: phone.platform,
      app_id: app.id,
      app_version: version,
      destination: host,
      stack: meeting.stack.key,
      truth: check?.kind ?? truthOf(meeting),
      expected: check !== null && isAllowed(meeting),
      when: check?.when ?? null,
      labels: this.#labels(phone.id, app.id, meeting.place.host),
      detectable: false,
      why_not: null,
      contacts: 0,
      inspected: 0,
      refused: 0,
      accepted: 0,
      spliced: 0,
      visits: [],
      first_refused: null,
      last_refused: null,
      broken: 0,
      trial_ms: 0,
      claims: { mitmproxy: false, mockttp: false, imc: false },
    }
    this.#cases.set(key, made)
    return made
  }

  #labels(phone: string, app: string, host: string): string[] {
    const fits = (part: string | null, value: string) => part === null || part === value
    const named = this.#world.labels.filter(
      (label) => fits(label.phone, phone) && fits(label.app, app) && fits(label.host, host),
    )
    const names = [...new Set(named.map(({ name }) => name))]
    return names.length > 0 ? names : ["plain"]
  }
}

/** What the operator declared is the signer's app (allowed.ts): who signs it anew is somebody else. iOS tells none. */
function isAllowed({ phone, installed, at }: Meeting): boolean {
  const { app, signer } = installed
  return app.expected && (phone.platform === "ios" || holdsAt(signer, at) === signerOf(app))
}

/** Without a check of the app. Bundled roots are anchors of its own. */
function truthOf(meeting: Meeting): Truth {
  if (trustsUs(meeting)) return "none"
  return meeting.stack.ownAnchors ? "own-anchors" : "ca-distrust"
}

/** What may be called a pin-validation effect. */
export function isEffect(truth: Truth): boolean {
  return truth === "pin" || truth === "own-anchors"
}
