/** The Android Management API v1: devices of one enterprise, and the policies that they apply. */
import { z } from "zod"
import { readSecret } from "../../../source/secret.ts"
import { MdmClient } from "../client.ts"
import type { MdmConnector, Page, PageAsked } from "../connector.ts"
import { MdmHttp } from "../http.ts"
import { MdmFault } from "../mdm-fault.ts"
import { oauthToken } from "../token.ts"
import { deviceFields, policyNameOf, readDeviceRow, reportedAt } from "./device-row.ts"
import { appliedPolicy, type KnownPolicy, readPolicy } from "./policies.ts"
import { assertionForm } from "./service-account.ts"
import type { AndroidManagementSettings } from "./settings.ts"

/** The API's own largest page. */
const pageSize = 100
/** Pages without a device that reported since, before the place is told. */
const mostPassedOver = 200
/** Policies known in one sweep, some 100 KB each at most; of further ones nothing is known. */
const mostPolicies = 1_000

const Cursor = z.string().max(8_192).nullable()
/** An enterprise without devices has no list of them: an empty list is left out (proto3 JSON). */
const Answer = z.object({
  devices: z.array(z.unknown()).max(10_000).nullish(),
  nextPageToken: z.string().max(8_192).nullish(),
})

export function androidManagementConnector(
  settings: AndroidManagementSettings,
  { clock, random }: { clock: () => number; random: () => number },
): MdmConnector {
  const key = `sources.mdm ${settings.name}`
  const base = `${settings.url.replace(/\/+$/, "")}/v1/`
  const { enterprise } = settings
  const tokenUrl = settings["token-url"]
  const http = new MdmHttp(key, base, settings.http)
  const tokens = new MdmHttp(key, tokenUrl, settings.http)
  const common = { settings: settings.http, clock, random }
  const credentials = oauthToken({
    ...common,
    http: tokens,
    url: tokenUrl,
    form: () => {
      const name = `${key}.service-account`
      const file = readSecret(name, settings["service-account"])
      return assertionForm(name, file, tokenUrl, clock())
    },
  })
  const client = new MdmClient({ ...common, http, credentials })
  const inspectionCas = new Set(settings["inspection-ca"]?.sha256 ?? [])
  /** Of this sweep. Null: it could not be read. */
  let policies = new Map<string, KnownPolicy | null>()

  async function list(cursor: string | null, signal: AbortSignal) {
    const url = new URL(`${enterprise}/devices`, base)
    url.searchParams.set("pageSize", String(pageSize))
    url.searchParams.set("fields", `nextPageToken,devices(${deviceFields})`)
    if (cursor !== null) url.searchParams.set("pageToken", cursor)
    const answer = Answer.safeParse(await client.json(url, signal))
    if (!answer.success)
      throw new MdmFault("lasting", `${http.origin} answered with something else than devices`)
    return { devices: answer.data.devices ?? [], next: answer.data.nextPageToken || null }
  }

  async function learnPolicies(rows: readonly unknown[], signal: AbortSignal): Promise<void> {
    if (!settings["read-policies"]) return
    for (const row of rows) {
      const name = policyNameOf(row)
      if (name === null || policies.has(name) || policies.size >= mostPolicies) continue
      // A name that is not one of this enterprise's policies would be another call.
      const own = name.startsWith(`${enterprise}/policies/`) && /^[A-Za-z0-9_/-]+$/.test(name)
      policies.set(name, own ? await policy(name, signal) : null)
    }
  }

  async function policy(name: string, signal: AbortSignal): Promise<KnownPolicy | null> {
    const url = new URL(name, base)
    // Wi-Fi passwords stand beside the certificates, so they are asked for only where that is needed.
    const certificates = inspectionCas.size > 0 ? ",openNetworkConfiguration" : ""
    url.searchParams.set("fields", `version,applications(packageName,installType)${certificates}`)
    try {
      return readPolicy(await client.json(url, signal))
    } catch (error) {
      // Deleted since it was applied.
      if (error instanceof MdmFault && error.status === 404) return null
      throw error
    }
  }

  return {
    kind: "android-management",
    addressHint: null,
    begin: async () => {
      client.begin()
      policies = new Map()
    },
    page: async ({ cursor, since }, signal) => {
      let next = Cursor.parse(cursor)
      for (let passed = 0; ; passed++) {
        const page = await list(next, signal)
        if (page.next !== null && page.next === next)
          throw new MdmFault("lasting", `${http.origin} leads from a page to the same page`)
        next = page.next
        // The API cannot be asked for changes: what did not report since is passed over here.
        const rows = page.devices.filter((row) => since === null || isNews(row, since))
        await learnPolicies(rows, signal)
        const empty = page.devices.length === 0
        if (rows.length > 0 || next === null || empty || passed >= mostPassedOver)
          return { rows, next, of: null }
      }
    },
    read: (row) =>
      readDeviceRow(row, (name, version) =>
        appliedPolicy(policies.get(name ?? "") ?? null, version, inspectionCas),
      ),
    close: () => {
      http.close()
      tokens.close()
    },
  } satisfies MdmConnector & { page(asked: PageAsked, signal: AbortSignal): Promise<Page> }
}

function isNews(row: unknown, since: number): boolean {
  const at = reportedAt(row)
  return at === null || at >= since
}
