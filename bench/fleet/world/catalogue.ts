/**
 * Apps and destinations of a world. Prevalence of pinning per world is drawn from what IMC 2022 found:
 * 0.9 to 8 % of Android apps, 2.5 to 11 % of iOS apps, finance most.
 */
import type { Random } from "../random.ts"
import { type StackName, stacks } from "../wire/stacks.ts"
import type { App, Check, Place, Platform, Tactics, Use } from "./model.ts"

/** Apps of one platform, embedded services, and sites that browsers visit. */
const appsOfPlatform = 70
const services = 24
const sites = 40

/** Shares of TLS libraries; about 84 % of Android apps use the platform's (CoNEXT 2017). */
const mix: Record<Platform, readonly [StackName, number][]> = {
  android: [
    ["conscrypt", 0.42],
    ["okhttp", 0.42],
    ["flutter", 0.08],
    ["openssl", 0.03],
    ["curlBoring", 0.02],
    ["mbedtls", 0.01],
    ["wolfssl", 0.01],
    ["gnutls", 0.005],
    ["nss", 0.005],
  ],
  ios: [
    ["urlsession", 0.92],
    ["openssl", 0.04],
    ["go", 0.03],
    ["mbedtls", 0.01],
  ],
}

const categories = ["game", "shopping", "news", "travel", "productivity", "social", "finance"]

/** Android apps that trust user-added CAs: enterprise builds and what targets API 23. */
const optsIn = 0.3

export const plain: Tactics = {
  rotates: false,
  mutatesHello: false,
  alwaysDirect: false,
  harmless: 0,
  patient: false,
}

export interface Catalogue {
  places: Place[]
  apps: App[]
}

/** `pinShare`: null draws it. */
export function makeCatalogue(random: Random, pinShare: number | null): Catalogue {
  const places: Place[] = []
  const placeOf = (host: string): Place => {
    const place = newPlace(host, places.length, random)
    places.push(place)
    return place
  }
  const embedded = range(services).map((i) => placeOf(`sdk.service${i}.example`))
  const visited = range(sites).map((i) => placeOf(`www.site${i}.example`))
  const apps = (["android", "ios"] as const).flatMap((platform) => {
    const [least, most] = platform === "android" ? [0.009, 0.08] : [0.025, 0.11]
    const share = pinShare ?? random.between(least, most)
    return [
      browser(platform, visited, random),
      ...range(appsOfPlatform).map((i) => newApp(platform, i, share, embedded, placeOf, random)),
    ]
  })
  return { places, apps }
}

export function newPlace(host: string, number: number, random: Random): Place {
  return {
    host,
    ip: `203.0.${113 + Math.floor(number / 250)}.${1 + (number % 250)}`,
    health: "ok",
    tls: random.chance(0.2) ? "12" : "13",
    outages: [],
    quicShare: 0,
    directShare: 0,
    raceShare: 0,
    losers: 0,
    resumes: 0,
    echOuter: null,
  }
}

function browser(platform: Platform, visited: readonly Place[], random: Random): App {
  const android = platform === "android"
  return {
    ...blank(platform, android ? "com.android.chrome" : "com.apple.mobilesafari", "browser"),
    stack: android ? "chromium" : "urlsession",
    role: "browser",
    userAnchors: "all",
    hosts: visited.map((place) => ({ place, share: random.between(0.02, 0.2), repeats: 1 })),
    installShare: 1,
  }
}

function newApp(
  platform: Platform,
  number: number,
  pinShare: number,
  embedded: readonly Place[],
  placeOf: (host: string) => Place,
  random: Random,
): App {
  const name = `${platform === "android" ? "and" : "ios"}app${number}`
  const stack = random.weighted(mix[platform])
  const category = random.pick(categories)
  const own = ["api", ...random.some(["cdn", "img", "login", "push"], random.int(0, 2))]
  const first: Use[] = own.map((label, i) => ({
    place: placeOf(`${label}.${name}.example`),
    share: i === 0 ? 1 : 0.5,
    repeats: i === 0 ? 2 : 1,
  }))
  const third: Use[] = random.some(embedded, random.int(2, 5)).map((place) => ({
    place,
    share: random.between(0.25, 0.7),
    repeats: 1,
  }))
  // Finance pins most: three times as often as others, at the same mean.
  const share = pinShare * (category === "finance" ? 2.3 : 0.8)
  const checks = new Map<string, Check>()
  if (random.chance(share))
    for (const { place } of random.chance(0.6) ? first.slice(0, 1) : first)
      checks.set(place.host, { kind: "pin", when: whenChecked(stack, random), versions: null })
  const expected = checks.size > 0 && random.chance(0.3)
  return {
    ...blank(platform, `com.example.${name}`, category),
    name,
    stack,
    // Dart reads the system's roots only.
    userAnchors: random.chance(optsIn) && stack !== "flutter" ? "all" : "none",
    checks,
    hosts: [...first, ...third],
    declaredPins: expected,
    expected,
    installShare: 0.9 / (1 + number / 6),
    inRegister: random.chance(0.8),
  }
}

/** OkHttp's pinner looks after Finished; the platform's own ways within the handshake; some apps
 * look at what they got with the answer. */
function whenChecked(stack: StackName, random: Random): Check["when"] {
  const late = random.next()
  if (late < 0.06) return "answer"
  if (late < 0.12 && stacks[stack].alpn.includes("h2")) return "preface"
  return ["okhttp", "openssl", "curlBoring", "wolfssl"].includes(stack) ? "finished" : "handshake"
}

export function blank(platform: Platform, id: string, category: string): App {
  return {
    id,
    platform,
    name: id.split(".").at(-1) ?? id,
    category,
    role: "client-of-own-backend",
    stack: platform === "android" ? "conscrypt" : "urlsession",
    userAnchors: "none",
    checks: new Map(),
    hosts: [],
    declaredPins: false,
    expected: false,
    installShare: 0,
    volume: [{ from: 0, value: 1 }],
    inRegister: true,
    tactics: plain,
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
