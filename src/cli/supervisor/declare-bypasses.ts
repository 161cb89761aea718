/**
 * Puts the bypasses that the configuration declares into the register, and ends those that it does not
 * declare any more. An ended one stays, with its use: connections that it let pass go on after a reload
 * and are counted still. What has not changed is not written.
 *
 * Fails open: a store that cannot be written stops no traffic. It is told, and tried again.
 */
import { resolve } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { type Config, policyRevision } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import type { Log } from "../../intercept/log.ts"
import { type Declaring, declaredBypasses } from "../../policy/register/declared-bypasses.ts"
import { listsInForce } from "../../policy/shipped-lists.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"

export interface DeclaringParts {
  open: () => Store
  /** The configuration's file; null: there is none. */
  file: string | null
  /** How long after a failure it is tried again, in milliseconds. */
  retryMs: number
  /** Wall clock in epoch milliseconds. */
  clock: () => number
  log: Log
}

/** Owned state: what is still to be declared. */
export class DeclaredBypasses {
  readonly #parts: DeclaringParts
  #again: NodeJS.Timeout | undefined
  #trouble = false

  constructor(parts: DeclaringParts) {
    this.#parts = parts
  }

  /** From now on this configuration declares. */
  declare(config: Config): void {
    const { open, file, retryMs, clock, log } = this.#parts
    this.close()
    try {
      const store = open()
      try {
        const done = declareIn(store, config, file, clock())
        if (this.#trouble || done.changed + done.removed > 0) log("info", "bypasses-declared", done)
      } finally {
        store.close()
      }
      this.#trouble = false
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!this.#trouble) log("error", "bypasses-undeclared", { reason })
      this.#trouble = true
      this.#again = setTimeout(() => this.declare(config), retryMs).unref()
    }
  }

  close(): void {
    clearTimeout(this.#again)
  }
}

/** All of it in one commit. `changed`: added or changed. */
export function declareIn(
  store: Store,
  config: Config,
  file: string | null,
  now: number,
): { declared: number; changed: number; removed: number } {
  const path = file === null ? null : resolve(file)
  const why = `${path ?? "defaults and flags"}, revision ${policyRevision(config)}`
  const wanted = wantedBypasses(config, path, now)
  return store.transaction(() => {
    const known = new Map<string, RegisterEntry>()
    for (const entry of store.all("register"))
      if (entry.source !== "register") known.set(entry.id, entry)
    const changed: RegisterEntry[] = []
    const again: RegisterEntry[] = []
    for (const entry of wanted) {
      const stood = known.get(entry.id)
      known.delete(entry.id)
      if (stood === undefined) changed.push(entry)
      else if (stood.expires_at !== null) again.push({ ...entry, created_at: stood.created_at })
      else if (!isDeepStrictEqual(essence(stood), essence(entry)))
        changed.push({ ...entry, created_at: stood.created_at })
    }
    const gone = [...known.values()].filter(({ expires_at }) => expires_at === null)
    const ended = gone.map((entry) => ({ ...entry, expires_at: new Date(now).toISOString() }))
    store.putRegister(changed, "config", now, { what: "changed", reason: why })
    store.putRegister(again, "config", now, { what: "renewed", reason: `again in ${why}` })
    store.putRegister(ended, "config", now, { what: "removed", reason: `not in ${why}` })
    const count = changed.length + again.length
    return { declared: wanted.length, changed: count, removed: ended.length }
  })
}

/** What makes it another bypass: not when it was written, by which sensor, or how much it is used. */
function essence(entry: RegisterEntry) {
  const { tenant, kind, source, standing, scope, declared, owner, reason, review_at } = entry
  return { tenant, kind, source, standing, scope, declared, owner, reason, review_at }
}

function wantedBypasses(config: Config, path: string | null, now: number): RegisterEntry[] {
  return declaredBypasses({
    rules: config.rules,
    lists: listsInForce(config.lists, config.control.mode),
    settings: splicingSettings(config),
    whose: { tenant: config.tenant, site: config.site, sensor_id: config["sensor-id"] },
    owner: path === null ? "config" : `config ${path}`,
    now,
  })
}

/** `not-tls` is not among them: what it lets through is no TLS, and could not be inspected. */
function splicingSettings({ ca, overload, origin, privacy }: Config): Declaring["settings"] {
  const reasons = {
    "ca.on-expired": "not inspected: everything, while the inspection CA's time is over",
    "overload.do": "not inspected: everything that comes while a worker is overloaded",
    "origin.on-untrusted": "passed on unread: connections to an origin that is not trusted",
    "origin.on-client-certificate":
      "passed on unread: connections to an origin that demands a client certificate",
    "origin.on-no-name":
      "passed on unread: connections without a host name whose origin does not prove its address",
    "privacy.personal-devices":
      "not inspected: connections of devices that inventory says are a person's own",
  }
  const choices: Record<keyof typeof reasons, string> = {
    "ca.on-expired": ca["on-expired"],
    "overload.do": overload.do,
    "origin.on-untrusted": origin["on-untrusted"],
    "origin.on-client-certificate": origin["on-client-certificate"],
    "origin.on-no-name": origin["on-no-name"],
    "privacy.personal-devices": privacy["personal-devices"],
  }
  const inForce = Object.entries(reasons).filter(
    ([key]) => choices[key as keyof typeof reasons] === "splice",
  )
  return Object.fromEntries(
    inForce.map(([key, reason]) => [
      key,
      { kind: key.startsWith("privacy.") ? "private" : "operator", reason },
    ]),
  )
}
