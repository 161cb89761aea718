/** Telemetry that is pushed to us: the webhook of mobile EDR, and Android Management by Pub/Sub. */
import type { Config } from "../../config.ts"
import type { Source, SourceParts } from "../../source/source.ts"
import { Intake } from "../../telemetry/intake.ts"
import { telemetryListeners } from "../../telemetry/listeners.ts"
import { pubsubRoute } from "../../telemetry/pubsub/pubsub.ts"
import { receiver } from "../../telemetry/receiver.ts"
import { Turns } from "../../telemetry/turns.ts"
import { Keyring } from "../../telemetry/webhook/keyring.ts"
import { webhookRoute } from "../../telemetry/webhook/webhook.ts"
import type { PartsOf } from "./parts-of.ts"

export function openWebhook({ sources }: Config, parts: PartsOf): Source[] {
  const { webhook, pubsub } = sources
  const turns = new Turns()
  return telemetryListeners(sources).map(({ at, settings, serves }) => {
    // What strangers do at a listener is told as its own: of the webhook, or of Pub/Sub.
    const name = serves[0] ?? "webhook"
    const own = parts(name, name)
    const listener = new Intake(own)
    const { clock, log } = own
    const senders = new Map(
      serves.includes("webhook")
        ? webhook.senders.map((sender) => {
            const its = parts(`webhook/${sender.name}`, "webhook")
            return [sender.name, new Intake(ofTenant(its, sender.tenant))] as const
          })
        : [],
    )
    const pushed = serves.includes("pubsub")
      ? name === "pubsub"
        ? listener
        : new Intake(parts("pubsub", "pubsub"))
      : null
    const keys = new Keyring(webhook.senders, {
      clock,
      unreadable: (reason) => log("error", "telemetry-key-unreadable", { source: name, reason }),
    })
    const routes = [
      ...(serves.includes("webhook")
        ? [
            webhookRoute({
              settings: webhook,
              keys,
              intakes: senders,
              turns,
              clock,
              refused: () => listener.refused(),
            }),
          ]
        : []),
      ...(pushed ? [pubsubRoute({ settings: pubsub, intake: pushed, turns, clock })] : []),
    ]
    const intakes = [...new Set([listener, ...senders.values(), ...(pushed ? [pushed] : [])])]
    return receiver({ at, settings, routes, listener, intakes, clock, log })
  })
}

function ofTenant(parts: SourceParts, tenant: string | null): SourceParts {
  return tenant === null ? parts : { ...parts, common: { ...parts.common, tenant } }
}
