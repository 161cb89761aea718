/** Flow sensors that see our own sessions, and tries to go around us that a firewall stops. */
import type { Tap } from "../world/model.ts"
import { type Confounder, takePhones } from "./confounder.ts"

/** `lan`: in front of the sensor, client to origin or client to proxy; `wan`: behind it, our own leg. */
function tap(name: string, usual: number, seen: Tap): Confounder {
  return {
    name,
    usual,
    spoil(world, rate, random) {
      for (const phone of takePhones(name, world, rate, random)) phone.taps.push(seen)
    },
  }
}

export const lanTap = tap("lan-tap", 0.1, { side: "lan", translated: false })
export const lanTapTranslated = tap("lan-tap-nat", 0.08, { side: "lan", translated: true })
export const wanTap = tap("wan-tap", 0.1, { side: "wan", translated: false })
export const wanTapTranslated = tap("wan-tap-nat", 0.08, { side: "wan", translated: true })

/** What was refused is tried without the proxy, in vain. */
export const blockedDirect: Confounder = {
  name: "blocked-direct",
  usual: 0.1,
  spoil(world, rate, random) {
    for (const phone of takePhones("blocked-direct", world, rate, random))
      phone.blockedDirect = true
  },
}

/** A proxy or a load balancer in front of the sensor: how a client closed is its word. */
export const relayed: Confounder = {
  name: "relayed",
  usual: 0.08,
  spoil(world, rate, random) {
    for (const phone of takePhones("relayed", world, rate, random)) phone.relayed = true
  },
}
