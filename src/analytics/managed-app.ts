/** Whether MDM manages the app of a key, and supervises its device. */
import { postureOf, type Subject } from "./subject.ts"

export interface Management {
  /** Three-valued: null is not known. */
  managed: boolean | null
  supervised: boolean | null
  why: string
  ids: string[]
}

/**
 * The app's own flag decides. Where the source gives none, a work profile manages all its apps, and
 * elsewhere the device's management stands for the apps that MDM lists. An app that MDM does not
 * list is not managed; where MDM lists no apps at all, the device's management stands for the app's
 * (never in a personal profile).
 */
export function management(subject: Subject): Management {
  const appId = subject.judgement.key.app_id
  const posture = postureOf(subject)
  if (!posture)
    return {
      managed: null,
      supervised: null,
      why: "no posture was in force (MDM supplies it)",
      ids: [],
    }
  const told = { supervised: posture.supervised, ids: [posture.id] }
  if (appId === null) return { ...told, managed: null, why: "no app is known to ask MDM about" }
  if (posture.profile === "personal")
    return { ...told, managed: false, why: "the profile is personal" }
  if (posture.apps === null)
    return {
      ...told,
      managed: posture.managed,
      why: "MDM lists no apps, so the device's own management stands for the app",
    }
  const listed = posture.apps.filter((app) => app.app_id === appId)
  if (listed.length === 0 && posture.apps_partial)
    return { ...told, managed: null, why: "MDM lists only some apps, and the app is none of them" }
  if (listed.length === 0) return { ...told, managed: false, why: "MDM does not list the app" }
  const flag = listed.find((app) => app.managed !== null)?.managed ?? null
  if (flag !== null)
    return { ...told, managed: flag, why: `MDM says that the app is ${flag ? "" : "not "}managed` }
  const byProfile = posture.profile === "work" ? true : posture.managed
  return { ...told, managed: byProfile, why: "MDM lists the app without a flag of its own" }
}
