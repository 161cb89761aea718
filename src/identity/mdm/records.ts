/**
 * From what a row says to records.
 *
 * `observed_at` is when the device last told its MDM. Ids are made from the sweep and the content:
 * a page that is read again after a crash gives the same ids, and what is said again after
 * something else in between gives another, which is the later one also where the time is the same.
 */
import { createHash } from "node:crypto"
import { Binding } from "../../record/binding.ts"
import type { Device } from "../../record/device.ts"
import type { Posture } from "../../record/posture.ts"
import type { Batch, SourceParts } from "../../source/source.ts"
import { addressKey, canonicalPrefix } from "../address-key.ts"
import { canonicalMac } from "../mac.ts"
import type { DeviceSaid, MdmConnector } from "./connector.ts"

/** How far an MDM's clock may be ahead of ours, in milliseconds. */
const clockTolerance = 5 * 60_000
/** MDM's last address says who was there a while ago, seen through whatever NAT stood between. */
const hintConfidence = 0.2

export interface RecordsContext {
  common: SourceParts["common"]
  connector: Pick<MdmConnector, "kind" | "addressHint">
  /** Begin of the sweep in epoch milliseconds: the time of what comes without one. */
  beganAt: number
  /** Now, in epoch milliseconds. */
  now: number
}

/** The records of one page. */
export function recordsOf(all: readonly DeviceSaid[], context: RecordsContext) {
  const devices: Device[] = []
  const postures: Posture[] = []
  const bindings: Binding[] = []
  const seen: string[] = []
  for (const said of all) {
    const device = deviceOf(said, context)
    devices.push(device)
    seen.push(device.device_id)
    postures.push(...posturesOf(said, device, context))
    const hint = hintOf(said, device, context)
    if (hint !== null) bindings.push(hint)
  }
  return { records: { devices, postures, bindings }, seen } satisfies Batch
}

function deviceOf(said: DeviceSaid, { common, connector, beganAt, now }: RecordsContext): Device {
  const { kind } = connector
  const known = said.synced_at !== null && said.synced_at <= now + clockTolerance
  const device = {
    ...common,
    id: "",
    observed_at: new Date(known ? (said.synced_at as number) : beganAt).toISOString(),
    device_id: `${kind}:${said.mdm_id}`,
    platform: said.platform,
    os_version: said.os_version,
    model: said.model,
    mdm_id: said.mdm_id,
    serial: said.serial,
    udid: said.udid,
    imei: said.imei,
    wifi_mac: said.wifi_mac === null ? null : canonicalMac(said.wifi_mac),
    user: said.user,
    groups: [...new Set(said.groups)].sort(),
    source: kind,
    ownership: said.ownership,
  }
  return { ...device, id: idOf(kind, beganAt, device) }
}

function posturesOf(
  said: DeviceSaid,
  device: Device,
  { common, connector, beganAt }: RecordsContext,
) {
  return said.postures.map((one): Posture => {
    const posture = {
      ...common,
      ...one,
      id: "",
      observed_at: device.observed_at,
      device_id: device.device_id,
      apps: one.apps === null ? null : [...one.apps].sort(byApp),
      source: connector.kind,
    }
    return { ...posture, id: idOf(connector.kind, beganAt, posture) }
  })
}

/** The id is made from the content alone: a last address that is told again is the same hint. */
function hintOf(said: DeviceSaid, device: Device, { common, connector }: RecordsContext) {
  const { kind, addressHint } = connector
  const { address, synced_at } = said
  if (addressHint === null || address === null || !usable(address)) return null
  // Without a time of its own it would bind the address now, whenever it was true.
  if (synced_at === null || device.observed_at !== new Date(synced_at).toISOString()) return null
  const hint = {
    ...common,
    observed_at: device.observed_at,
    realm: addressHint.realm,
    address: canonicalPrefix(address),
    valid_from: device.observed_at,
    valid_to: new Date(synced_at + addressHint.forMs).toISOString(),
    device_id: device.device_id,
    source: "mdm" as const,
    confidence: hintConfidence,
  }
  return Binding.parse({ ...hint, id: idOf(kind, synced_at, hint) })
}

/** An address of one device: not unspecified, loopback, link-local or multicast. */
function usable(address: string): boolean {
  const key = addressKey(address)
  if (key === null || address.includes("/")) return false
  if (key.length === 8) return !/^(00|7f|a9fe|e|f)/.test(key)
  return !/^(0{31}[01]|fe[89ab]|ff)/.test(key)
}

/** The time stands first in nine digits to base 36 (until the year 5188), so that of two ids of the
 * same instant the later sweep's is the greater. */
function idOf(kind: string, at: number, content: object): string {
  const time = Math.max(0, Math.floor(at)).toString(36).padStart(9, "0")
  const hash = createHash("sha256").update(JSON.stringify(content)).digest("base64url").slice(0, 22)
  return `${kind}:${time}:${hash}`
}

function byApp(one: { app_id: string; version: string | null }, other: typeof one): number {
  if (one.app_id !== other.app_id) return one.app_id < other.app_id ? -1 : 1
  return (one.version ?? "") < (other.version ?? "") ? -1 : 1
}
