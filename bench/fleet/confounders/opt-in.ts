/**
 * Android apps that opt in to user-added CAs wholly or for some domains, beside others that do not, on
 * one JA4. The dangerous ones trust us for two foreign domains and for nothing else.
 */
import type { Confounder } from "./confounder.ts"

export const partialOptIn: Confounder = {
  name: "partial-opt-in",
  usual: 0.1,
  spoil(world, rate, random) {
    const apps = world.apps.filter(
      ({ platform, role, stack }) =>
        platform === "android" &&
        role !== "browser" &&
        (stack === "conscrypt" || stack === "okhttp"),
    )
    for (const app of random.some(apps, Math.max(1, Math.round(apps.length * rate)))) {
      const hosts = app.hosts.map(({ place }) => place.host)
      app.userAnchors = random.some(
        hosts,
        random.weighted([
          [1, 0.5],
          [2, 0.3],
          [3, 0.2],
        ]),
      )
      world.labels.push({ name: "partial-opt-in", phone: null, app: app.id, host: null })
    }
  },
}
