/** What is wrong, or probably not meant, in a declaration of an app. Pure. */
import { widthOf } from "../../policy/register/scope-width.ts"
import { parseHostPattern } from "../../record/host-pattern.ts"
import { type Declaration, keyOf } from "./entry.ts"

export interface Fault {
  /** An `error` keeps the whole file out. */
  level: "error" | "warning"
  field: keyof Declaration
  text: string
}

const fingerprint = /^[0-9a-f]{64}$/
/** Longer ones are not compared: a CONNECT head has no more. */
const longestUserAgent = 512

/** A fingerprint as tools print it (`AA:BB:...`), as we keep it. */
export function plainFingerprint(text: string): string {
  return text.replaceAll(/[:\s]/g, "").toLowerCase()
}

/** `libraries`: beginnings of User-Agents that name a library, hence never one app. */
export function faultsOf(app: Declaration, now: number, libraries: readonly string[]): Fault[] {
  return [
    ...signerFaults(app),
    ...destinationFaults(app),
    ...userAgentFaults(app, libraries),
    ...governanceFaults(app, now),
  ]
}

/** Second and further entries of one app and signer, by their place in the list. */
export function doubles(apps: readonly Declaration[]): number[] {
  const seen = new Set<string>()
  return apps.flatMap((app, index) => {
    const key = keyOf(app)
    if (seen.has(key)) return [index]
    seen.add(key)
    return []
  })
}

function signerFaults({ signer_sha256 }: Declaration): Fault[] {
  if (signer_sha256 === null || fingerprint.test(signer_sha256)) return []
  const text = `"${signer_sha256}" is no SHA-256 of a signing certificate; write its 64 hex digits (apksigner verify --print-certs shows them)`
  return [{ level: "error", field: "signer_sha256", text }]
}

function destinationFaults({ approved_destinations }: Declaration): Fault[] {
  return approved_destinations.flatMap((destination): Fault[] => {
    const field = "approved_destinations"
    try {
      parseHostPattern(destination)
    } catch (error) {
      return [{ level: "error", field, text: error instanceof Error ? error.message : "" }]
    }
    const wide = widthOf({
      sni: destination,
      device_id: null,
      device_group: null,
      stack: null,
      client_network: null,
      destination_network: null,
    })
    if (wide === null) return []
    const text = `"${destination}" ${wide}; name the app's own hosts`
    return [{ level: "error", field, text }]
  })
}

function userAgentFaults({ user_agents }: Declaration, libraries: readonly string[]): Fault[] {
  return user_agents.flatMap((given): Fault[] => {
    const field = "user_agents"
    const bare = given.endsWith("*") ? given.slice(0, -1) : given
    if (bare === "" || bare.includes("*")) {
      const text = `"${given}" fits more than this app; name the product, with * at the end only`
      return [{ level: "error", field, text }]
    }
    if (given.length > longestUserAgent)
      return [{ level: "error", field, text: `is longer than ${longestUserAgent} characters` }]
    const library = libraries.find((name) => bare.toLowerCase().startsWith(name.toLowerCase()))
    if (library === undefined) return []
    const text = `"${given}" is a library's: every app that uses ${library} would count as this one`
    return [{ level: "warning", field, text }]
  })
}

function governanceFaults(app: Declaration, now: number): Fault[] {
  const { owner, review_at, declared_transport, approved_destinations } = app
  const faults: Fault[] = []
  const warn = (field: keyof Declaration, text: string) =>
    faults.push({ level: "warning", field, text })
  if (owner === null) warn("owner", "nobody answers for it; name a person or team")
  if (review_at === null) warn("review_at", "is missing: it would never be looked at again")
  else if (Date.parse(review_at) <= now) warn("review_at", `${review_at.slice(0, 10)} has passed`)
  if (declared_transport === "pins" && approved_destinations.length === 0)
    warn("approved_destinations", "is empty: pinning is declared, but not where to")
  return faults
}
