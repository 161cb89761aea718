/**
 * Android apps that opt in to user-added CAs wholly or for some domains, beside others that do not, on
 * one JA4. Wholly is the catalogue's doing. Who opts in for two or three foreign domains and for nothing else
 * shows on the wire what an app shows that pins its own.
 */
import type { Random } from "../random.ts"
import type { World } from "../world/model.ts"
import type { Confounder } from "./confounder.ts"

/** For one host. */
export const partialOptIn: Confounder = {
  name: "partial-opt-in",
  usual: 0.06,
  spoil: (world, rate, random) => optIn("partial-opt-in", () => 1, world, rate, random),
}

export const optInForFew: Confounder = {
  name: "opt-in-for-few",
  usual: 0.04,
  spoil: (world, rate, random) =>
    optIn("opt-in-for-few", () => (random.chance(0.6) ? 2 : 3), world, rate, random),
}

function optIn(
  name: string,
  count: () => number,
  world: World,
  rate: number,
  random: Random,
): void {
  const apps = world.apps.filter(
    ({ platform, role, stack, userAnchors }) =>
      platform === "android" &&
      role !== "browser" &&
      (stack === "conscrypt" || stack === "okhttp") &&
      typeof userAnchors === "string",
  )
  for (const app of random.some(apps, Math.max(1, Math.round(apps.length * rate)))) {
    const hosts = app.hosts.map(({ place }) => place.host)
    app.userAnchors = random.some(hosts, count())
    world.labels.push({ name, phone: null, app: app.id, host: null })
  }
}
