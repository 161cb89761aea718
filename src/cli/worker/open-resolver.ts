/** The resolver that the configuration describes. */
import type { Config } from "../../config.ts"
import { askNames } from "../../intercept/ask-names.ts"
import { resolverLimits } from "../../intercept/dns-settings.ts"
import type { Log } from "../../intercept/log.ts"
import { RareLog } from "../../intercept/rare-log.ts"
import { Resolver } from "../../intercept/resolver.ts"

/** Where name servers are down every name fails: told once in this time, in milliseconds. */
const failingEvery = 10_000

export function openResolver(
  { hosts, dns }: Pick<Config, "hosts" | "dns">,
  log: Log,
  clock: () => number,
): Resolver {
  const failing = new RareLog({ log, clock }, "dns-failing", failingEvery)
  return new Resolver(
    clock,
    resolverLimits(dns),
    askNames({ hosts, dns, clock }),
    (name, because) => failing.tell({ name, because }),
  )
}
