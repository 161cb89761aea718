/**
 * The app register, asked by User-Agent and by destination.
 *
 * In: app records of one tenant. Out: which apps a hint fits. It must not know of a device: whether
 * an app is installed is for the caller to ask.
 */
import type { App } from "../record/app.ts"
import type { Platform } from "../record/common.ts"
import { canonicalHost, parseHostPattern } from "../record/host-pattern.ts"
import { PrefixTable } from "./prefix-table.ts"

export interface AppSettings {
  /** Whose register: apps of other tenants are passed over. */
  tenant: string
  /** How many apps are kept; further ones are dropped. */
  limit?: number
}

/** Ids of the apps of one platform by approved destination. */
interface Approved {
  /** By name, or by what stands below: `.example.org` for all names below example.org. */
  hosts: Map<string, Set<string>>
  networks: PrefixTable<Set<string>>
}

export class AppIndex {
  readonly tenant: string
  /** What could not be used: an unreadable destination, a User-Agent that fits everything; with
   * the app and the reason, for the operator. At most 100 are kept. */
  readonly complaints: string[] = []
  readonly #apps = new Map<string, App>()
  readonly #userAgents = new Map<string, App[]>()
  /** Prefixes by their length (a CONNECT User-Agent has at most 512 characters). */
  readonly #userAgentPrefixes = new Map<number, Map<string, App[]>>()
  readonly #approved = new Map<Platform, Approved>()

  constructor(apps: Iterable<App>, settings: AppSettings) {
    this.tenant = settings.tenant
    const limit = settings.limit ?? 50_000
    for (const app of apps) {
      if (app.tenant !== settings.tenant) continue
      const key = `${app.platform} ${app.app_id}`
      const known = this.#apps.get(key)
      if (!known && this.#apps.size >= limit) this.#complain(`${key}: beyond the limit of ${limit}`)
      else if (!known || isLater(app, known)) this.#apps.set(key, app)
    }
    for (const app of this.#apps.values()) {
      if (app.withdrawn) continue
      for (const userAgent of app.user_agents) this.#learnUserAgent(userAgent, app)
      for (const destination of app.approved_destinations) this.#learnDestination(destination, app)
    }
  }

  /** The apps that a CONNECT User-Agent may describe; all platforms where it is not known. */
  byUserAgent(userAgent: string, platform: Platform): App[] {
    const found = new Set(this.#userAgents.get(userAgent) ?? [])
    for (const [length, prefixes] of this.#userAgentPrefixes)
      if (length <= userAgent.length)
        for (const app of prefixes.get(userAgent.slice(0, length)) ?? []) found.add(app)
    return ofPlatform(found, platform)
  }

  /**
   * The ids of apps whose approved destinations cover a host (a name or an address), as one set for
   * each pattern that does: a CDN may be approved for thousands of apps, and the caller only asks
   * which of a device's are among them.
   */
  approvedFor(host: string, platform: Platform): ReadonlySet<string>[] {
    const approved =
      platform === "unknown" ? [...this.#approved.values()] : [this.#approved.get(platform)]
    return approved.flatMap((one) => (one ? covering(one, host) : []))
  }

  #learnUserAgent(userAgent: string, app: App): void {
    if (userAgent === "" || userAgent === "*")
      this.#complain(`${app.app_id}: user agent "${userAgent}" fits every app; name the product`)
    else if (userAgent.endsWith("*")) {
      const prefix = userAgent.slice(0, -1)
      const prefixes = this.#userAgentPrefixes.get(prefix.length) ?? new Map<string, App[]>()
      this.#userAgentPrefixes.set(prefix.length, prefixes)
      put(prefixes, prefix, app)
    } else put(this.#userAgents, userAgent, app)
  }

  #learnDestination(destination: string, app: App): void {
    try {
      const pattern = parseHostPattern(destination)
      const known = this.#approved.get(app.platform)
      const approved = known ?? { hosts: new Map(), networks: new PrefixTable() }
      if (!known) this.#approved.set(app.platform, approved)
      if (pattern.kind === "network")
        approved.networks.at(pattern.network.join("/"), () => new Set())?.add(app.app_id)
      else {
        const host = pattern.kind === "name" ? pattern.name : pattern.suffix
        const ids = approved.hosts.get(host) ?? new Set()
        approved.hosts.set(host, ids.add(app.app_id))
      }
    } catch (cause) {
      this.#complain(`${app.app_id}: ${(cause as Error).message}`)
    }
  }

  #complain(complaint: string): void {
    if (this.complaints.length < 100) this.complaints.push(complaint)
  }
}

function covering(approved: Approved, host: string): ReadonlySet<string>[] {
  const found = approved.networks.covering(host)
  const name = canonicalHost(host)
  if (name === null) return found
  const exact = approved.hosts.get(name)
  if (exact) found.push(exact)
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
    const below = approved.hosts.get(name.slice(dot))
    if (below) found.push(below)
  }
  return found
}

function put(apps: Map<string, App[]>, key: string, app: App): void {
  const known = apps.get(key)
  if (known) known.push(app)
  else apps.set(key, [app])
}

function ofPlatform(apps: ReadonlySet<App>, platform: Platform): App[] {
  if (platform === "unknown") return [...apps]
  return [...apps].filter((app) => app.platform === platform)
}

function isLater(one: App, other: App): boolean {
  if (one.observed_at !== other.observed_at) return one.observed_at > other.observed_at
  return one.id > other.id
}
