/** Apps that pin and would rather not be found. Each puts a few apps of its own on some phones. */

import type { Confounder } from "../confounders/confounder.ts"
import type { Random } from "../random.ts"
import { blank, newPlace, plain } from "../world/catalogue.ts"
import type { App, Platform, Tactics, World } from "../world/model.ts"
import { install } from "../world/phones.ts"

interface Malice {
  name: string
  tactics?: Partial<Tactics>
  stack?: App["stack"]
  anchors?: boolean
  /** Openings and background tries a day. */
  tries?: number
}

function adversary({ name, tactics = {}, stack, anchors = false, tries = 24 }: Malice): Confounder {
  return {
    name,
    usual: 0.12,
    spoil(world, rate, random) {
      for (const platform of ["android", "ios"] as const) {
        const app = malware(world, name, platform, random)
        app.tactics = { ...plain, ...tactics }
        if (stack) app.stack = stack
        for (const [host, check] of app.checks)
          app.checks.set(host, { ...check, kind: anchors ? "own-anchors" : "pin" })
        spread(world, app, rate, tries, random)
      }
    },
  }
}

/** It trusts us for services that everybody uses, and pins its own host. */
function malware(world: World, name: string, platform: Platform, random: Random): App {
  const own = newPlace(`c2.${name}-${platform}.example`, world.places.length, random)
  world.places.push(own)
  const services = random.some(
    world.places.filter(({ host }) => host.startsWith("sdk.")),
    3,
  )
  const app: App = {
    ...blank(platform, `com.example.${name}`, "game"),
    name,
    stack: platform === "android" ? "okhttp" : "urlsession",
    userAnchors: "all",
    checks: new Map([
      [
        own.host,
        { kind: "pin", when: platform === "android" ? "finished" : "handshake", versions: null },
      ],
    ]),
    hosts: [
      { place: own, share: 1, repeats: 1 },
      ...services.map((place) => ({ place, share: 0.5, repeats: 1 })),
    ],
    inRegister: false,
  }
  world.apps.push(app)
  world.labels.push({ name, phone: null, app: app.id, host: own.host })
  return app
}

function spread(world: World, app: App, rate: number, tries: number, random: Random): void {
  const phones = world.phones.filter(({ platform }) => platform === app.platform)
  for (const phone of random.some(phones, Math.max(1, Math.round(phones.length * rate)))) {
    const installed = install(app, "device", 1, world.start, random)
    phone.apps.push({ ...installed, opensADay: 1, syncsADay: tries })
  }
}

/** Half of the connections to its own host are harmless, and go on under our certificate. */
export const decoys = adversary({ name: "decoy-acceptances", tactics: { harmless: 0.5 } })
export const rareTries = adversary({ name: "rare-tries", tactics: { patient: true }, tries: 2 })
export const nameRotation = adversary({ name: "name-rotation", tactics: { rotates: true } })
export const mutatedHello = adversary({ name: "mutated-hello", tactics: { mutatesHello: true } })
export const ownStack = adversary({ name: "own-stack", stack: "go" })
export const ownAnchors = adversary({ name: "own-anchors", anchors: true })
export const alwaysDirect = adversary({ name: "always-direct", tactics: { alwaysDirect: true } })

/** An app that is allowed to pin, signed by somebody else, with a host of its own. */
export const repackaged: Confounder = {
  name: "repackaged",
  usual: 0.12,
  spoil(world, rate, random) {
    const model = world.apps.find((app) => app.platform === "android" && app.expected)
    if (!model) return
    const app = malware(world, "repackaged", "android", random)
    const renamed: App = { ...app, id: model.id, expected: false, userAnchors: "all" }
    world.apps[world.apps.indexOf(app)] = renamed
    for (const label of world.labels) if (label.app === app.id) label.app = model.id
    const phones = world.phones.filter(
      (phone) => phone.platform === "android" && phone.apps.every((each) => each.app !== model),
    )
    for (const phone of random.some(phones, Math.max(1, Math.round(phones.length * rate)))) {
      const installed = install(renamed, "device", 1, world.start, random)
      phone.apps.push({
        ...installed,
        signer: [{ from: world.start, value: "ee".repeat(32) }],
        opensADay: 2,
        syncsADay: 24,
      })
    }
  },
}
