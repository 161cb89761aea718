/** Origins that fail, or that fail only us. */
import type { Health } from "../world/model.ts"
import { type Confounder, takeSome } from "./confounder.ts"

/** Apps that use a private origin have its anchor, so only places of one app become private. */
function sick(name: string, health: Health, usual: number): Confounder {
  return {
    name,
    usual,
    spoil(world, rate, random) {
      const healthy = world.places.filter((place) => place.health === "ok")
      for (const place of takeSome(healthy, rate, random)) {
        const users = world.apps.filter(({ hosts }) => hosts.some((use) => use.place === place))
        place.health = health
        world.labels.push({ name, phone: null, app: null, host: place.host })
        if (health !== "self-signed") continue
        for (const app of users)
          if (app.role !== "browser" && random.chance(0.5))
            app.checks.set(place.host, { kind: "own-anchors", when: "handshake", versions: null })
      }
    },
  }
}

export const deadOrigins = sick("dead-origin", "dead", 0.02)
export const geoBlocked = sick("geo-blocked", "geo-blocked", 0.02)
export const selfSigned = sick("self-signed", "self-signed", 0.02)
export const wantsCertificate = sick("mtls", "wants-certificate", 0.02)
export const channelBound = sick("channel-bound", "channel-bound", 0.02)
export const refusesUs = sick("refuses-us", "refuses-us", 0.02)
