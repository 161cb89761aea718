/** Which listeners the settings of webhook and Pub/Sub make together, and what cannot be. */
import { type ListenerSettings, listenPort } from "./listener/settings.ts"
import type { PubSubSettings } from "./pubsub/settings.ts"
import type { WebhookSettings } from "./webhook/settings.ts"

export interface TelemetrySettings {
  webhook: WebhookSettings
  pubsub: PubSubSettings
}

export interface TelemetryListener {
  /** The setting it is made of. */
  at: string
  settings: ListenerSettings
  serves: readonly ("webhook" | "pubsub")[]
}

export function telemetryListeners({ webhook, pubsub }: TelemetrySettings): TelemetryListener[] {
  const { listen } = webhook
  const own = pubsub.enabled ? pubsub.listener : null
  const shares = pubsub.enabled && own === null
  return [
    ...(listen === null
      ? []
      : [
          {
            at: "sources.webhook",
            settings: { ...webhook, listen },
            serves: shares ? (["webhook", "pubsub"] as const) : (["webhook"] as const),
          },
        ]),
    ...(own === null
      ? []
      : [{ at: "sources.pubsub.listener", settings: own, serves: ["pubsub"] as const }]),
  ]
}

/** What each setting alone does not show. `taken`: where else the sensor listens. */
export function telemetryFaults(
  settings: TelemetrySettings,
  taken: readonly string[],
): { path: string[]; message: string }[] {
  const { webhook, pubsub } = settings
  const faults: { path: string[]; message: string }[] = []
  const refuse = (path: string, message: string) => faults.push({ path: path.split("."), message })
  const shares = pubsub.enabled && pubsub.listener === null
  if (shares && webhook.listen === null)
    refuse("sources.pubsub.listener", "is needed where sources.webhook has no listen to share")
  if (shares && webhook.tls?.["client-ca"] != null)
    refuse(
      "sources.pubsub.listener",
      "is needed: Pub/Sub has no certificate of the client-ca that sources.webhook asks for",
    )
  if (webhook.listen !== null && webhook.senders.length === 0 && !shares)
    refuse("sources.webhook.senders", "name at least one: without a key nobody may send")
  const used = new Set(taken)
  for (const { at, settings: its } of telemetryListeners(settings)) {
    if (used.has(its.listen) && listenPort(its.listen) !== 0)
      refuse(`${at}.listen`, `${its.listen} is taken by another listener`)
    used.add(its.listen)
  }
  return faults
}
