/**
 * A confounder changes a world before its first day: it spoils some of it, and labels the cases that it is
 * about. Its rate is the share of phones, apps or places that it takes.
 */
import type { Random } from "../random.ts"
import type { Phone, World } from "../world/model.ts"

export interface Confounder {
  name: string
  /** What share it takes in a world of all confounders. */
  usual: number
  spoil: (world: World, rate: number, random: Random) => void
}

/** Takes a share, one at least, and labels their cases. */
export function takePhones(
  name: string,
  world: World,
  rate: number,
  random: Random,
  among: (phone: Phone) => boolean = () => true,
): Phone[] {
  const fitting = world.phones.filter(among)
  const taken = random.some(fitting, Math.max(1, Math.round(fitting.length * rate)))
  for (const { id } of taken) world.labels.push({ name, phone: id, app: null, host: null })
  return taken
}

export function takeSome<Item>(items: readonly Item[], rate: number, random: Random): Item[] {
  return random.some(items, Math.max(1, Math.round(items.length * rate)))
}
