/**
 * The native schema of telemetry, version 1: an app event without the fields that only we know.
 *
 * In: one object as a producer sent it. Out: the app event, or what is wrong with it. Pure.
 */
import { createHash } from "node:crypto"
import { isIP } from "node:net"
import { AppEvent } from "../record/app-event.ts"
import { type Problem, problemOf } from "../record/problem.ts"

/** The types that analytics know. Any other is kept as it is, and counted. */
export const knownTypes: ReadonlySet<string> = new Set([
  "tls_trust_customization",
  "network_connect",
  "dns_lookup",
  "app_state",
  "device_state",
  "app_static_fact",
])

/** What only we say. */
const ours = ["id", "tenant", "site", "sensor_id", "received_at"] as const
const theirs: ReadonlySet<string> = new Set(
  Object.keys(AppEvent.shape).filter((key) => !ours.some((own) => own === key)),
)
/** `event_id`, `source` and `type` are columns or shown: longer ones are a fault. */
const longest = 256
/** Names of devices, apps and destinations: nothing true is longer, in characters. */
const longestName = 1_024

export interface ProducerContext {
  common: { tenant: string; site: string; sensor_id: string; v: 1 }
  /** Names that this producer may write as. */
  sources: ReadonlySet<string>
  /** Our clock, in epoch milliseconds. */
  now: number
  /** What is further ahead of our clock is refused, in milliseconds. */
  mostAheadMs: number
}

export type Native = { event: AppEvent; unknownType: string | null } | { problem: Problem }

export function nativeEvent(raw: unknown, context: ProducerContext): Native {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw))
    return fault(null, "must be one JSON object")
  const { record, ...given } = raw as Record<string, unknown>
  if (record !== undefined && record !== "app-event")
    return fault("record", "only app events are taken here; leave it out")
  const own = ours.find((key) => Object.hasOwn(given, key))
  if (own) return fault(own, "is said by the receiver; leave it out")
  const type = typeof given["type"] === "string" ? given["type"] : null
  const unknownType = type === null || knownTypes.has(type) ? null : type
  const fields = unknownType === null ? given : familiar(given)
  const { common, now } = context
  const parsed = AppEvent.safeParse(
    {
      ...fields,
      ...common,
      // Another version is refused.
      v: given["v"] === undefined ? 1 : given["v"],
      id: appEventId(common.tenant, given["source"], given["event_id"]),
      received_at: new Date(now).toISOString(),
    },
    { reportInput: true },
  )
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return { problem: issue ? problemOf(issue) : { field: null, text: parsed.error.message } }
  }
  const event = withSigner(parsed.data)
  const problem = problemWith(event, context)
  return problem ? { problem } : { event, unknownType }
}

/** The same event of one producer has one id, however it comes: import makes the same. */
export function appEventId(tenant: string, source: unknown, eventId: unknown): string {
  const said = JSON.stringify(["app-events", tenant, [source, eventId]])
  return createHash("sha256").update(said).digest("hex").slice(0, 32)
}

/** Why an event of that time is refused: it would stand before all others, and never age. Late ones are
 * kept: phones send after days, and what they say is judged while `analytics.scope` allows it. */
export function aheadProblem(
  observedAt: string,
  { now, mostAheadMs }: Pick<ProducerContext, "now" | "mostAheadMs">,
): Problem | null {
  const ahead = Date.parse(observedAt) - now
  if (ahead <= mostAheadMs) return null
  const text = `is ${Math.round(ahead / 1_000)} s ahead of the receiver's clock (${new Date(now).toISOString()}); set the producer's clock`
  return { field: "observed_at", text }
}

/** Of an unknown type we keep the fields that we know: what else it brings has no place. */
function familiar(given: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([key]) => theirs.has(key)))
}

function problemWith(event: AppEvent, context: ProducerContext): Problem | null {
  const { source, event_id, type, device, dest, app } = event
  for (const [field, text] of Object.entries({ source, event_id, type }))
    if (text.length > longest) return { field, text: `is longer than ${longest} characters` }
  const names = { source, event_id, type, ...prefixed({ device, app, dest }) }
  for (const [field, text] of Object.entries(names)) {
    if (typeof text !== "string") continue
    if (text.length > longestName)
      return { field, text: `is longer than ${longestName} characters; correct it` }
    // The store would take different ones for the same.
    if (!text.isWellFormed())
      return { field, text: "has half a surrogate pair; send whole characters" }
  }
  if (!context.sources.has(source)) {
    const may = [...context.sources].join(", ")
    return { field: "source", text: `this key may only write as ${may}; correct one of them` }
  }
  for (const field of ["port", "src_port"] as const) {
    const port = dest?.[field] ?? null
    if (port !== null && (port < 0 || port > 65_535))
      return { field: `dest.${field}`, text: "must be 0 to 65535; correct it" }
  }
  if (dest?.ip != null && isIP(dest.ip) === 0)
    return { field: "dest.ip", text: "must be an IPv4 or IPv6 address; correct it" }
  if (app.signer_sha256 !== null && !/^[0-9a-f]{64}$/.test(app.signer_sha256))
    return { field: "app.signer_sha256", text: "must be 64 hexadecimal digits; correct it" }
  return aheadProblem(event.observed_at, context)
}

/** Fields below a field by their dotted name. */
function prefixed(groups: Record<string, object | null>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(groups).flatMap(([group, fields]) =>
      Object.entries(fields ?? {}).map(([name, value]) => [`${group}.${name}`, value]),
    ),
  )
}

/** Fingerprints are compared as lower-case digits, without the colons that tools write. */
function withSigner(event: AppEvent): AppEvent {
  const signer = event.app.signer_sha256
  if (signer === null) return event
  const plain = signer.replaceAll(":", "").toLowerCase()
  return { ...event, app: { ...event.app, signer_sha256: plain } }
}

function fault(field: string | null, text: string): Native {
  return { problem: { field, text } }
}
