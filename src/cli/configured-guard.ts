/** What may be dialled and who is served, as the configuration and this machine's addresses say. */
import { networkInterfaces } from "node:os"
import type { Config } from "../config.ts"
import { parseNetwork } from "../policy/destination/addresses.ts"
import { clientAllowed, type Guard, makeGuard } from "../policy/destination/guard.ts"

export function configuredGuard(config: Pick<Config, "allow-destination">): Guard {
  return makeGuard({
    ownAddresses: ownAddresses(),
    allowDestinations: config["allow-destination"].map(parseNetwork),
  })
}

export function servedClients(config: Pick<Config, "allow-client">): (address: string) => boolean {
  const networks = config["allow-client"]
  return clientAllowed(networks.length > 0 ? networks.map(parseNetwork) : undefined)
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap(
    (list) => list?.map(({ address }) => address) ?? [],
  )
}
