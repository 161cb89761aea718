/** What the store shows of each app: who has it, from whom it comes, where it went, what was found. Pure. */
import type { AppEvent, DeviceNames } from "../../record/app-event.ts"
import type { Platform } from "../../record/common.ts"
import type { Finding } from "../../record/finding.ts"
import type { Posture } from "../../record/posture.ts"

/** Apps remembered: those seen first. A fleet has some tens of thousands. */
const mostApps = 50_000
/** Of one app: signers, versions, destinations; and of one destination devices and days. */
const mostOfApp = 200
const mostOfDestination = 50

export interface SeenDestination {
  /** Devices by the name that the agent gave them, at most 50. */
  devices: Set<string>
  /** Days in UTC, at most 50. */
  days: Set<string>
}

export interface SeenApp {
  platform: Platform
  app_id: string
  name: string | null
  /** Devices whose MDM lists it, and those where MDM manages it. */
  devices: number
  managed: number
  signers: Map<string, number>
  /** Where an agent saw it go, by name. */
  destinations: Map<string, SeenDestination>
  /** Destinations where its pinning was confirmed, with how many findings say so. */
  confirmed: Map<string, number>
}

export class Observed {
  readonly #apps = new Map<string, SeenApp>()
  /** Apps that were left out because there are too many. */
  dropped = 0

  get apps(): Iterable<SeenApp> {
    return this.#apps.values()
  }

  of(platform: Platform, appId: string): SeenApp | null {
    return this.#apps.get(`${platform} ${appId}`) ?? null
  }

  notePosture(posture: Posture, platform: Platform): void {
    for (const { app_id, name, signer_sha256, managed } of posture.apps ?? []) {
      const app = this.#app(platform, app_id)
      if (!app) continue
      app.name ??= name
      app.devices += 1
      if (managed ?? posture.profile === "work") app.managed += 1
      if (signer_sha256 !== null) count(app.signers, signer_sha256)
    }
  }

  /** `platform`: of the device that the event names. */
  noteEvent(event: AppEvent, platform: Platform): void {
    const { app, dest, device, observed_at } = event
    const known = app.id === null ? null : this.#app(platform, app.id)
    if (!known) return
    if (app.signer_sha256 !== null) count(known.signers, app.signer_sha256)
    const host = dest?.host?.toLowerCase()
    const who = nameOf(device)
    if (!host || who === null) return
    const seen = known.destinations.get(host) ?? { devices: new Set(), days: new Set() }
    if (!known.destinations.has(host) && known.destinations.size >= mostOfApp) return
    known.destinations.set(host, seen)
    if (seen.devices.size < mostOfDestination) seen.devices.add(who)
    if (seen.days.size < mostOfDestination) seen.days.add(observed_at.slice(0, 10))
  }

  noteFinding({ key, platform, verdict, app_attribution }: Finding): void {
    if (key.app_id === null || app_attribution !== "observed" || verdict !== "confirmed") return
    const app = this.#app(platform, key.app_id)
    if (app) count(app.confirmed, key.destination)
  }

  #app(platform: Platform, appId: string): SeenApp | null {
    const key = `${platform} ${appId}`
    const known = this.#apps.get(key)
    if (known) return known
    if (this.#apps.size >= mostApps) {
      this.dropped += 1
      return null
    }
    const app: SeenApp = {
      platform,
      app_id: appId,
      name: null,
      devices: 0,
      managed: 0,
      signers: new Map(),
      destinations: new Map(),
      confirmed: new Map(),
    }
    this.#apps.set(key, app)
    return app
  }
}

function count(counts: Map<string, number>, what: string): void {
  const before = counts.get(what)
  if (before === undefined && counts.size >= mostOfApp) return
  counts.set(what, (before ?? 0) + 1)
}

/** However the agent calls the device; an address is nobody's name. */
function nameOf(device: DeviceNames): string | null {
  const { device_id, mdm_id, serial, udid, imei, wifi_mac, user } = device
  return device_id ?? mdm_id ?? serial ?? udid ?? imei ?? wifi_mac ?? user
}
