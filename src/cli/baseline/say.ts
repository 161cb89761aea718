/** `pinsensor baseline add|remove|withdraw|freeze|thaw`: what a person says of the baseline. */
import { randomBytes } from "node:crypto"
import { parseArgs } from "node:util"
import { widthOf } from "../../policy/register/scope-width.ts"
import type { BaselineAct, BaselineChange } from "../../record/baseline-change.ts"
import { canonicalHost, parseHostPattern } from "../../record/host-pattern.ts"
import { ownerFrom } from "../bypass/add.ts"
import { readEnd } from "../bypass/end-time.ts"
import { type ActFlags, actOptions, atDesk, type Desk } from "../bypass/open-register.ts"
import { statementsIn } from "./statements.ts"

const options = {
  ...actOptions,
  app: { type: "string" },
  destination: { type: "string" },
  all: { type: "boolean" },
  owner: { type: "string" },
  expires: { type: "string" },
} as const

interface Flags extends ActFlags {
  app?: string
  destination?: string
  all?: boolean
  owner?: string
  expires?: string
}

export function add(args: readonly string[]): void {
  sayOfPair("added", args, (app, destination, end) => {
    return `${destination} is baseline of ${app} until ${end}`
  })
}

export function remove(args: readonly string[]): void {
  sayOfPair("removed", args, (app, destination, end) => {
    return `${destination} is no baseline of ${app}, and is not learned, until ${end}`
  })
}

export function withdraw(args: readonly string[]): void {
  const flags = read(args)
  const [app, destination] = pairFrom(flags)
  const owner = ownerFrom(flags.owner)
  refuseEnd(flags, "a withdrawal holds at once and for good")
  atDesk(flags, (desk) => {
    const said = statementsIn(desk.store, desk.config.tenant)
    const known = [...said.all()].find(
      (each) => each.app_id === app && each.destination === destination,
    )
    if (!known || known.what === "withdrawn")
      throw new Error(
        `nothing was said of ${destination} of ${app}; \`pinsensor baseline list --app ${app}\` shows what was`,
      )
    store(desk, { what: "withdrawn", app_id: app, destination, owner, end: null })
    return { said: `${destination} of ${app}: what is learned decides again` }
  })
}

export function freeze(args: readonly string[]): void {
  const flags = read(args)
  const app = appOrAll(flags)
  const owner = ownerFrom(flags.owner)
  const { expires } = flags
  if (expires === undefined)
    throw new Error("say when it ends with --expires, as in 30d; nothing is learned until then")
  atDesk(flags, (desk) => {
    const end = readEnd(expires, desk.now)
    const until = store(desk, { what: "frozen", app_id: app, destination: null, owner, end })
    return { said: `the baseline of ${app ?? "every app"} is frozen until ${until}` }
  })
}

export function thaw(args: readonly string[]): void {
  const flags = read(args)
  const app = appOrAll(flags)
  const owner = ownerFrom(flags.owner)
  refuseEnd(flags, "a thaw holds at once")
  atDesk(flags, (desk) => {
    const frozen = statementsIn(desk.store, desk.config.tenant).freeze(app ?? "", desk.now)
    if (!frozen || frozen.app_id !== app) throw new Error(thawNothing(app, frozen))
    store(desk, { what: "thawed", app_id: app, destination: null, owner, end: null })
    return { said: `the baseline of ${app ?? "every app"} is learned again` }
  })
}

function thawNothing(app: string | null, frozen: BaselineChange | null): string {
  if (frozen) return `${app} is frozen with all apps; \`pinsensor baseline thaw --all\` ends that`
  return `${app ?? "the baseline of all apps"} is not frozen; there is nothing to do`
}

function sayOfPair(
  what: "added" | "removed",
  args: readonly string[],
  words: (app: string, destination: string, end: string) => string,
): void {
  const flags = read(args)
  const [app, destination] = pairFrom(flags)
  if (what === "added") refuseTooWide(destination)
  const owner = ownerFrom(flags.owner)
  const { expires } = flags
  if (expires === undefined)
    throw new Error(
      "say when it ends with --expires, as in 90d; what is learned decides again after that",
    )
  atDesk(flags, (desk) => {
    const end = readEnd(expires, desk.now)
    const until = store(desk, { what, app_id: app, destination, owner, end })
    const unknown = desk.store.pairProfiles(desk.config.tenant, app).next().done === true
    const notes = unknown
      ? [`nothing was seen of app ${app} yet; is that how its app events name it?`]
      : []
    return { said: words(app, destination, until ?? ""), notes }
  })
}

/** What everybody may get a name or an address below is no app's own: whatever the app does there would be known. */
function refuseTooWide(destination: string): void {
  const wide = widthOf({
    sni: destination,
    device_id: null,
    device_group: null,
    stack: null,
    client_network: null,
    destination_network: null,
  })
  if (wide !== null)
    throw new Error(`--destination: "${destination}" ${wide}; name the app's own hosts`)
}

function read(args: readonly string[]): Flags {
  return parseArgs({ args: [...args], options }).values
}

function pairFrom({ app, destination, all }: Flags): [string, string] {
  if (all) throw new Error("--all is for freeze and thaw; name one app with --app")
  if (app === undefined || app.trim() === "")
    throw new Error("name the app with --app, by its id as app events have it")
  if (destination === undefined || destination.trim() === "")
    throw new Error("name the destination with --destination: a host, *.host, or address:port")
  return [app.trim(), destinationFrom(destination.trim())]
}

/** As judgements name it: the host in lower case, or address and port; or a pattern. */
function destinationFrom(text: string): string {
  const port = /^(\[[^\]]+\]|[\d.]+):(\d{1,5})$/.exec(text)
  if (port) {
    parseHostPattern((port[1] ?? "").replace(/^\[|\]$/g, ""))
    return text.toLowerCase()
  }
  const pattern = parseHostPattern(text)
  if (pattern.kind === "name") return pattern.name
  return pattern.kind === "below" ? `*.${canonicalHost(text.slice(2)) ?? text.slice(2)}` : text
}

function appOrAll({ app, all, destination }: Flags): string | null {
  if (destination !== undefined)
    throw new Error("--destination: a freeze is for all destinations of an app; leave it out")
  if (all && app !== undefined) throw new Error("say --app ID or --all, not both")
  if (all) return null
  if (app === undefined || app.trim() === "")
    throw new Error("say for which app with --app ID, or --all for every app")
  return app.trim()
}

function refuseEnd({ expires }: Flags, why: string): void {
  if (expires !== undefined) throw new Error(`--expires: ${why}; leave it out`)
}

interface Said {
  what: BaselineAct
  app_id: string | null
  destination: string | null
  owner: string
  /** Epoch milliseconds. */
  end: number | null
}

/** Returns its end as text. */
function store({ store: evidence, config, who, reason, now }: Desk, said: Said): string | null {
  const { end, ...change } = said
  const expires_at = end === null ? null : new Date(end).toISOString()
  evidence.append("baseline-changes", [
    {
      tenant: config.tenant,
      site: config.site,
      sensor_id: config["sensor-id"],
      v: 1,
      id: `bl-${randomBytes(8).toString("hex")}`,
      observed_at: new Date(now).toISOString(),
      ...change,
      reason,
      who,
      expires_at,
    },
  ])
  return expires_at
}
