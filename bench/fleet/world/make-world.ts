/** A world from its seed: catalogue, phones, then what spoils it. */
import { Random } from "../random.ts"
import { adversaries, confounders } from "../switches.ts"
import { makeCatalogue } from "./catalogue.ts"
import { day, type World } from "./model.ts"
import { makePhone } from "./phones.ts"

export interface WorldChoice {
  seed: string
  phones: number
  days: number
  /** Share of apps that pin; null draws it from IMC's range. */
  pinShare: number | null
  switches: ReadonlyMap<string, number>
}

/** A Monday. */
const start = Date.parse("2026-11-16T00:00:00.000Z")
const issuer = "a1".repeat(32)

export function makeWorld({ seed, phones, days, pinShare, switches }: WorldChoice): World {
  const random = new Random(seed)
  const { places, apps } = makeCatalogue(random.fork("catalogue"), pinShare)
  const end = start + days * day
  const fleet = random.fork("phones")
  const world: World = {
    seed,
    tenant: "acme",
    site: "hq",
    start,
    end,
    places,
    apps,
    phones: Array.from({ length: phones }, (_, i) =>
      makePhone(i, apps, { start, end, issuer }, fleet),
    ),
    issuer: [{ from: start, value: issuer }],
    config: [{ from: start, value: "c0ffee000001" }],
    badLeaf: [],
    labels: [],
  }
  for (const each of [...confounders, ...adversaries]) {
    const rate = switches.get(each.name) ?? 0
    if (rate > 0) each.spoil(world, rate, random.fork(each.name))
  }
  return world
}
