/** The phones of a world before anything goes wrong with them. */
import type { Random } from "../random.ts"
import {
  type Anchor,
  type App,
  day,
  type Edr,
  type From,
  hour,
  type Installed,
  type Phone,
  type Platform,
  type Profile,
  type Trust,
} from "./model.ts"

/** Installed apps of one phone, the browser beside them. */
const appsOfPhone = 11

/** Where fleets have the CA. Android: the user store of a device or work profile, the system store
 * of own builds. What has none is a confounder of its own. */
const anchors: Record<Platform, readonly [Anchor, number][]> = {
  android: [
    ["user-store", 0.65],
    ["system", 0.35],
  ],
  ios: [
    ["mdm-trusted", 0.95],
    ["absent", 0.05],
  ],
}

export function makePhone(
  number: number,
  apps: readonly App[],
  { start, end, issuer }: { start: number; end: number; issuer: string },
  random: Random,
): Phone {
  const platform: Platform = random.chance(0.6) ? "android" : "ios"
  const anchor = random.weighted(anchors[platform])
  const trust: From<Trust>[] = [
    { from: start, value: { anchor, issuers: anchor === "absent" ? [] : [issuer] } },
  ]
  const path = random.chance(0.5) ? "explicit" : "transparent"
  const activity = random.skewed(1, 1.5)
  const installed = apps
    .filter((app) => app.platform === platform && app.role === "browser")
    .concat(
      popular(
        apps.filter((app) => app.platform === platform),
        random,
      ),
    )
    .map((app) => install(app, "device", activity, start, random))
  return {
    id: `phone-${number}`,
    tenant: "acme",
    platform,
    osVersion:
      platform === "android"
        ? random.pick(["13", "14", "15", "16"])
        : random.pick(["17.6", "18.2", "26.0"]),
    trust: new Map([["device" as Profile, trust]]),
    mdm: { every: random.pick([4, 8, 24]) * hour, offset: random.between(0, 4 * hour) },
    managed: true,
    supervised: platform === "ios" && random.chance(0.7),
    compliant: random.chance(0.95),
    apps: installed,
    edr: drawEdr(platform, random),
    path,
    relayed: false,
    taps: [],
    blockedDirect: false,
    enrolledAfter: 0,
    listsManagedOnly: false,
    addresses: addressesOf(number, start, end, random),
    clockOffset: [{ from: start, value: random.between(-2_000, 2_000) }],
    rttMs: random.skewed(18, 1.8),
    slowness: random.between(1, 4),
    outages: [],
    activity,
  }
}

export function install(
  app: App,
  profile: Profile,
  activity: number,
  since: number,
  random: Random,
): Installed {
  const isBrowser = app.role === "browser"
  return {
    app,
    profile,
    version: [{ from: since, value: "1.0" }],
    signer: [{ from: since, value: signerOf(app) }],
    stack: [{ from: since, value: app.stack }],
    managed: !isBrowser,
    opensADay: random.skewed(isBrowser ? 5 : 2, 1.6) * activity,
    syncsADay: isBrowser || random.chance(0.4) ? 0 : random.pick([2, 4, 8]),
    since,
  }
}

/** A made-up fingerprint, one for each app. */
export function signerOf(app: App): string {
  return Buffer.from(app.id.padEnd(32, ".")).toString("hex").slice(0, 64)
}

function popular(apps: readonly App[], random: Random): App[] {
  const chosen = apps.filter((app) => app.role !== "browser" && random.chance(app.installShare))
  return random.some(chosen, appsOfPhone)
}

/** Connection events come from half of the Android phones; iOS agents tell less (AN1726). */
function drawEdr(platform: Platform, random: Random): Edr {
  const has = random.chance(platform === "android" ? 0.6 : 0.3)
  return {
    connects: has,
    trust: has && platform === "android" && random.chance(0.5),
    states: has && random.chance(0.7),
    delay: "now",
    loss: has ? random.pick([0, 0.02, 0.1]) : 0,
  }
}

/** One lease a day, told by DHCP. */
function addressesOf(number: number, start: number, end: number, random: Random) {
  const told = random.chance(0.3) ? ("vpn" as const) : ("dhcp" as const)
  const days = Math.ceil((end - start) / day)
  return Array.from({ length: days }, (_, i) => ({
    from: start + i * day,
    value: { ip: `10.${20 + (i % 100)}.${Math.floor(number / 250)}.${1 + (number % 250)}`, told },
  }))
}
