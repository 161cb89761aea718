/** What clients do beside refusing: races, spare sockets, late checks, new versions, two profiles. */

import { hour, type Installed } from "../world/model.ts"
import { signerOf } from "../world/phones.ts"
import { type Confounder, takePhones, takeSome } from "./confounder.ts"
import { days, middayOf } from "./trust.ts"

/** Happy eyeballs, preconnects dropped at once: finished and closed unused, beside a used one. Some win past the
 * proxy (un-proxied IPv6), and drop the dial through it. */
export const races: Confounder = {
  name: "races",
  usual: 0.15,
  spoil(world, rate, random) {
    for (const place of takeSome(world.places, rate, random)) {
      place.losers = random.between(0.1, 0.6)
      place.directShare = random.between(0.05, 0.3)
      place.raceShare = random.between(0.3, 1)
      world.labels.push({ name: "races", phone: null, app: null, host: place.host })
    }
  },
}

/** A new version at midday pins, or stops to trust user-added CAs; or the other way round. */
export const appUpdates: Confounder = {
  name: "app-update",
  usual: 0.06,
  spoil(world, rate, random) {
    const apps = world.apps.filter(({ role }) => role !== "browser")
    for (const app of takeSome(apps, rate, random)) {
      world.labels.push({ name: "app-update", phone: null, app: app.id, host: null })
      const pinsIn = random.pick([["1.0"], ["2.0"], []])
      const [first] = app.hosts
      if (first && pinsIn.length > 0)
        app.checks.set(first.place.host, {
          kind: "pin",
          when: app.stack === "okhttp" ? "finished" : "handshake",
          versions: pinsIn,
        })
      for (const phone of world.phones)
        for (const installed of phone.apps)
          if (installed.app === app)
            installed.version.push({
              from:
                middayOf(world.start, random.int(0, days(world) - 1)) +
                random.between(-4, 6) * hour,
              value: "2.0",
            })
    }
  },
}

/** The same apps in a work profile with our CA and in a personal one without. MDM sees the work side. */
export const workProfile: Confounder = {
  name: "work-profile",
  usual: 0.15,
  spoil(world, rate, random) {
    const phones = takePhones(
      "work-profile",
      world,
      rate,
      random,
      ({ platform }) => platform === "android",
    )
    for (const phone of phones) {
      const steps = phone.trust.get("device") ?? []
      phone.trust = new Map([
        ["work", steps],
        ["personal", [{ from: world.start, value: { anchor: "absent", issuers: [] } }]],
      ])
      phone.apps = phone.apps.flatMap((installed): Installed[] => {
        const work = { ...installed, profile: "work" as const }
        const personal = { ...installed, profile: "personal" as const, managed: false }
        return random.chance(0.4) ? [work, personal] : [random.chance(0.5) ? work : personal]
      })
    }
  },
}

/** A new version at midday is signed by a new key and brings another TLS library; it checks what the old one
 * checked. */
export const rebuiltApps: Confounder = {
  name: "rebuilt-app",
  usual: 0.05,
  spoil(world, rate, random) {
    const apps = world.apps.filter(({ role }) => role !== "browser")
    for (const app of takeSome(apps, rate, random)) {
      world.labels.push({ name: "rebuilt-app", phone: null, app: app.id, host: null })
      const stack =
        app.platform === "ios"
          ? random.pick(["urlsession", "go"] as const)
          : random.pick(["conscrypt", "okhttp", "chromium", "flutter", "openssl"] as const)
      const signer = Buffer.from(signerOf(app), "hex").reverse().toString("hex")
      const rolledOut = middayOf(world.start, random.int(0, days(world) - 1))
      for (const phone of world.phones)
        for (const installed of phone.apps) {
          if (installed.app !== app) continue
          const from = rolledOut + random.between(-4, 6) * hour
          installed.version.push({ from, value: "3.0" })
          installed.signer.push({ from, value: signer })
          installed.stack.push({ from, value: stack })
        }
    }
  },
}

/** iPhones of their owners: not supervised, MDM manages and lists some apps and no others. The CA came with the
 * profile, and is trusted by all; MDM tells of one device (iOS has one trust store). */
export const userEnrolment: Confounder = {
  name: "user-enrolment",
  usual: 0.2,
  spoil(world, rate, random) {
    const phones = takePhones(
      "user-enrolment",
      world,
      rate,
      random,
      ({ platform }) => platform === "ios",
    )
    for (const phone of phones) {
      phone.supervised = false
      phone.listsManagedOnly = true
      phone.apps = phone.apps.map((installed) => ({
        ...installed,
        managed: installed.managed && random.chance(0.4),
      }))
    }
  },
}

/** Much more, or much less, from midday on, of apps that may pin and of others. */
export const volumeDrift: Confounder = {
  name: "volume-drift",
  usual: 0.06,
  spoil(world, rate, random) {
    const apps = world.apps.filter(({ role }) => role !== "browser")
    for (const app of takeSome(apps, rate, random)) {
      const from = middayOf(world.start, days(world) - 1) + random.between(-4, 4) * hour
      app.volume.push({ from, value: random.pick([0.1, 8, 30, 100]) })
      world.labels.push({ name: "volume-drift", phone: null, app: app.id, host: null })
    }
  },
}

/** Sessions that are not inspected are resumed: no certificate in them, and fewer bytes. */
export const resumption: Confounder = {
  name: "resumption",
  usual: 0.3,
  spoil(world, rate, random) {
    for (const place of takeSome(world.places, rate, random)) {
      place.resumes = random.between(0.3, 0.9)
      world.labels.push({ name: "resumption", phone: null, app: null, host: place.host })
    }
  },
}
