/**
 * From the name of a detected app to its bundle or package id, by way of the catalogue.
 *
 * Intune's detected apps have no id that the network or a device knows. The catalogue has them, and
 * shares with them only platform, name and publisher: an id is inferred, and only where these fit
 * one app alone.
 */
import { z } from "zod"
import type { Platform } from "../../../record/common.ts"
import { text } from "../row-fields.ts"

/** A MobileApp; which fields it has depends on its type (iosVppApp, androidManagedStoreApp, ...). */
const MobileApp = z.object({
  "@odata.type": z.string().max(200).nullish(),
  displayName: text,
  publisher: text,
  bundleId: text,
  packageId: text,
})

interface CatalogueApp {
  app_id: string
  publisher: string | null
}

/** Apps of the catalogue; further ones are not joined. */
const mostApps = 50_000

/** Owned state: at most `mostApps` apps, about 200 bytes each. */
export class Catalogue {
  readonly #byName = new Map<string, CatalogueApp[]>()
  #size = 0

  /** A row that cannot be read is left out: its app stays unnamed. */
  add(row: unknown): void {
    const parsed = MobileApp.safeParse(row)
    if (!parsed.success || this.#size >= mostApps) return
    const { displayName, publisher, bundleId, packageId } = parsed.data
    const type = parsed.data["@odata.type"] ?? ""
    const platform = /android/i.test(type) ? "android" : /ios/i.test(type) ? "ios" : null
    const app_id = platform === "android" ? packageId : bundleId
    if (platform === null || displayName === null || app_id === null) return
    const key = nameKey(platform, displayName)
    const known = this.#byName.get(key) ?? []
    if (known.some((app) => app.app_id === app_id)) return
    this.#byName.set(key, [...known, { app_id, publisher }])
    this.#size++
  }

  /** The one id that fits; null where none or several do. */
  idOf(platform: Platform, name: string, publisher: string | null): string | null {
    const named = this.#byName.get(nameKey(platform, name)) ?? []
    const fitting =
      named.length > 1 && publisher !== null
        ? named.filter((app) => app.publisher?.toLowerCase() === publisher.toLowerCase())
        : named
    return fitting.length === 1 ? (fitting[0]?.app_id ?? null) : null
  }
}

function nameKey(platform: Platform, name: string): string {
  return `${platform} ${name.trim().toLowerCase()}`
}
