/** What a TCP proxy does not see: QUIC around it, names that are encrypted. */
import { type Confounder, takeSome } from "./confounder.ts"

/** Clients race it against TCP through the proxy, now and then. */
export const quic: Confounder = {
  name: "quic",
  usual: 0.08,
  spoil(world, rate, random) {
    for (const place of takeSome(world.places, rate, random)) {
      place.quicShare = random.between(0.1, 0.9)
      place.raceShare = random.between(0.1, 0.7)
      world.labels.push({ name: "quic", phone: null, app: null, host: place.host })
    }
  },
}

export const ech: Confounder = {
  name: "ech",
  usual: 0.03,
  spoil(world, rate, random) {
    for (const place of takeSome(world.places, rate, random)) {
      place.echOuter = "outer.cdn.example"
      world.labels.push({ name: "ech", phone: null, app: null, host: place.host })
    }
  },
}
