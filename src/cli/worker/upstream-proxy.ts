/** The upstream proxy that the configuration names, with the credentials in its file. */
import type { Config } from "../../config.ts"
import type { Log } from "../../intercept/log.ts"
import type { OriginTrust } from "../../intercept/origin-trust.ts"
import { RareLog } from "../../intercept/rare-log.ts"
import type { Resolver } from "../../intercept/resolver.ts"
import { UpstreamProxy } from "../../intercept/upstream-proxy.ts"
import { upstreamProxyUser } from "../../intercept/upstream-proxy-settings.ts"
import { configuredFile } from "../configured-file.ts"

/** A proxy that is down fails every connection: told once in this time, in milliseconds. */
const troubleEvery = 10_000

export function openUpstreamProxy(
  config: Pick<Config, "upstream-proxy">,
  parts: { resolver: Resolver; trust: OriginTrust; log: Log; clock: () => number },
): UpstreamProxy | null {
  const settings = config["upstream-proxy"]
  if (settings === null) return null
  const trouble = new RareLog(parts, "upstream-proxy-failed", troubleEvery)
  return new UpstreamProxy({
    settings,
    user: upstreamProxyCredentials(config),
    resolver: parts.resolver,
    trust: parts.trust,
    onTrouble: (because) => trouble.tell({ because }),
  })
}

/** `user:password`, or null where none is configured; an error names the file, never its content. */
export function upstreamProxyCredentials(config: Pick<Config, "upstream-proxy">): string | null {
  const file = config["upstream-proxy"]?.["user-file"] ?? null
  if (file === null) return null
  const key = "upstream-proxy.user-file"
  const text = configuredFile(key, file)
  try {
    return upstreamProxyUser(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : ""
    throw new Error(`${key}: ${file} cannot be used: ${why}`, { cause })
  }
}
