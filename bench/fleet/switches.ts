/** Every confounder and adversary there is, and which of them a kind of world has. */
import * as malice from "./adversaries/tactics.ts"
import * as addresses from "./confounders/addresses.ts"
import * as clients from "./confounders/clients.ts"
import type { Confounder } from "./confounders/confounder.ts"
import * as identity from "./confounders/identity.ts"
import * as network from "./confounders/network.ts"
import { optInForFew, partialOptIn } from "./confounders/opt-in.ts"
import * as origins from "./confounders/origins.ts"
import * as sensor from "./confounders/sensor.ts"
import * as taps from "./confounders/taps.ts"
import { caInstalled, caRemoved, caRotated, clockSkew, noCa } from "./confounders/trust.ts"
import * as unseen from "./confounders/unseen.ts"
import { mixes } from "./world/mixes.ts"

/** In this order they spoil a world. */
export const confounders: readonly Confounder[] = [
  clients.workProfile,
  clients.userEnrolment,
  identity.kiosks,
  noCa,
  caInstalled,
  caRemoved,
  caRotated,
  clockSkew,
  partialOptIn,
  optInForFew,
  addresses.moving,
  addresses.lateLeases,
  addresses.macLeases,
  addresses.madeUpMacs,
  identity.nat,
  identity.leaseReuse,
  identity.lateEdr,
  identity.edrLoss,
  ...Object.values(network),
  ...Object.values(origins),
  clients.races,
  clients.appUpdates,
  clients.rebuiltApps,
  clients.volumeDrift,
  clients.resumption,
  ...Object.values(taps),
  ...Object.values(unseen),
  ...Object.values(sensor),
  // Last: the twins are what the others have become.
  addresses.tenants,
]

export const adversaries: readonly Confounder[] = Object.values(malice)

/** `plain`: nothing goes wrong; `base`: every confounder at its usual rate; `hostile`: the adversaries
 * beside; a mix: some at high rates; the name of one: it alone, at four times its usual rate. */
export function switchesOf(kind: string): Map<string, number> {
  const usual = (all: readonly Confounder[]) =>
    all.filter((each) => each.usual > 0).map((each): [string, number] => [each.name, each.usual])
  if (kind === "plain") return new Map()
  if (kind === "base") return new Map(usual(confounders))
  if (kind === "hostile") return new Map([...usual(confounders), ...usual(adversaries)])
  const mix = mixes[kind]
  if (mix) return new Map(Object.entries(mix))
  const one = [...confounders, ...adversaries].find(({ name }) => name === kind)
  if (!one)
    throw new Error(
      `fleet: no world "${kind}"; take plain, base, hostile, ${Object.keys(mixes).join(", ")} or one of ${names()}`,
    )
  return new Map([[kind, Math.min(0.5, Math.max(0.3, one.usual * 4))]])
}

function names(): string {
  return [...confounders, ...adversaries].map(({ name }) => name).join(", ")
}
