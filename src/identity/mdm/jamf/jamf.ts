/** Jamf Pro: mobile device inventory with all that a posture needs in one list. */
import { z } from "zod"
import { readSecret } from "../../../source/secret.ts"
import { MdmClient } from "../client.ts"
import type { MdmConnector, Page, PageAsked } from "../connector.ts"
import { MdmHttp } from "../http.ts"
import { MdmFault } from "../mdm-fault.ts"
import { oauthToken } from "../token.ts"
import { readJamfRow } from "./rows.ts"
import type { JamfSettings } from "./settings.ts"

/** Jamf answers null for each section that is not asked for. */
const sections = [
  "GENERAL",
  "HARDWARE",
  "USER_AND_LOCATION",
  "SECURITY",
  "APPLICATIONS",
  "PROFILES",
  "NETWORK",
  "GROUPS",
]
/** Steps back in one sweep, after devices went while it was under way. */
const mostStepsBack = 20

const Cursor = z.strictObject({
  page: z.int().min(0),
  size: z.int().min(1),
  /** `totalCount` of the page before. */
  total: z.int().nullable(),
  back: z.int(),
})

const Answer = z.object({
  totalCount: z.int().min(0).nullish(),
  results: z.array(z.unknown()).max(100_000),
})

export interface ConnectorParts {
  clock: () => number
  random: () => number
}

export function jamfConnector(
  settings: JamfSettings,
  { clock, random }: ConnectorParts,
): MdmConnector {
  const key = `sources.mdm ${settings.name}`
  const base = settings.url.replace(/\/+$/, "")
  const http = new MdmHttp(key, base, settings.http)
  const common = { http, settings: settings.http, clock, random }
  const credentials = oauthToken({
    ...common,
    url: `${base}/api/oauth/token`,
    form: () => ({
      grant_type: "client_credentials",
      client_id: settings["client-id"],
      client_secret: readSecret(`${key}.client-secret`, settings["client-secret"]),
    }),
  })
  const client = new MdmClient({ ...common, credentials })
  const profiles = settings["inspection-ca"]?.profiles ?? null
  const caProfiles = profiles === null ? null : new Set(profiles)
  const hint = settings["address-hint"]
  const addressHint = hint === null ? null : { forMs: hint.for, realm: hint.realm }
  const pageSize = settings["page-size"]

  return {
    kind: settings["device-prefix"],
    addressHint,
    begin: async () => client.begin(),
    page: async ({ cursor, since }, signal) => {
      const at = Cursor.parse(cursor ?? { page: 0, size: pageSize, total: null, back: 0 })
      const url = `${base}/api/v2/mobile-devices/detail?${query(at, since)}`
      const answer = Answer.safeParse(await client.json(url, signal))
      if (!answer.success)
        throw new MdmFault("lasting", `${http.origin} answered with something else than devices`)
      const { results: rows, totalCount = null } = answer.data
      return {
        rows,
        of: since === null ? totalCount : null,
        next: nextPage(at, rows.length, totalCount),
      }
    },
    read: (row) => readJamfRow(row, caProfiles),
    close: () => http.close(),
  } satisfies MdmConnector & { page(asked: PageAsked, signal: AbortSignal): Promise<Page> }
}

/** By id, so that what is enrolled meanwhile comes last: `mobileDeviceId` is what this list can be
 * sorted by. A filter that a server does not honour gives more, which is no harm. */
function query(at: z.infer<typeof Cursor>, since: number | null): URLSearchParams {
  const asked = new URLSearchParams(
    sections.map((section): [string, string] => ["section", section]),
  )
  asked.set("page", String(at.page))
  asked.set("page-size", String(at.size))
  asked.set("sort", "mobileDeviceId:asc")
  if (since !== null)
    asked.set("filter", `lastInventoryUpdateDate>="${new Date(since).toISOString()}"`)
  return asked
}

/**
 * Devices that went while the sweep is under way move all later ones forward, past pages that were
 * read: so many pages are read again. A server that gives less than was asked for sets the size.
 */
function nextPage(at: z.infer<typeof Cursor>, rows: number, total: number | null) {
  const gone = at.total === null || total === null ? 0 : at.total - total
  if (gone > 0 && at.page > 0 && at.back < mostStepsBack) {
    const page = Math.max(0, at.page - Math.ceil(gone / at.size))
    return { ...at, page, total, back: at.back + 1 }
  }
  if (rows === 0) return null
  const short = rows < at.size
  const size = short && at.page === 0 && total !== null && total > rows ? rows : at.size
  const ended = short && size === at.size && (total === null || (at.page + 1) * at.size >= total)
  return ended ? null : { page: at.page + 1, size, total, back: at.back }
}
