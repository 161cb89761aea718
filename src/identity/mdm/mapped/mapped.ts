/**
 * An MDM by its mapping file: lists devices as the mapping says, asks what it says for each of them,
 * and reads rows by it.
 */
import { z } from "zod"
import type { InstalledApp } from "../../../record/posture.ts"
import { MdmClient } from "../client.ts"
import type { MdmConnector, Page, RowRead } from "../connector.ts"
import { MdmHttp } from "../http.ts"
import { MdmFault } from "../mdm-fault.ts"
import { credentialsOf } from "./credentials.ts"
import { DeviceCalls } from "./device-calls.ts"
import { type Fault, isFault } from "./field.ts"
import { appsInRow, isMeant, isNews, mapApps, mapRow, mostApps } from "./map-row.ts"
import { MappedApi } from "./mapped-api.ts"
import type { Mapping } from "./mapping.ts"
import { type MappingFile, readMappingFile } from "./mapping-file.ts"
import { unmetNeeds } from "./needs.ts"
import { type ListPage, ListPlace } from "./paging.ts"
import { at, type Pointer, pointerText } from "./pointer.ts"
import { standsInPath } from "./request-url.ts"
import type { HttpInventorySettings } from "./settings.ts"

/** Pages read one after another in which no row is meant; then the place is told. */
const mostPassedOver = 500
/** Pages of the apps of one device. */
const mostAppPages = 200

const Cursor = z.strictObject({
  list: ListPlace,
  /** How many devices were there, and were called: of the call for details, of that for apps. */
  details: z.strictObject({ met: z.int(), called: z.int() }),
  apps: z.strictObject({ met: z.int(), called: z.int() }),
})
type Cursor = z.infer<typeof Cursor>

/** A row, or what stands in its place, and the row of the list. */
interface Known {
  row: unknown
  listed: unknown
}
/** A row with what was asked for beside it. */
interface Met {
  row: unknown
  apps: AppsAnswer
}
/** Undefined: nobody asked, since it was not the device's turn or it is gone. */
type AppsAnswer = InstalledApp[] | Fault | "in-row" | undefined
type CalledApps = Extract<NonNullable<Mapping["apps"]>, { call: unknown }>

/** The file of a source, checked against what the source configures. Throws with every fault. */
export function mappingOf(settings: HttpInventorySettings): MappingFile {
  const key = `sources.mdm ${settings.name}`
  const file = readMappingFile(`${key}.mapping`, settings.mapping)
  const pinned = settings["mapping-sha256"]
  if (pinned !== null && pinned !== file.sha256)
    throw new Error(
      `${key}.mapping: ${settings.mapping} has the SHA-256 ${file.sha256}, not mapping-sha256; review what changed, then set it`,
    )
  const unmet = unmetNeeds(file.mapping, settings)
  if (unmet.length > 0) throw new Error(unmet.map((one) => `${key}: ${one}`).join("\n"))
  return file
}

export function mappedConnector(
  settings: HttpInventorySettings,
  { clock, random }: { clock: () => number; random: () => number },
): MdmConnector {
  return new MappedConnector(settings, mappingOf(settings).mapping, clock, random)
}

/** Owned state: its connections, and whose turn a call for each device is. */
class MappedConnector implements MdmConnector {
  /** The source's own name: ids of two servers of one make are both small numbers. */
  readonly kind: string
  readonly addressHint: MdmConnector["addressHint"]
  readonly #mapping: Mapping
  readonly #maxRows: number
  readonly #values: ReadonlyMap<string, string>
  readonly #http: MdmHttp
  readonly #client: MdmClient
  readonly #api: MappedApi
  readonly #details: DeviceCalls | null
  readonly #apps: DeviceCalls | null
  readonly #closeCredentials: () => void

