/** A binding as leases and accounting state it: by what the network saw of whoever has the address. */
import { createHash } from "node:crypto"
import type { Binding, BindingNames, BindingSource } from "../record/binding.ts"
import { canonicalPrefix } from "./address-key.ts"
import { canonicalMac, isLocallyAdministered } from "./mac.ts"

/** What a reader of such a source is told of where it reads. */
export interface NetworkSource {
  common: { tenant: string; site: string; sensor_id: string; v: 1 }
  source: BindingSource
  confidence: number
}

export interface Stated {
  realm: string | null
  address: string
  names: Partial<BindingNames>
  /** Epoch milliseconds; `to` null: it lasts. */
  from: number
  to: number | null
  /** When the source knew this: of statements with the same begin the latest counts. */
  at: number
}

/** The same statement is the same record, whenever it is read. */
export function networkBinding(
  { common, source, confidence }: NetworkSource,
  stated: Stated,
): Binding {
  const { realm, address, from, to, at } = stated
  const names = { ...nobody, ...stated.names }
  const mac = names.wifi_mac === null ? null : canonicalMac(names.wifi_mac)
  const parts = [common.tenant, common.site, realm, address, source, names, from, to, at]
  const id = createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32)
  return {
    ...common,
    id: `${source}-${id}`,
    observed_at: new Date(at).toISOString(),
    realm,
    address: canonicalPrefix(address),
    valid_from: new Date(from).toISOString(),
    valid_to: to === null ? null : new Date(to).toISOString(),
    device_id: null,
    source,
    confidence,
    shared: false,
    names: { ...names, wifi_mac: mac ?? names.wifi_mac },
    flags: mac !== null && isLocallyAdministered(mac) ? ["locally-administered-mac"] : [],
  }
}

/** As records have it: 0000-01-01 to 9999-12-31, in epoch milliseconds. */
export function isTime(ms: number): boolean {
  return ms >= -62_167_219_200_000 && ms < 253_402_300_800_000
}

const nobody: BindingNames = {
  wifi_mac: null,
  user: null,
  serial: null,
  udid: null,
  imei: null,
  mdm_id: null,
}
