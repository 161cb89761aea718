/** What the sweep needs of one MDM's API: pages of rows, and what a row says. */
import type { Platform, Profile } from "../../record/common.ts"
import type { Ownership } from "../../record/device.ts"
import type { InspectionCaTrust, InstalledApp } from "../../record/posture.ts"

/** One device as one row of an MDM tells it; null is what the MDM does not know or does not say. */
export interface DeviceSaid {
  /** The MDM's own id of it. */
  mdm_id: string
  /** When the device last told the MDM, in epoch milliseconds. */
  synced_at: number | null
  platform: Platform
  os_version: string | null
  model: string | null
  serial: string | null
  udid: string | null
  imei: string | null
  /** As it came; the core makes it canonical and drops what is no address. */
  wifi_mac: string | null
  user: string | null
  groups: string[]
  ownership: Ownership
  /** One for each profile that the MDM speaks of. */
  postures: PostureSaid[]
  /** Address from which it was last seen, if that is to be a hint of who has it. */
  address: string | null
}

export interface PostureSaid {
  profile: Profile
  managed: boolean | null
  supervised: boolean | null
  compliant: boolean | null
  jailbroken: boolean | null
  inspection_ca: InspectionCaTrust
  apps: InstalledApp[] | null
  /** `apps` names only some: the user's own are hidden from this MDM, or only some were asked for. */
  apps_partial: boolean
}

/** `rejected`: why, without what the row holds. */
export type RowRead = { said: DeviceSaid } | { rejected: string }

export interface Page {
  rows: readonly unknown[]
  /** Where the next page is, as JSON of at most 16 KiB; null after the last. */
  next: unknown
  /** How many rows there are in all, where the API says so. */
  of: number | null
}

export interface PageAsked {
  /** `next` of the page before; null for the first. */
  cursor: unknown
  /** Only what changed after this instant (epoch milliseconds); null: everything. More is no harm. */
  since: number | null
}

export interface MdmConnector {
  /** `intune`, `jamf`, ...: the source in records, and the begin of device ids. */
  readonly kind: string
  /** A sweep begins, or goes on after a restart. What is needed for its pages is read here. */
  begin(asked: { since: number | null }, signal: AbortSignal): Promise<void>
  page(asked: PageAsked, signal: AbortSignal): Promise<Page>
  /** Never throws, whatever the row holds. It may use what `page` fetched beside the rows. */
  read(row: unknown): RowRead
  /** How an address is meant that a device was last seen from; null: it is not used. */
  readonly addressHint: { forMs: number; realm: string | null } | null
  /** Closes its connections. */
  close(): void
}