  constructor(
    settings: HttpInventorySettings,
    mapping: Mapping,
    clock: () => number,
    random: () => number,
  ) {
    const key = `sources.mdm ${settings.name}`
    const hint = settings["address-hint"]
    this.kind = settings.name
    this.addressHint = hint === null ? null : { forMs: hint.for, realm: hint.realm }
    this.#mapping = mapping
    this.#maxRows = settings["max-devices"] * 2
    this.#values = new Map(Object.entries(settings.values))
    this.#http = new MdmHttp(key, settings.url, settings.http)
    const credentials = credentialsOf({ key, settings, mapping, http: this.#http, clock, random })
    this.#closeCredentials = () => credentials.close()
    const parts = { http: this.#http, settings: settings.http, credentials, clock, random }
    this.#client = new MdmClient(parts)
    this.#api = new MappedApi(settings.url, this.#client)
    const { detail, apps } = mapping
    this.#details = detail ? new DeviceCalls(detail) : null
    this.#apps = apps && "call" in apps ? new DeviceCalls(apps.call) : null
  }

  async begin(): Promise<void> {
    this.#client.begin()
  }

  async page(
    { cursor, since }: { cursor: unknown; since: number | null },
    signal: AbortSignal,
  ): Promise<Page> {
    const none = { met: 0, called: 0 }
    let place = Cursor.parse(cursor ?? { list: {}, details: none, apps: none })
    const narrowed = since !== null || this.#mapping.list.only.length > 0 || this.#details !== null
    for (let passed = 0; ; passed++) {
      const list = await this.#listPage(place.list, since, signal)
      const rows = list.rows.filter(
        (row) => isMeant(this.#mapping, row) && isNews(this.#mapping, row, since),
      )
      const met = await this.#completed(rows, place, since === null, signal)
      place = { ...met.place, list: list.next ?? place.list }
      if (list.next === null) {
        this.#details?.end({ full: since === null, ...place.details })
        this.#apps?.end({ full: since === null, ...place.apps })
        return { rows: met.rows, next: null, of: narrowed ? null : list.total }
      }
      if (list.next.rows > this.#maxRows)
        throw new MdmFault("lasting", `the MDM never ends: more than ${this.#maxRows} rows`)
      if (met.rows.length > 0 || list.rows.length === 0 || passed >= mostPassedOver)
        return { rows: met.rows, next: place, of: narrowed ? null : list.total }
    }
  }

  read(given: unknown): RowRead {
    const { row, apps } = given as Met
    if (isFault(row)) return { rejected: row.fault }
    const read = mapRow(this.#mapping, row)
    if (isFault(read)) return { rejected: read.fault }
    const found = apps === "in-row" ? appsInRow(this.#mapping.apps, row) : apps
    if (isFault(found)) return { rejected: found.fault }
    const { said, apps_partial } = read
    // What was said of a device before stands until its apps are asked for again.
    if (found === undefined) return { said: { ...said, postures: [] } }
    const partial = found !== null && apps_partial
    const postures = said.postures.map((one) => ({ ...one, apps: found, apps_partial: partial }))
    return { said: { ...said, postures } }
  }

  close(): void {
    this.#http.close()
    this.#closeCredentials()
  }

  async #listPage(place: ListPlace, since: number | null, signal: AbortSignal): Promise<ListPage> {
    const { list } = this.#mapping
    const changed = list["changed-since"]
    const more =
      changed && since !== null ? { [changed.parameter]: sinceText(changed.as, since) } : {}
    const page = await this.#api.page(list, place, { fill: this.#values, more }, signal)
    if (page === null) return { rows: [], total: null, next: null }
    if (!isFault(page)) return page
    throw new MdmFault("lasting", `the answer of ${this.#http.origin} ${page.fault}`)
  }

  /** The rows with their details and apps, as far as their turn has come. */
  async #completed(rows: readonly unknown[], from: Cursor, full: boolean, signal: AbortSignal) {
    const { detail, apps } = this.#mapping
    let place = from
    let known: Known[] = rows.map((row) => ({ row, listed: row }))
    if (this.#details && detail) {
      const turn = { full, ...place.details }
      const { answers, ...asked } = await this.#details.each(known, turn, ({ listed }) =>
        this.#detailOf(detail, listed, signal),
      )
      place = { ...place, details: { met: asked.turn.met, called: asked.turn.called } }
      known = known.flatMap(({ listed }, index) => {
        const row = answers[index]
        return row === undefined ? [] : [{ row, listed }]
      })
    }
    if (!this.#apps || !apps || !("call" in apps))
      return { place, rows: known.map(({ row }): Met => ({ row, apps: "in-row" })) }
    const turn = { full, ...place.apps }
    const { answers, ...asked } = await this.#apps.each(known, turn, ({ listed }) =>
      this.#appsOf(apps, listed, signal),
    )
    place = { ...place, apps: { met: asked.turn.met, called: asked.turn.called } }
    return { place, rows: known.map(({ row }, index): Met => ({ row, apps: answers[index] })) }
  }

  /** What stands in place of the row; undefined where the device is gone meanwhile. */
  async #detailOf(
    detail: NonNullable<Mapping["detail"]>,
    listed: unknown,
    signal: AbortSignal,
  ): Promise<unknown> {
    const fill = filled(detail.parameters, this.#values, listed)
    if (isFault(fill)) return fill
    const answer = await this.#api.object(detail, { fill, mayBeGone: true }, signal)
    if (answer === null || isFault(answer)) return answer ?? undefined
    const where = pointerText(detail.at) || "its top"
    return at(answer.json, detail.at) ?? { fault: `detail: nothing stands at ${where}` }
  }

  async #appsOf(apps: CalledApps, listed: unknown, signal: AbortSignal): Promise<AppsAnswer> {
    const fill = filled(apps.call.parameters, this.#values, listed)
    if (isFault(fill)) return fill
    const rows: unknown[] = []
    for (let place: ListPlace | null = ListPlace.parse({}); place !== null; ) {
      const asked = { fill, mayBeGone: true }
      const page = await this.#api.page(apps.call, place, asked, signal)
      if (page === null) return rows.length === 0 ? undefined : mapApps(apps, rows)
      if (isFault(page)) return { fault: `apps: the answer ${page.fault}` }
      rows.push(...page.rows)
      if (rows.length > mostApps || place.pages >= mostAppPages)
        return { fault: `apps: there are more than ${mostApps}, or their list never ends` }
      place = page.next
    }
    return mapApps(apps, rows)
  }
}

/** What fills the gaps of a call for one device: an id that could lead elsewhere fills none. */
function filled(
  parameters: Readonly<Record<string, Pointer>>,
  values: ReadonlyMap<string, string>,
  listed: unknown,
): Map<string, string> | Fault {
  const fill = new Map(values)
  for (const [name, pointer] of Object.entries(parameters)) {
    const value = at(listed, pointer)
    const text = typeof value === "number" ? String(value) : value
    if (typeof text !== "string" || !standsInPath(text))
      return { fault: `${pointerText(pointer)} cannot stand in the path of a call` }
    fill.set(name, text)
  }
  return fill
}

function sinceText(as: "rfc3339" | "epoch-seconds" | "epoch-ms", since: number): string {
  if (as === "rfc3339") return new Date(since).toISOString()
  return String(as === "epoch-ms" ? since : Math.floor(since / 1_000))
}
