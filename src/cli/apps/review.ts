/**
 * `pinsensor apps review`: what the register does not say, or says otherwise than was seen, and what is
 * due. With an app: a person looked at its declaration and lets it stand until a date.
 */
import { parseArgs } from "node:util"
import { stringify } from "yaml"
import type { Config } from "../../config.ts"
import { openStore } from "../../evidence/open.ts"
import type { Store } from "../../evidence/store.ts"
import { DeviceIndex } from "../../identity/devices.ts"
import type { App } from "../../record/app.ts"
import { durationText } from "../../record/duration.ts"
import { readTime } from "../bypass/end-time.ts"
import { person } from "../bypass/person.ts"
import { dataConfig, dataFlags } from "../data-flags.ts"
import { printableLines } from "../printable.ts"
import { withStore } from "../with-store.ts"
import { faultsOf } from "./check.ts"
import { shortForm, titleOf } from "./entry.ts"
import { inForce, write } from "./import.ts"
import { Observed } from "./observed.ts"
import { type Suggestion, suggestions } from "./suggest.ts"

const options = {
  ...dataFlags,
  since: { type: "string", default: "14d" },
  json: { type: "boolean" },
  yaml: { type: "boolean" },
  next: { type: "string" },
  owner: { type: "string" },
  platform: { type: "string" },
  "on-behalf-of": { type: "string" },
} as const

const day = 86_400_000
/** A declaration that nobody looked at for longer says little of the app of today. */
const longestUnreviewed = 366 * day
/** Seen on fewer it may be one person's errand. */
const often = { devices: 3, days: 2 }
const shownOnce = 50

export async function reviewApps(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const config = dataConfig(values)
  const now = Date.now()
  const [appId, ...others] = positionals
  if (others.length > 0) throw new Error("name one app at a time")
  if (appId !== undefined) return lookedAt(appId, values, config, now)
  const from = sinceOf(values.since, now)
  const { declared, found } = await withStore(config.data, (store) => {
    const apps = store === null ? [] : inForce(store, config.tenant)
    const seen = store === null ? new Observed() : observed(store, config, from, now)
    return { declared: apps, found: suggestions(apps, seen, often) }
  })
  if (values.json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`)
  else if (values.yaml) process.stdout.write(asFile(found, declared))
  else process.stdout.write(printableLines(text(found, declared, config, now, now - from)))
}

/** `14d` back from now, or a time. */
function sinceOf(text: string, now: number): number {
  const time = readTime("--since", text, now)
  return time > now ? now - (time - now) : time
}

function observed(store: Store, config: Config, from: number, now: number): Observed {
  const { tenant } = config
  const devices = new DeviceIndex(store.current("devices"), [], { tenant })
  const seen = new Observed()
  for (const posture of store.eachCurrent("postures"))
    if (posture.tenant === tenant) seen.notePosture(posture, devices.platformOf(posture.device_id))
  for (const event of store.inTime("app-events", from, now + day)) {
    const { device_id } = event.tenant === tenant ? devices.find(event.device) : { device_id: null }
    if (device_id !== null) seen.noteEvent(event, devices.platformOf(device_id))
  }
  for (const finding of store.all("findings"))
    if (finding.tenant === tenant && finding.state !== "closed") seen.noteFinding(finding)
  return seen
}

function text(
  found: readonly Suggestion[],
  declared: readonly App[],
  config: Config,
  now: number,
  span: number,
): string[] {
  const libraries = config.analytics["library-user-agents"]
  const due = declared.flatMap((app) => {
    const faults = faultsOf(app, now, libraries).map(({ field, text }) => `${field}: ${text}`)
    return faults.length === 0 ? [] : [`${titleOf(app)}: ${faults.join("; ")}`]
  })
  const seen = found
    .slice(0, shownOnce)
    .map(({ platform, app_id, what, says }) => `${what.padEnd(13)}  ${platform} ${app_id}: ${says}`)
  const more = found.length - seen.length
  return [
    ...seen,
    ...(more > 0 ? [`and ${more} more (--json shows them all)`] : []),
    ...due.map((line) => `due            ${line}`),
    `${found.length} suggestions from the last ${durationText(span)}, ${due.length} due of ${declared.length} declared apps`,
    ...(found.length > 0
      ? ["pinsensor apps review --yaml writes them as a file to correct and to import"]
      : []),
  ]
}

/** What is declared, with what is suggested laid over it: for a person to correct, then to import. */
function asFile(found: readonly Suggestion[], declared: readonly App[]): string {
  const byApp = Map.groupBy(
    found.filter(({ would }) => Object.keys(would).length > 0),
    ({ platform, app_id }) => `${platform} ${app_id}`,
  )
  const apps = [...byApp.values()].flatMap((all) => {
    const [{ platform, app_id } = { platform: "unknown" as const, app_id: "" }] = all
    const before = declared.find((app) => app.platform === platform && app.app_id === app_id)
    // A signer that nobody declared is told, and never written down as if it were approved.
    const would = all.filter(({ what }) => what !== "signer").map((one) => one.would)
    if (would.length === 0) return []
    return [Object.assign({ app_id, platform }, before ? shortForm(before) : {}, ...would)]
  })
  const head =
    "# Suggested from what was seen, approved by nobody: correct it, add owner and review_at, then\n# pinsensor apps import FILE\n"
  return `${head}${stringify({ apps })}`
}

interface ReviewFlags {
  next?: string | undefined
  owner?: string | undefined
  platform?: string | undefined
  "on-behalf-of"?: string | undefined
}

function lookedAt(appId: string, flags: ReviewFlags, config: Config, now: number): void {
  const { next, owner, platform } = flags
  if (next === undefined)
    throw new Error("say until when it stands: pinsensor apps review APP --next 180d")
  const review = readTime("--next", next, now)
  if (review <= now || review - now > longestUnreviewed)
    throw new Error(`--next: "${next}" must lie ahead, at most ${durationText(longestUnreviewed)}`)
  const store = openStore(config.data)
  try {
    const said = store.transaction(() => {
      const standing = inForce(store, config.tenant).filter(
        (app) => app.app_id === appId && (platform === undefined || app.platform === platform),
      )
      if (standing.length === 0)
        throw new Error(`${appId} is not declared; pinsensor apps list shows what is`)
      const looked = standing.map((app) => ({
        ...app,
        observed_at: new Date(now).toISOString(),
        review_at: new Date(review).toISOString(),
        declared_by: person(flags["on-behalf-of"]),
        ...(owner === undefined ? {} : { owner }),
      }))
      write(store, looked)
      return looked.map((app) => `${titleOf(app)} stands until ${app.review_at?.slice(0, 10)}`)
    })
    process.stdout.write(printableLines(said))
  } finally {
    store.close()
  }
}
