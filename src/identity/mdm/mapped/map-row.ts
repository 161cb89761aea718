/**
 * What a row of an MDM's answer means, by its mapping.
 *
 * In: a mapping and a row as JSON. Out: what it says of a device, its posture and its apps, or a
 * fault in words. What a row does not say is null; a row in which one field is not as declared is
 * refused whole, since the others may be no better.
 */
import { Platform, Profile } from "../../../record/common.ts"
import { Ownership } from "../../../record/device.ts"
import { InspectionCaTrust, type InstalledApp } from "../../../record/posture.ts"
import type { DeviceSaid, PostureSaid } from "../connector.ts"
import {
  type Fault,
  type FieldRule,
  isFault,
  readBoolean,
  readMac,
  readText,
  readTexts,
  readTime,
  readWord,
} from "./field.ts"
import type { Mapping } from "./mapping.ts"
import { at, pointerText } from "./pointer.ts"

/** A device of more apps or groups is a fault of the mapping or the server. */
export const mostApps = 5_000
const mostGroups = 200

/** Whether a row of the list is one that the mapping reads. */
export function isMeant(mapping: Mapping, row: unknown): boolean {
  return mapping.list.only.every((condition) =>
    condition.in.some((value) => value === at(row, condition.at)),
  )
}

/** Whether a row may say something new since an instant (epoch milliseconds). */
export function isNews(mapping: Mapping, row: unknown, since: number | null): boolean {
  if (since === null || !mapping.device.seen || mapping.detail) return true
  const seen = readTime(mapping.device.seen, row)
  return typeof seen !== "number" || seen >= since
}

/** Its apps are still to come; `null` in their place is what the MDM does not say. */
export function mapRow(
  mapping: Mapping,
  row: unknown,
): { said: DeviceSaid; apps_partial: boolean } | Fault {
  const { device, address, apps } = mapping
  try {
    const mdm_id = sure(readText(device.id, row))
    if (mdm_id === null || !/^[\x21-\x7e]{1,120}$/.test(mdm_id))
      return { fault: "device.id is not 1 to 120 printable characters" }
    const said = {
      mdm_id,
      synced_at: maybe(device.seen, (rule) => readTime(rule, row)),
      platform: sure(readWord(Platform.options, device.platform, row)) ?? "unknown",
      os_version: maybe(device.os_version, (rule) => readText(rule, row)),
      model: maybe(device.model, (rule) => readText(rule, row)),
      serial: maybe(device.serial, (rule) => readText(rule, row)),
      udid: maybe(device.udid, (rule) => readText(rule, row)),
      imei: maybe(device.imei, (rule) => readText(rule, row)),
      wifi_mac: maybe(device.wifi_mac, (rule) => readMac(rule, row)),
      user: maybe(device.user, (rule) => readText(rule, row)),
      groups: groupsOf(device.groups, row),
      ownership:
        maybe(device.ownership, (rule) => readWord(Ownership.options, rule, row)) ?? "unknown",
      postures: [postureOf(mapping.posture, row)],
      address: maybe(address, (rule) => readText(rule, row)),
    }
    // Where it is asked and not said, an app that is not listed may be there.
    const partial = apps?.partial
    return { said, apps_partial: partial ? (sure(readBoolean(partial, row)) ?? true) : false }
  } catch (error) {
    return refusal(error)
  }
}

function groupsOf(groups: Mapping["device"]["groups"], row: unknown): string[] {
  if (groups === undefined) return []
  if ("at" in groups) return sure(readTexts(groups.at, groups.each, mostGroups, row))
  return groups.of.flatMap((rule) => sure(readText(rule, row)) ?? [])
}

function postureOf(posture: Mapping["posture"], row: unknown): PostureSaid {
  const word = <W extends string>(words: readonly W[], rule: FieldRule | undefined) =>
    maybe(rule, (one) => readWord(words, one, row))
  const flag = (rule: FieldRule | undefined) => maybe(rule, (one) => readBoolean(one, row))
  return {
    profile: word(Profile.options, posture.profile) ?? "device",
    managed: flag(posture.managed),
    supervised: flag(posture.supervised),
    compliant: flag(posture.compliant),
    jailbroken: flag(posture.jailbroken),
    inspection_ca: word(InspectionCaTrust.options, posture.inspection_ca) ?? "unknown",
    apps: null,
    apps_partial: false,
  }
}

type AppsRule = NonNullable<Mapping["apps"]>

/** The apps that stand in a device's row; null where it does not say. */
export function appsInRow(apps: AppsRule | undefined, row: unknown): InstalledApp[] | null | Fault {
  if (apps === undefined || !("in" in apps)) return null
  const found = at(row, apps.in)
  if (found === undefined || found === null) return null
  if (!Array.isArray(found)) return { fault: `apps: ${pointerText(apps.in)} is not a list` }
  return mapApps(apps, found)
}

/** An app without an id is passed over: nothing can be said of it. Each app is named once. */
export function mapApps(apps: AppsRule, rows: readonly unknown[]): InstalledApp[] | Fault {
  if (rows.length > mostApps) return { fault: `apps: there are more than ${mostApps}` }
  const byId = new Map<string, InstalledApp>()
  try {
    for (const row of rows) {
      const app_id = sure(readText(apps.id, row))
      const installed = maybe(apps.installed, (rule) => readBoolean(rule, row))
      if (app_id === null || installed === false) continue
      byId.set(app_id, {
        app_id,
        name: maybe(apps.name, (rule) => readText(rule, row)),
        version: maybe(apps.version, (rule) => readText(rule, row)),
        signer_sha256: maybe(apps.signer_sha256, (rule) => readSha256(rule, row)),
        managed: maybe(apps.managed, (rule) => readBoolean(rule, row)),
      })
    }
  } catch (error) {
    return refusal(error)
  }
  return [...byId.values()]
}

function readSha256(rule: FieldRule, row: unknown): string | null | Fault {
  const text = readText(rule, row)
  if (text === null || isFault(text)) return text
  const digits = text.replaceAll(":", "").toLowerCase()
  return /^[0-9a-f]{64}$/.test(digits) ? digits : { fault: "signer_sha256 is not 64 hex digits" }
}

/** Only for the way out of a row. */
class Refused extends Error {}

function sure<T>(value: T | Fault): T {
  if (isFault(value)) throw new Refused(value.fault)
  return value
}

function maybe<T>(
  rule: FieldRule | undefined,
  read: (rule: FieldRule) => T | null | Fault,
): T | null {
  return rule === undefined ? null : sure(read(rule))
}

function refusal(error: unknown): Fault {
  if (error instanceof Refused) return { fault: error.message }
  throw error
}
