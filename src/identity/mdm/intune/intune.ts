/** Microsoft Intune by Microsoft Graph v1.0: managed devices, and what is learned of them beside. */
import { z } from "zod"
import { readSecret } from "../../../source/secret.ts"
import { MdmClient } from "../client.ts"
import type { MdmConnector } from "../connector.ts"
import { MdmHttp } from "../http.ts"
import { trustOfInstalled } from "../inspection-ca.ts"
import { idText } from "../row-fields.ts"
import { oauthToken } from "../token.ts"
import { caProfileStates } from "./ca-profiles.ts"
import { findInstallations, type Installations } from "./detected-apps.ts"
import { graphPage } from "./graph-list.ts"
import { readManagedDevice, selected } from "./rows.ts"
import { type IntuneSettings, intuneClouds } from "./settings.ts"

export interface ConnectorParts {
  clock: () => number
  random: () => number
}

export function intuneConnector(
  settings: IntuneSettings,
  { clock, random }: ConnectorParts,
): MdmConnector {
  const key = `sources.mdm ${settings.name}`
  const cloud = intuneClouds[settings.cloud]
  const graph = (settings["graph-url"] ?? cloud.graph).replace(/\/+$/, "")
  const authority = (settings["authority-url"] ?? cloud.authority).replace(/\/+$/, "")
  const http = new MdmHttp(key, graph, settings.http)
  const tokens = new MdmHttp(key, authority, settings.http)
  const common = { settings: settings.http, clock, random }
  const credentials = oauthToken({
    ...common,
    http: tokens,
    url: `${authority}/${settings["tenant-id"]}/oauth2/v2.0/token`,
    form: () => ({
      grant_type: "client_credentials",
      client_id: settings["client-id"],
      client_secret: readSecret(`${key}.client-secret`, settings["client-secret"]),
      scope: `${cloud.graph}/.default`,
    }),
  })
  const client = new MdmClient({ ...common, http, credentials })
  const profiles = settings["inspection-ca"]?.profiles ?? null
  const caProfiles = profiles === null ? null : new Set(profiles)
  const longestWait = settings.http["longest-wait"]
  const profileParts = { client, graph, longestWait, clock, random }

  /** Of the last full sweep; sweeps of changes go by it. */
  let installations: Installations | null = null
  /** Of the devices of the page that was read last. */
  let haveCa = new Map<string, boolean>()
  const beside = {
    ca: (deviceId: string, platform: Parameters<typeof trustOfInstalled>[0]) => {
      const has = haveCa.get(deviceId)
      if (has === undefined) return "unknown"
      return has ? trustOfInstalled(platform) : "absent"
    },
    apps: (deviceId: string) => installations?.of(deviceId) ?? null,
  }

  return {
    kind: "intune",
    addressHint: null,
    begin: async ({ since }, signal) => {
      client.begin()
      const names = settings["detected-apps"]
      if (names.length === 0 || (since !== null && installations !== null)) return
      installations = await findInstallations(client, graph, names, signal)
    },
    page: async ({ cursor, since }, signal) => {
      const first = `${graph}/v1.0/deviceManagement/managedDevices?${query(settings, since)}`
      const { rows, next } = await graphPage(client, String(cursor ?? first), signal)
      haveCa =
        caProfiles === null
          ? new Map()
          : await caProfileStates(idsOf(rows), caProfiles, profileParts, signal)
      return { rows, next, of: null }
    },
    read: (row) => readManagedDevice(row, beside),
    close: () => {
      http.close()
      tokens.close()
    },
  }
}

/** The values as Graph documents them: `$` and commas as they are. */
function query(settings: IntuneSettings, since: number | null): string {
  const asked = [`$select=${selected.join(",")}`, `$top=${settings["page-size"]}`]
  if (since !== null)
    asked.push(
      `$filter=${encodeURIComponent(`lastSyncDateTime gt ${new Date(since).toISOString()}`)}`,
    )
  return asked.join("&")
}

function idsOf(rows: readonly unknown[]): string[] {
  const Row = z.object({ id: idText })
  return rows.flatMap((row) => {
    const parsed = Row.safeParse(row)
    return parsed.success ? [parsed.data.id] : []
  })
}
