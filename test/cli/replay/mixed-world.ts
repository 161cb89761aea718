/**
 * A day of a small fleet: a pinned Android app with runtime events, an iOS app that went around the
 * proxy, a phone without the CA, an address that nobody knows, a lease that changed hands, a name that
 * was refused and then accepted.
 */
import type { Kind, RecordOf } from "../../../src/record/kinds.ts"
import { pinnedDevice } from "../../support/pinned-device.ts"
import {
  app,
  appEvent,
  attempt,
  dayStart,
  device,
  HOUR,
  MINUTE,
  pinEvent,
  posture,
  stateEvent,
  zeekFlow,
} from "../../support/records.ts"

export const whose = { tenant: "acme", site: "hq" }

/** A record of any kind that can be appended, as it arrives. */
export interface Arrival {
  kind: "attempts" | "flows" | "app-events" | "devices" | "postures" | "apps" | "bindings"
  record: { id: string; observed_at: string }
}

export function arrival<K extends Arrival["kind"] & Kind>(kind: K, record: RecordOf[K]): Arrival {
  return { kind, record }
}

export function binding(device_id: string, address: string, from: number, to: number | null) {
  const at = (ms: number) => new Date(dayStart + ms).toISOString()
  return {
    ...whose,
    sensor_id: "vpn",
    v: 1 as const,
    id: `binding-${device_id}-${address}-${from}`,
    observed_at: at(from),
    realm: null,
    address,
    valid_from: at(from),
    valid_to: to === null ? null : at(to),
    device_id,
    source: "vpn" as const,
    confidence: 0.9,
    shared: false,
    names: null,
    flags: [],
  }
}

const at = (ms: number) => ({ ...whose, observed_at: new Date(dayStart + ms).toISOString() })

/** Everything that is told of the day, in no order that matters. */
export function mixedDay(): Arrival[] {
  return [
    ...pinned(),
    ...runtimeEvents(),
    ...iphone(),
    ...withoutCa(),
    ...unknownAddress(),
    ...changedLease(),
  ]
}

function pinned(): Arrival[] {
  const given = pinnedDevice("bank", "10.9.0.1", dayStart + 9 * HOUR, whose)
  return [
    ...given.devices.map((one) => arrival("devices", one)),
    ...given.postures.map((one) => arrival("postures", one)),
    ...given.apps.map((one) => arrival("apps", one)),
    ...given.bindings.map((one) => arrival("bindings", one)),
    ...given.attempts.map((one) => arrival("attempts", one)),
    ...given.flows.map((one) => arrival("flows", one)),
  ]
}

/** Of the pinned app, told by its phone an hour and a half later. */
function runtimeEvents(): Arrival[] {
  const of = { ...whose, device: { ...appEvent(0).device, device_id: "phone-bank" } }
  const bank = { app: { id: "com.example.bank", version: "1.0", signer_sha256: null } }
  const start = 8 * HOUR + 34 * MINUTE
  return [
    arrival("app-events", pinEvent(start, { ...of, ...bank, id: "event-pin", event_id: "e1" })),
    arrival(
      "app-events",
      stateEvent(
        start + MINUTE / 2,
        { app_state: "background", device_locked: true, recent_user_interaction: false },
        { ...of, ...bank, id: "event-state", event_id: "e2" },
      ),
    ),
  ]
}

/** Supervised; its app refuses, then goes around the proxy for hours. */
function iphone(): Arrival[] {
  const app_id = "com.example.chat"
  const managed = { app_id, name: null, version: "2.0", signer_sha256: null, managed: true }
  const from = { ...whose, client_ip: "10.9.0.2", connect_user_agent: "chat/2.0" }
  return [
    arrival("devices", device({ ...at(0), id: "d-ip", device_id: "iphone", platform: "ios" })),
    arrival(
      "postures",
      posture({ ...at(0), id: "p-ip", device_id: "iphone", apps: [managed], supervised: true }),
    ),
    arrival(
      "apps",
      app({ ...at(0), id: "a-chat", app_id, platform: "ios", user_agents: ["chat/*"] }),
    ),
    arrival("bindings", binding("iphone", "10.9.0.2", 0, null)),
    ...["www.news.example", "cdn.maps.example"].map((sni, index) =>
      arrival(
        "attempts",
        attempt(sni, HOUR + index, "accepted", { ...from, id: `ip-ok-${index}` }),
      ),
    ),
    ...[1, 3, 5].map((minute) =>
      arrival(
        "attempts",
        attempt("api.chat.example", HOUR + minute * MINUTE, "refused-alert", {
          ...from,
          id: `ip-no-${minute}`,
        }),
      ),
    ),
    ...[2, 4, 6].map((hour) =>
      arrival(
        "flows",
        zeekFlow("api.chat.example", hour * HOUR, {
          ...whose,
          client_ip: "10.9.0.2",
          id: `ip-zeek-${hour}`,
          control: true,
        }),
      ),
    ),
  ]
}

