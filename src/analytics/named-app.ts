/** Which app a key names, how sure that is, and whether it is the platform itself. */
import type { AppAttribution, ScopeVerdict } from "../record/finding.ts"
import { byTime } from "./bucket.ts"
import { hoursOf } from "./control.ts"
import type { KeyEvidence } from "./key-evidence.ts"
import { isPlatformApp } from "./platform-hosts.ts"
import type { Sighting } from "./sighting.ts"
import { OPAQUE_HOURS } from "./verdict.ts"

/** The OS's own app, or no app known on a stack that no program's User-Agent claims. */
export function isPlatformActor(key: KeyEvidence, app: NamedApp): boolean {
  if (app.id !== null) return isPlatformApp(app.id)
  const { stack, program } = key.group.actor
  return stack !== null && program === null
}

export interface NamedApp {
  id: string | null
  version: string | null
  signer: string | null
}

/** The app of a key: the observed one, else the only one that hints name for what counts. */
export function namedApp(key: KeyEvidence): NamedApp {
  const { actor } = key.group
  if (actor.kind === "app") return told(key, actor.app_id, actor.app_version)
  const counted: readonly Sighting[] =
    key.refusals.length > 0 ? key.refusals : [...key.attempts, ...key.flows]
  const named = new Set<string>()
  for (const { who } of counted) if (who.app_id !== null) named.add(who.app_id)
  const [id, second] = named
  if (id === undefined || second !== undefined) return { id: null, version: null, signer: null }
  return told(key, id, null)
}

/** Version and signer as they were last told of the app. */
function told(key: KeyEvidence, id: string | null, version: string | null): NamedApp {
  const last = (field: "app_version" | "app_signer") => {
    const has = ({ who }: Sighting) => who.app_id === id && who[field] !== null
    const found = [key.attempts.findLast(has), key.flows.findLast(has)]
    return (
      found
        .filter((each) => each !== undefined)
        .sort(byTime)
        .at(-1)?.who[field] ?? null
    )
  }
  return { id, version: version ?? last("app_version"), signer: last("app_signer") }
}

/** `observed` only where the observed evidence carries the verdict without what was adopted. */
export function attributionOf(
  key: KeyEvidence,
  app: NamedApp,
  verdict: ScopeVerdict,
): AppAttribution {
  if (app.id === null) return "unknown"
  if (key.group.actor.kind === "stack") return "inferred"
  switch (verdict) {
    case "refuses-here":
    case "suspected":
    case "probable":
    case "confirmed":
    case "broken-or-other":
      return key.observedSuffices ? "observed" : "inferred"
    case "opaque-persistent": {
      const own = key.control.opaque.filter((flow) => !key.group.adopted.has(flow.id))
      return hoursOf(own) >= OPAQUE_HOURS ? "observed" : "inferred"
    }
    case "refuses-everything":
      return key.refusals.some((refusal) => !key.group.adopted.has(refusal.id))
        ? "observed"
        : "inferred"
    case "private-trust":
      return [...key.refusals, ...key.flows.filter(({ fact }) => fact.verdict === "used")].some(
        (each) => !key.group.adopted.has(each.id),
      )
        ? "observed"
        : "inferred"
    case "accepts":
    case "mixed":
    case "platform-expected":
    case "held-by-bypass":
    case "undetermined":
      return "observed"
  }
}
