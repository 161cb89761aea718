/** The sensor's own fault: after a change of its configuration every client refuses its leaves. */
import { hour } from "../world/model.ts"
import type { Confounder } from "./confounder.ts"
import { days, middayOf } from "./trust.ts"

export const badLeaf: Confounder = {
  name: "bad-leaf",
  usual: 0,
  spoil(world, _rate, random) {
    const from = middayOf(world.start, days(world) - 1) - 2 * hour
    world.config.push({ from, value: "c0ffee000002" })
    world.badLeaf.push({ from, to: from + random.between(2, 6) * hour })
    world.labels.push({ name: "bad-leaf", phone: null, app: null, host: null })
  },
}

/** The same without any change that the sensor knows of: a root that clients withdrew, a bug that comes
 * with the date. */
export const silentBadLeaf: Confounder = {
  name: "silent-bad-leaf",
  usual: 0,
  spoil(world, _rate, random) {
    const from = middayOf(world.start, days(world) - 1) - 2 * hour
    world.badLeaf.push({ from, to: from + random.between(2, 6) * hour })
    world.labels.push({ name: "silent-bad-leaf", phone: null, app: null, host: null })
  },
}
