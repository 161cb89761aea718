/** Coverage as the store has it at one moment: counts, devices, sources, apps, acceptances. */
import {
  type CoverageInput,
  type CoveredDevice,
  coverage,
  type Gap,
} from "../../analytics/coverage.ts"
import type { Config } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import { sourceNames } from "../collector/source-names.ts"

/** Devices whose MDM data is read in one step: some 20 ms with 50 apps each. */
const devicesAtOnce = 250

/** For people: seconds, with 20,000 devices and more. */
export function coverageNow(store: Store, config: Config, now: number): Gap[] {
  const steps = coverageSteps(store, config, now)
  for (;;) {
    const { value, done } = steps.next()
    if (done) return value
  }
}

/** The same in steps, for who has other work to do between. What changes meanwhile is seen or not. */
export function* coverageSteps(
  store: Store,
  config: Config,
  now: number,
): Generator<undefined, Gap[], undefined> {
  const { tenant } = config
  const settings = config.analytics.coverage
  const managed: Pick<CoveredDevice, "device_id" | "platform" | "managed">[] = []
  const managedApps = new Set<string>()
  for (;;) {
    const after = managed.at(-1)?.device_id ?? ""
    const rows = store.coverage.managedAfter(tenant, after, devicesAtOnce)
    for (const { managed_apps, ...device } of rows) {
      managed.push(device)
      for (const app of managed_apps) managedApps.add(`${device.platform} ${app}`)
    }
    if (rows.length < devicesAtOnce) break
    yield
  }
  const declared = store
    .current("apps")
    .filter((app) => app.tenant === tenant && !app.withdrawn)
    .map(({ platform, app_id }) => `${platform} ${app_id}`)
  return coverage({
    counts: store.coverage.countsBetween(tenant, now - settings.window, now),
    devices: coveredDevices(store, tenant, managed),
    sources: configuredSources(store, config),
    managed_apps: managedApps,
    declared_apps: new Set(declared),
    acceptances: [...store.all("coverage-acceptances")].filter((one) => one.tenant === tenant),
    settings,
    now,
  })
}

/** One that was taken out of the configuration is nobody's concern any more. */
function configuredSources(store: Store, config: Config): CoverageInput["sources"] {
  const health = new Map(store.sources.all().map((one) => [one.name, one.health]))
  return sourceNames(config).map((name) => {
    const last = health.get(name)?.last_ok_at ?? null
    return { name, last_ok_ms: last === null ? null : Date.parse(last) }
  })
}

/** Those of inventory, and those that were only seen. */
function coveredDevices(
  store: Store,
  tenant: string,
  managed: readonly Pick<CoveredDevice, "device_id" | "platform" | "managed">[],
): CoveredDevice[] {
  const listed = new Map<string, number>()
  for (const { device_id, seen_ms } of store.sources.devicesSeen(tenant))
    listed.set(device_id, Math.max(listed.get(device_id) ?? 0, seen_ms))
  const active = new Map(store.coverage.activity(tenant).map((one) => [one.device_id, one]))
  const devices = managed.map((device) => ({
    ...device,
    traffic_ms: active.get(device.device_id)?.traffic_ms ?? null,
    event_ms: active.get(device.device_id)?.event_ms ?? null,
    listed_ms: listed.get(device.device_id) ?? null,
  }))
  for (const { device_id } of managed) active.delete(device_id)
  const strangers = [...active.values()].map((one) => ({
    ...one,
    platform: "unknown",
    managed: null,
    listed_ms: null,
  }))
  return [...devices, ...strangers]
}
