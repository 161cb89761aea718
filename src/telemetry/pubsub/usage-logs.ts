/**
 * Android Management's usage logs as app events.
 *
 * In: a BatchUsageLogEvents of the API. Out: app events. Pure. Only what the API says is said: it
 * knows neither foreground nor source port nor trust customisation. CERT_VALIDATION_FAILURE is about
 * Wi-Fi access points, not about an app's TLS, so it is kept as a type of its own and is no evidence.
 */
import { isIP } from "node:net"
import { z } from "zod"
import { AppEvent } from "../../record/app-event.ts"
import { AnyTimestamp } from "../../record/common.ts"
import type { Said } from "../intake.ts"
import { aheadProblem, appEventId } from "../native-event.ts"

export const source = "android-management"
/** Before the types that we keep and do not judge: `amapi.cert_validation_failure`. */
const ownType = "amapi."

const text = z.string().min(1).max(256)
const Batch = z.object({
  device: z.string().regex(/^enterprises\/[^/]{1,64}\/devices\/[A-Za-z0-9_-]{1,100}$/),
  usageLogEvents: z.array(z.unknown()).default([]),
})
const Event = z.object({
  eventId: text.optional().catch(undefined),
  eventTime: AnyTimestamp,
  eventType: text,
  connectEvent: z
    .object({
      destinationIpAddress: text.optional(),
      destinationPort: z.int().min(0).max(65_535).optional(),
      packageName: text.optional(),
    })
    .nullish(),
  dnsEvent: z
    .object({
      hostname: text.optional(),
      ipAddresses: z.array(text).default([]),
      packageName: text.optional(),
    })
    .nullish(),
  appProcessStartEvent: z
    .object({ processInfo: z.object({ packageNames: z.array(text).default([]) }).optional() })
    .nullish(),
})
type Event = z.infer<typeof Event>
type Told = Pick<z.input<typeof AppEvent>, "type" | "app" | "dest" | "state">

export interface UsageContext {
  common: { tenant: string; site: string; sensor_id: string; v: 1 }
  /** Of the Pub/Sub message: delivered twice, it says the same. */
  messageId: string
  now: number
  mostAheadMs: number
}

/** Null where it is no batch. */
export function usageEvents(payload: unknown, context: UsageContext): Said | null {
  const batch = Batch.safeParse(payload)
  if (!batch.success) return null
  const { device, usageLogEvents } = batch.data
  // As the poller of Android Management names it: the last part.
  const mdmId = device.slice(device.lastIndexOf("/") + 1)
  const events: AppEvent[] = []
  const unknownTypes: string[] = []
  for (const [index, raw] of usageLogEvents.entries()) {
    const event = Event.safeParse(raw)
    if (!event.success || aheadProblem(event.data.eventTime, context)) continue
    const told = toldBy(event.data)
    if (told.type.startsWith(ownType)) unknownTypes.push(told.type)
    const eventId = idOf(event.data, device, index, context)
    events.push(
      AppEvent.parse({
        ...context.common,
        ...told,
        id: appEventId(context.common.tenant, source, eventId),
        observed_at: event.data.eventTime,
        event_id: eventId,
        source,
        received_at: new Date(context.now).toISOString(),
        device: { mdm_id: mdmId },
      }),
    )
  }
  return { events, unknownTypes, rejected: usageLogEvents.length - events.length }
}

/** The API publishes a batch again, as another message, when it is not sure: then its own ids tell.
 * They start anew when the phone does, so the time belongs to them. */
function idOf(event: Event, device: string, index: number, { messageId }: UsageContext): string {
  const { eventId, eventTime, eventType } = event
  return eventId === undefined
    ? `${messageId}/${index}`
    : `${device}/${eventId}/${Date.parse(eventTime)}/${eventType}`
}

function toldBy(event: Event): Told {
  const { eventType, connectEvent, dnsEvent, appProcessStartEvent } = event
  switch (eventType) {
    case "CONNECT":
      return {
        type: "network_connect",
        app: { id: connectEvent?.packageName ?? null },
        dest: {
          ip: addressOf(connectEvent?.destinationIpAddress),
          port: connectEvent?.destinationPort ?? null,
        },
      }
    case "DNS": {
      const [address, ...others] = dnsEvent?.ipAddresses ?? []
      return {
        type: "dns_lookup",
        app: { id: dnsEvent?.packageName ?? null },
        dest: {
          host: dnsEvent?.hostname ?? null,
          // An event has place for one address; of several none is the one.
          ip: others.length === 0 ? addressOf(address) : null,
        },
      }
    }
    case "KEYGUARD_SECURED":
      return { type: "device_state", state: { device_locked: true } }
    case "KEYGUARD_DISMISSED":
      return { type: "device_state", state: { device_locked: false } }
  }
  const [packageName, ...more] = appProcessStartEvent?.processInfo?.packageNames ?? []
  return {
    type: `${ownType}${eventType.toLowerCase()}`,
    app: { id: more.length === 0 ? (packageName ?? null) : null },
  }
}

function addressOf(text: string | undefined): string | null {
  return text !== undefined && isIP(text) !== 0 ? text : null
}
