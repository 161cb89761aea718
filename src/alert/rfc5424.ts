/**
 * An alert as a syslog message (RFC 5424).
 *
 * In: an alert, the sink's settings, and who speaks. Out: one message without frame, printable US-ASCII
 * but for UTF-8 in the structured data, never with a line feed, never longer than `max-bytes`. It
 * must not know sockets or clocks: the time is the alert's own.
 *
 * MSG is the alert as JSON in one line. RFC 5424 section 6.4 wants a byte order mark before a MSG in
 * UTF-8, but rsyslog leaves the mark in the text and its mmjsonparse then finds no JSON (tried with
 * 8.2302; syslog-ng 3.38 takes the mark off). So the JSON is written in US-ASCII, with \u escapes for all
 * else: a MSG-ANY, which needs no mark and which every parser reads.
 */
import type { Alert } from "../record/alert.ts"
import type { Severity } from "../record/finding.ts"
import { FACILITIES, type SyslogSettings } from "./settings.ts"

/** Who speaks: the machine's name and the process id. */
export interface SyslogOrigin {
  hostname: string
  procid: string
}

type MessageSettings = Pick<
  SyslogSettings,
  "facility" | "app-name" | "hostname" | "enterprise-number" | "max-bytes"
>

/** RFC 5424 section 6.2.1, table 2. Emergency and alert (0, 1) are not ours to claim. */
export const SYSLOG_SEVERITY: Readonly<Record<Severity, number>> = {
  critical: 2,
  high: 3,
  medium: 4,
  low: 5,
  informational: 6,
}

/** A structured data value has at most so many bytes before escaping; the JSON has it whole. */
export const PARAM_BYTES = 255

export function syslogMessage(
  alert: Alert,
  settings: MessageSettings,
  origin: SyslogOrigin,
): Buffer {
  const head = header(alert, settings, origin)
  const compose = (body: object, paramBytes: number) =>
    Buffer.from(`${head} ${structuredData(alert, settings, paramBytes)} ${asciiJson(body)}`, "utf8")

  for (const body of lessAndLess(alert)) {
    const message = compose(body, PARAM_BYTES)
    if (message.length <= settings["max-bytes"]) return message
  }
  for (const bytes of [128, 64, 32, 16]) {
    const message = compose(core(alert, bytes), bytes)
    if (message.length <= settings["max-bytes"]) return message
  }
  // With 8 bytes a value the whole stays below 2048, the least that `max-bytes` may be.
  return compose(core(alert, 8), 8)
}

function header(alert: Alert, settings: MessageSettings, origin: SyslogOrigin): string {
  const pri = FACILITIES[settings.facility] * 8 + SYSLOG_SEVERITY[alert.severity]
  return [
    `<${pri}>1`,
    alert.observed_at,
    headerField(settings.hostname ?? origin.hostname, 255),
    headerField(settings["app-name"], 48),
    headerField(origin.procid, 128),
    headerField(alert.analytic, 32),
  ].join(" ")
}

/** RFC 5424 section 6: printable US-ASCII without space, a length limit, `-` for nothing. */
function headerField(text: string, limit: number): string {
  return text.replace(/[^\x21-\x7e]/g, "_").slice(0, limit) || "-"
}

function structuredData(alert: Alert, settings: MessageSettings, bytes: number): string {
  const params = structuredParams(alert).map(([name, value]) => {
    const limit = IDS.has(name) ? Math.max(bytes, 64) : bytes
    return ` ${name}="${paramValue(clip(value, limit))}"`
  })
  return `[pinsensor@${settings["enterprise-number"]}${params.join("")}]`
}

const IDS = new Set(["alert_id", "incident_id"])

/** What a receiver may route and count by, without reading the JSON. Unknown values are left out. */
function structuredParams(alert: Alert): [name: string, value: string][] {
  const params: [string, string | null][] = [
    ["alert_id", alert.id],
    ["incident_id", alert.incident_id],
    ["news", alert.news],
    ["analytic", alert.analytic],
    ["technique", technique(alert.analytic)],
    ["confidence", alert.confidence],
    ["severity", alert.severity],
    ["verdict", alert.verdict],
    ["device_id", alert.device_id],
    ["app_id", alert.app_id],
    ["destination", alert.destination],
    ["tenant", alert.tenant],
    ["site", alert.site],
    ["held", alert.digest ? String(alert.digest.held) : null],
  ]
  return params.filter((param): param is [string, string] => param[1] !== null)
}

/** ATT&CK Mobile knows Android and iOS only; an unknown platform or our own trouble is no technique. */
function technique(analytic: Alert["analytic"]): string | null {
  switch (analytic) {
    case "AN1725":
    case "AN1726":
      return "T1521.003"
    case "pin-effect":
    case "ca-missing":
    case "sensor-fault":
    case "coverage":
    case "alert-budget":
      return null
  }
}

/**
 * RFC 5424 section 6.3.3: `"`, `\` and `]` are escaped by a backslash. Control characters are allowed
 * there, but receivers rewrite them each in its own way, so they become U+FFFD here.
 */
export function paramValue(text: string): string {
  return text
    .toWellFormed()
    .replace(CONTROL, "\ufffd")
    .replace(/["\\\]]/g, "\\$&")
}

/** C0, DEL and C1, and the two separators that end a line for some readers. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/** At most so many bytes of UTF-8, cut between characters. */
function clip(text: string, bytes: number): string {
  if (text.length * 3 <= bytes) return text
  let used = 0
  let kept = ""
  for (const character of text.toWellFormed()) {
    used += Buffer.byteLength(character)
    if (used > bytes) return kept
    kept += character
  }
  return kept
}

function asciiJson(body: object): string {
  return JSON.stringify(body).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
}

/** The alert whole, then without one thing after the other that `pinsensor explain` can also tell. */
function* lessAndLess(alert: Alert): Generator<object> {
  yield { record: "alert", ...alert }
  let less: Alert = { ...alert, evidence_ids: [] }
  yield { record: "alert", truncated: true, ...less }
  less = { ...less, reasons: [] }
  yield { record: "alert", truncated: true, ...less }
  less = { ...less, channels: alert.channels.map((channel) => ({ ...channel, why: "" })) }
  yield { record: "alert", truncated: true, ...less }
  less = { ...less, channels: [], label: null }
  yield { record: "alert", truncated: true, ...less }
  if (!alert.digest) return
  less = { ...less, digest: { ...alert.digest, alert_ids: [], incident_ids: [] } }
  yield { record: "alert", truncated: true, ...less }
  less = { ...less, digest: { ...alert.digest, ...nameless } }
  yield { record: "alert", truncated: true, ...less }
}

const nameless = { alert_ids: [], incident_ids: [], by_app: [], by_domain: [] }

/** What is left where the names themselves are too long: enough to find the alert in the store. */
function core(alert: Alert, bytes: number): object {
  const plain = (text: string | null, limit = bytes) =>
    text === null ? null : clip(text.replace(/[^\x20-\x7e]/g, "?"), limit)
  return {
    record: "alert",
    truncated: true,
    tenant: plain(alert.tenant),
    site: plain(alert.site),
    id: plain(alert.id, Math.max(bytes, 64)),
    observed_at: alert.observed_at,
    news: alert.news,
    incident_id: plain(alert.incident_id, Math.max(bytes, 64)),
    analytic: alert.analytic,
    confidence: alert.confidence,
    severity: alert.severity,
    device_id: plain(alert.device_id),
    app_id: plain(alert.app_id),
    destination: plain(alert.destination),
    verdict: alert.verdict,
  }
}
