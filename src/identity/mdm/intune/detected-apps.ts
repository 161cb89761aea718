/**
 * Which devices have the apps that the operator wants to know of.
 *
 * Graph v1.0 lists no apps of a device; it lists the devices of a detected app. So it is asked app
 * by app, for those that are configured, and what comes of it is only a part of what is installed.
 */
import { z } from "zod"
import type { InstalledApp } from "../../../record/posture.ts"
import type { MdmClient } from "../client.ts"
import { idText, text } from "../row-fields.ts"
import { Catalogue } from "./catalogue.ts"
import { graphRows } from "./graph-list.ts"

const DetectedApp = z.object({
  id: z.string().min(1).max(200),
  displayName: text,
  version: text,
  publisher: text,
  platform: text,
})
const DeviceRef = z.object({ id: idText })

/** Installations that are kept, about 60 bytes each; those beyond it are not known. */
const mostInstallations = 1_000_000
/** Apps of one name: each version and platform is one. */
const mostVersions = 200
const mostPages = 10_000

/** Installed apps by device, as indexes into a list: an app is kept once, however many have it. */
export interface Installations {
  of(deviceId: string): InstalledApp[]
  /** Detected apps whose id the catalogue does not tell. */
  unnamed: number
}

export async function findInstallations(
  client: MdmClient,
  graph: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Installations> {
  const catalogue = new Catalogue()
  const mobileApps = `${graph}/v1.0/deviceAppManagement/mobileApps`
  for await (const row of graphRows(client, mobileApps, mostPages, signal)) catalogue.add(row)
  const apps: InstalledApp[] = []
  const byDevice = new Map<string, number[]>()
  let installations = 0
  let unnamed = 0
  for (const name of names) {
    for (const detected of await detectedApps(client, graph, name, signal)) {
      const platform = /^ios/i.test(detected.platform ?? "") ? "ios" : "android"
      const app_id = catalogue.idOf(platform, name, detected.publisher)
      if (app_id === null) {
        unnamed++
        continue
      }
      const { version } = detected
      // Its name in the catalogue does not say that this installation is a managed one.
      const index = apps.push({ app_id, name, version, signer_sha256: null, managed: null }) - 1
      const path = `deviceManagement/detectedApps/${encodeURIComponent(detected.id)}/managedDevices`
      const url = `${graph}/v1.0/${path}?$select=id`
      for await (const row of graphRows(client, url, mostPages, signal)) {
        const ref = DeviceRef.safeParse(row)
        if (!ref.success || installations >= mostInstallations) continue
        installations++
        const known = byDevice.get(ref.data.id)
        if (known) known.push(index)
        else byDevice.set(ref.data.id, [index])
      }
    }
  }
  const at = (index: number) => apps[index] as InstalledApp
  return { of: (deviceId) => [...new Set(byDevice.get(deviceId) ?? [])].map(at), unnamed }
}

/** Those of exactly this name on phones. A server that does not filter gives more than was asked. */
async function detectedApps(client: MdmClient, graph: string, name: string, signal: AbortSignal) {
  const filter = encodeURIComponent(`displayName eq '${name.replaceAll("'", "''")}'`)
  const url = `${graph}/v1.0/deviceManagement/detectedApps?$filter=${filter}`
  const found: z.infer<typeof DetectedApp>[] = []
  for await (const row of graphRows(client, url, mostPages, signal)) {
    const app = DetectedApp.safeParse(row)
    if (!app.success || app.data.displayName?.toLowerCase() !== name.trim().toLowerCase()) continue
    if (!/^(ios|android)/i.test(app.data.platform ?? "")) continue
    if (found.length < mostVersions) found.push(app.data)
  }
  return found
}
