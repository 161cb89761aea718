/** What mobile EDR tells of openings and connections, when, and by the phone's own clock. */
import type { AppEvent } from "../../../src/record/app-event.ts"
import type { Random } from "../random.ts"
import { proxyAddress } from "../wire/addresses.ts"
import { holdsAt, type Installed, minute, type Phone, type World } from "../world/model.ts"

export interface Delivered {
  at: number
  event: AppEvent
}

/** Android agents upload in batches of so long. */
const batch = 90 * minute

export class EdrAgents {
  readonly #world: World
  readonly #random: Random
  #count = 0

  constructor(world: World, random: Random) {
    this.#world = world
    this.#random = random
  }

  opened(phone: Phone, installed: Installed, at: number, background: boolean): Delivered[] {
    if (!phone.edr.states) return []
    return this.#told(phone, installed, at, {
      type: "app_state",
      state: {
        app_state: background ? "background" : "foreground",
        device_locked: background ? this.#random.chance(0.6) : false,
        recent_user_interaction: !background,
      },
    })
  }

  /** One connection; behind an explicit proxy the agent sees the proxy's address, and only some agents
   * tell the source port. */
  connected(
    phone: Phone,
    installed: Installed,
    at: number,
    { host, ip, port }: { host: string; ip: string; port: number },
  ): Delivered[] {
    if (!phone.edr.connects || this.#random.chance(phone.edr.loss)) return []
    const explicit = phone.path === "explicit"
    return this.#told(phone, installed, at + this.#random.between(-200, 400), {
      type: "network_connect",
      dest: explicit
        ? { host: null, ip: proxyAddress, port: 8080, src_port: port }
        : { host, ip, port: 443, src_port: port },
    })
  }

  checked(phone: Phone, installed: Installed, at: number, host: string): Delivered[] {
    if (!phone.edr.trust || this.#random.chance(0.2)) return []
    return this.#told(phone, installed, at - this.#random.between(20, 2_000), {
      type: "tls_trust_customization",
      dest: { host, ip: null, port: 443, src_port: null },
      trust: { kind: "pin_comparison", evidence: "runtime" },
    })
  }

  /** The agent of a managed profile does not see the personal side. */
  #told(phone: Phone, installed: Installed, at: number, over: Partial<AppEvent>): Delivered[] {
    if (installed.profile === "personal") return []
    const { site } = this.#world
    const id = `event-${(this.#count++).toString(36)}`
    const observed = at + holdsAt(phone.clockOffset, at)
    const received = phone.edr.delay === "now" ? at + 2_000 : Math.ceil(at / batch) * batch
    return [
      {
        at: received,
        event: {
          tenant: phone.tenant,
          site,
          sensor_id: "edr",
          v: 1,
          id,
          observed_at: new Date(observed).toISOString(),
          event_id: id,
          source: "edr",
          received_at: new Date(received).toISOString(),
          device: {
            ...nameless,
            mdm_id: phone.mdm ? `mdm-${phone.id}` : null,
            device_id: phone.id,
          },
          app: {
            id: installed.app.id,
            version: holdsAt(installed.version, at),
            signer_sha256: phone.platform === "android" ? holdsAt(installed.signer, at) : null,
          },
          type: "unknown",
          dest: null,
          trust: null,
          state: null,
          ...over,
        },
      },
    ]
  }
}

const nameless = {
  device_id: null,
  mdm_id: null,
  serial: null,
  udid: null,
  imei: null,
  wifi_mac: null,
  ip: null,
  user: null,
}
