/**
 * The one sentence of an alert for a human: what was seen, of whom, how sure.
 *
 * Only the verdict `confirmed` is called a pin-validation effect; every other verdict says what was seen
 * and what is missing. Nothing here says what the app wants.
 */
import type { AlertNews, IncidentNews } from "../record/alert.ts"
import type { Platform } from "../record/common.ts"
import {
  type Confidence,
  type Finding,
  isSilenced,
  type ScopeVerdict,
  type Severity,
} from "../record/finding.ts"
import type { Incident } from "../record/incident.ts"

/** What the outside was told last of an incident. */
export interface Told {
  news: AlertNews
  confidence: Confidence
  severity: Severity
  device_count: number
  verdict: ScopeVerdict | null
}

export function summary(
  news: IncidentNews,
  incident: Incident,
  lead: Finding,
  told: Told | null,
): string {
  const words = `${lead.analytic}: ${seen(incident, lead)}; ${surety(news, incident, lead, told)}`
  return `${words}${labelWords(lead)}`
}

/** What a person said, where it bears on the news: who, when, and what is different since. */
function labelWords(lead: Finding): string {
  if (!lead.label || isSilenced(lead)) return ""
  return `. ${lead.label.why.map(readable).join(" ")}`
}

function seen(incident: Incident, lead: Finding): string {
  const who = `${actor(lead)} on ${devices(incident, lead)}`
  switch (lead.analytic) {
    case "ca-missing":
      return `${devices(incident, lead)} seems to lack our inspection CA: ${counted(lead)}`
    case "sensor-fault":
      return `refusals rose after a change of the sensor, first seen on ${devices(incident, lead)}: suspect the sensor, not the apps`
    case "coverage":
      return readable((lead.reasons[0] ?? "what we can see became less").replace(/\.$/, ""))
    case "AN1725":
    case "AN1726":
    case "pin-effect":
      return verdictWords(who, lead)
  }
}

function verdictWords(who: string, lead: Finding): string {
  const to = readable(lead.key.destination)
  switch (lead.verdict) {
    case "confirmed":
      return `${who} shows a pin-validation effect towards ${to}: ${counted(lead)}, refused again`
    case "probable":
      return `${who} probably checks a pin towards ${to}: ${counted(lead)}, not yet refused again after enough of them`
    case "suspected":
      return `${who} may check a pin towards ${to}: ${counted(lead)}, accepts it elsewhere, no control observation yet`
    case "refuses-here":
      return `${who} refuses our certificate for ${to}: ${counted(lead)}; a pin and distrust of our CA cannot be told apart`
    case "refuses-everything":
      return `${who} refuses our certificate everywhere, ${to} included: ${counted(lead)}; distrust of our CA explains it`
    case "private-trust":
      return `${who} refuses our certificate for ${to}, whose own certificate has no public trust: ${counted(lead)}`
    case "opaque-persistent":
      return `${who} keeps using TLS sessions to ${to} that were not inspected`
    case "mixed":
      return `${who} both accepts and refuses our certificate for ${to}: ${counted(lead)}`
    case "broken-or-other":
      return `${who} fails towards ${to} with and without inspection: ${counted(lead)}`
    case "platform-expected":
      return `${who} refuses our certificate for ${to}, as its platform's vendor says it does: ${counted(lead)}`
    case "held-by-bypass":
      return `${who} goes to ${to} through a bypass that hides it; the earlier judgement stands`
    case "accepts":
      return `${who} accepts our certificate for ${to}`
    case "undetermined":
      return `what ${who} does towards ${to} is not decided: ${counted(lead)}`
  }
}

/** "refused our certificate 4 times, worked 2 times when spliced" */
function counted(lead: Finding): string {
  const refused = `refused our certificate ${times(lead.refusals)}`
  return lead.control_flows > 0
    ? `${refused}, worked ${times(lead.control_flows)} when spliced`
    : refused
}

function actor(lead: Finding): string {
  const app = lead.key.app_id === null ? null : readable(lead.key.app_id)
  const stack = lead.key.stack === null ? "unknown stack" : `stack ${readable(lead.key.stack)}`
  if (app === null) return `an unknown app (${stack})`
  switch (lead.app_attribution) {
    case "observed":
      return app
    case "inferred":
      return `an app inferred to be ${app}`
    case "unknown":
      return `an unknown app, perhaps ${app} (${stack})`
  }
}

function devices(incident: Incident, lead: Finding): string {
  const id = readable(lead.key.device_id)
  const platform = PLATFORM[lead.platform]
  const others = incident.device_count - 1
  const more = others > 0 ? ` and ${others} other device${others === 1 ? "" : "s"}` : ""
  switch (lead.device_attribution) {
    case "bound":
      return `device ${id} (${platform})${more}`
    case "ambiguous":
      return `device ${id} (${platform}, one of several that may have had the address)${more}`
    case "shared":
      return `device ${id} (${platform}, address shared by several)${more}`
    case "absent":
      return `an unidentified device (${id}, ${platform})${more}`
  }
}

const PLATFORM: Readonly<Record<Platform, string>> = {
  android: "Android",
  ios: "iOS",
  other: "other platform",
  unknown: "unknown platform",
}

function surety(news: IncidentNews, incident: Incident, lead: Finding, told: Told | null): string {
  const { confidence, severity } = incident
  switch (news) {
    case "opened":
      return `confidence ${confidence}`
    case "raised":
    case "lowered": {
      if (told === null) return `confidence ${confidence}`
      if (told.confidence !== confidence)
        return `confidence ${news} from ${told.confidence} to ${confidence}`
      if (told.severity !== severity)
        return `severity ${news} from ${told.severity} to ${severity}, confidence ${confidence}`
      if (told.verdict !== null && told.verdict !== lead.verdict && lead.verdict === "confirmed")
        return `verdict raised from ${told.verdict} to confirmed, confidence ${confidence}`
      if (told.device_count === incident.device_count) return `told again, confidence ${confidence}`
      return `now ${incident.device_count} devices instead of ${told.device_count}, confidence ${confidence}`
    }
    case "closed":
      if (lead.label && isSilenced(lead))
        return `closed because ${readable(lead.label.who)} marked it ${lead.label.label}, confidence ${confidence}`
      return lead.expected
        ? `closed because the operator declared it as expected, confidence ${confidence}`
        : `closed, last confidence ${confidence}`
  }
}

function times(count: number): string {
  return count === 1 ? "1 time" : `${count} times`
}

/** Names come off the wire: no control characters, and at most 200 characters of one. */
function readable(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  const plain = name.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, "?")
  return plain.length > 200 ? `${plain.slice(0, 200)}...` : plain
}
