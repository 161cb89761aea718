/** What the operator of a world configures: the sensor's own addresses, and what is expected, as the allowed
 * triples of both analytics. */
import type { ConfigInput } from "../../src/config.ts"
import { proxyAddress, upstreamAddress } from "./wire/addresses.ts"
import type { Platform, World } from "./world/model.ts"
import { signerOf } from "./world/phones.ts"

export function allowedOf(world: World): NonNullable<ConfigInput["analytics"]> {
  const of = (platform: Platform) => {
    const apps = world.apps.filter((app) => app.platform === platform && app.expected)
    return {
      AllowedAppList: apps.map((app) => ({
        app: app.id,
        "signer-sha256": platform === "android" ? signerOf(app) : "any",
      })),
      AllowedDestinationList: apps.map((app) => ({
        app: app.id,
        destinations: [...app.checks.keys()],
      })),
    }
  }
  return { AN1725: of("android"), AN1726: of("ios") }
}

export function identityOf(): NonNullable<ConfigInput["identity"]> {
  return {
    "proxy-addresses": [proxyAddress],
    "sensor-addresses": [proxyAddress, upstreamAddress],
  }
}