function withoutCa(): Arrival[] {
  return [
    arrival("devices", device({ ...at(0), id: "d-noca", device_id: "no-ca" })),
    arrival(
      "postures",
      posture({ ...at(0), id: "p-noca", device_id: "no-ca", inspection_ca: "absent", apps: [] }),
    ),
    arrival("bindings", binding("no-ca", "10.9.0.3", 0, null)),
    ...[1, 2, 3, 4, 5, 6].map((place) =>
      arrival(
        "attempts",
        attempt(`host${place}.example`, 3 * HOUR + place * MINUTE, "refused-alert", {
          ...whose,
          client_ip: "10.9.0.3",
          id: `noca-${place}`,
          alert: 48,
        }),
      ),
    ),
  ]
}

/** Refused three times and then accepted; refused four times elsewhere. */
function unknownAddress(): Arrival[] {
  const from = { ...whose, client_ip: "10.9.0.4" }
  const tries = [
    ["once.example", 1, "refused-alert"],
    ["once.example", 2, "refused-alert"],
    ["once.example", 3, "refused-alert"],
    ["once.example", 90, "accepted"],
    ["never.example", 5, "refused-close"],
    ["never.example", 7, "refused-reset"],
    ["never.example", 9, "refused-alert"],
    ["never.example", 11, "refused-after-handshake"],
  ] as const
  return tries.map(([sni, minute, outcome]) =>
    arrival(
      "attempts",
      attempt(sni, 5 * HOUR + minute * MINUTE, outcome, { ...from, id: `who-${sni}-${minute}` }),
    ),
  )
}

/** One address, two phones after each other, both refuse the same name. */
function changedLease(): Arrival[] {
  const from = { ...whose, client_ip: "10.9.0.5" }
  const phones = ["early", "late"] as const
  return phones.flatMap((name, index) => {
    const start = (10 + 2 * index) * HOUR
    return [
      arrival("devices", device({ ...at(0), id: `d-${name}`, device_id: name })),
      arrival("postures", posture({ ...at(0), id: `p-${name}`, device_id: name, apps: [] })),
      arrival("bindings", binding(name, "10.9.0.5", start, start + 2 * HOUR)),
      ...[1, 2, 3].map((minute) =>
        arrival(
          "attempts",
          attempt("api.game.example", start + minute * 10 * MINUTE, "refused-alert", {
            ...from,
            id: `${name}-no-${minute}`,
          }),
        ),
      ),
    ]
  })
}

/** One app on three phones whose agents tell it at once; two refuse a place at seven and at nine, the third accepts it
 * at eight. */
export function fleetDay(): Arrival[] {
  return [
    arrival("apps", app({ ...at(0), id: "a-shop", app_id: shop, category: "game" })),
    ...shopper("shop-1", "10.9.1.1", 7, "refused-alert"),
    ...shopper("shop-2", "10.9.1.2", 8, "accepted"),
    ...shopper("shop-3", "10.9.1.3", 9, "refused-alert"),
  ]
}

const shop = "com.example.shop"

function shopper(
  name: string,
  client_ip: string,
  hour: number,
  outcome: "accepted" | "refused-alert",
): Arrival[] {
  const managed = { app_id: shop, name: null, version: "3.0", signer_sha256: null, managed: true }
  const tries = [
    ["www.news.example", 1, "accepted"],
    ["cdn.maps.example", 2, "accepted"],
    ["api.shop.example", 3, outcome],
    ["api.shop.example", 5, outcome],
    ["api.shop.example", 7, outcome],
  ] as const
  return [
    arrival("devices", device({ ...at(0), id: `d-${name}`, device_id: name })),
    arrival("postures", posture({ ...at(0), id: `p-${name}`, device_id: name, apps: [managed] })),
    arrival("bindings", binding(name, client_ip, 0, null)),
    ...tries.map(([sni, minute]) =>
      arrival(
        "app-events",
        appEvent(hour * HOUR + minute * MINUTE, {
          ...whose,
          id: `event-${name}-${minute}`,
          event_id: `event-${name}-${minute}`,
          device: { ...appEvent(0).device, device_id: name },
          type: "network_connect",
          app: { id: shop, version: "3.0", signer_sha256: null },
          dest: { host: sni, ip: null, port: 443, src_port: null },
        }),
      ),
    ),
    ...tries.map(([sni, minute, result]) =>
      arrival(
        "attempts",
        attempt(sni, hour * HOUR + minute * MINUTE, result, {
          ...whose,
          client_ip,
          id: `${name}-${minute}`,
        }),
      ),
    ),
  ]
}
