/** MDM systems that are asked for devices, postures and apps. */
import { z } from "zod"
import type { Secret } from "../../source/secret.ts"
import {
  AndroidManagementSettings,
  androidManagementSecrets,
} from "./android-management/settings.ts"
import { IntuneSettings } from "./intune/settings.ts"
import { JamfSettings } from "./jamf/settings.ts"
import { HttpInventorySettings, httpInventorySecrets } from "./mapped/settings.ts"

export const MdmSettings = z
  .discriminatedUnion("kind", [
    IntuneSettings,
    JamfSettings,
    AndroidManagementSettings,
    HttpInventorySettings,
  ])
  .superRefine((settings, context) => {
    if (settings.http["allow-plain-http"]) return
    for (const [key, value] of Object.entries(settings))
      if (key.endsWith("url") && typeof value === "string" && value.startsWith("http:")) {
        const message = "is plain http; write https, or set http.allow-plain-http for a trial"
        context.addIssue({ code: "custom", path: [key], message })
      }
  })
export type MdmSettings = z.infer<typeof MdmSettings>

/** At most so many MDM systems. */
const mostSources = 64

/** Names keep places apart, and the begins of device ids keep devices apart: both are given once. */
export const MdmSources = z
  .array(MdmSettings)
  .max(mostSources)
  .superRefine((all, context) => {
    const names = new Set<string>()
    const begins = new Set<string>(["intune", "android-management"])
    for (const [index, settings] of all.entries()) {
      const refuse = (key: string, message: string) =>
        context.addIssue({ code: "custom", path: [index, key], message })
      if (names.has(settings.name)) refuse("name", `${settings.name} is taken by another`)
      names.add(settings.name)
      // Ids of the other kinds are unique among all their servers.
      if (settings.kind !== "jamf" && settings.kind !== "http") continue
      const key = settings.kind === "jamf" ? "device-prefix" : "name"
      const begin = settings.kind === "jamf" ? settings["device-prefix"] : settings.name
      if (begins.has(begin)) refuse(key, `${begin} begins the device ids of another; give its own`)
      begins.add(begin)
    }
  })

/** Where its credentials are, each with the key that names it: what a start tries to read. */
export function mdmSecrets(settings: MdmSettings): [key: string, secret: Secret][] {
  const { "proxy-user": proxyUser } = settings.http
  const own = ofKind(settings)
  return proxyUser === null ? own : [...own, ["http.proxy-user", proxyUser]]
}

function ofKind(settings: MdmSettings): [key: string, secret: Secret][] {
  switch (settings.kind) {
    case "intune":
    case "jamf":
      return [["client-secret", settings["client-secret"]]]
    case "android-management":
      return androidManagementSecrets(settings)
    case "http":
      return httpInventorySecrets(settings)
  }
}
