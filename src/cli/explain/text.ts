/** An explanation for a human, in lines. */
import type { Device } from "../../record/device.ts"
import { printable } from "../printable.ts"
import type { DecidedRow } from "./decided-row.ts"
import type { Explanation } from "./explanation.ts"
import { postureText } from "./timeline.ts"
import type { AddressChoice as Choice } from "./whose-address.ts"

/** Rows of a timeline at each end; what lies between is counted. The JSON has them all. */
const shownRows = 40
const shownIds = 4

export function explanationText(explained: Explanation): string {
  const { finding, decided, timeline, device, addresses, postures, incident, alerts } = explained
  const { key } = finding
  const others = decided ? [`Confidence ${decided.confidence}: `, ...decided.moved] : []
  const why = finding.reasons.filter((reason) => !others.some((each) => reason.startsWith(each)))
  return [
    `${finding.analytic} ${finding.analytic_version}: ${finding.verdict}, confidence ${finding.confidence}, severity ${finding.severity}, ${finding.state}${finding.expected ? ", expected" : ""}`,
    `finding      ${finding.id}`,
    `device       ${key.device_id} (${finding.device_attribution}), profile ${key.profile}, ${finding.platform}`,
    `app          ${key.app_id ?? "unknown"} ${key.app_version ?? ""} (${finding.app_attribution}), stack ${key.stack ?? "unknown"}`,
    `destination  ${key.destination}`,
    `seen         ${finding.first_seen} to ${finding.last_seen}, ${finding.refusals} tries refused, ${finding.control_flows} control flows used`,
    `incident     ${incident ? `${incident.id}, ${incident.state}, ${incident.device_count} devices` : "none"}`,
    ...alerts.map(
      (alert) =>
        `alert        ${alert.id}, ${alert.news} ${alert.observed_at}${alert.state === "held" ? ", held back by the budget of its day" : ""}`,
    ),
    ...(finding.label ? [`label        ${finding.label.label}, ${finding.label.standing}`] : []),
    ...section("What people say", finding.label?.why ?? []),
    ...section("Why", why),
    ...section("Channels", explained.channels.flatMap(channelLines)),
    ...section("What decided", decidedLines(decided)),
    ...section("Ruled out", finding.confounders_ruled_out),
    ...section("Missing, and what would supply it", finding.would_raise),
    ...section("Would refute it", finding.would_refute),
    ...section("Whose address it was", middleOut(addresses.map(addressLine))),
    ...section("Device of then", device === null ? [] : [deviceText(device)]),
    ...section(
      "Posture of then",
      postures.length === 0
        ? [`No MDM had told anything of ${key.device_id} by then.`]
        : postures.map((each) => `${each.observed_at}  ${postureText(each)}`),
    ),
    ...section("Timeline", middleOut(timeline.map(timelineLine))),
    ...section(
      "No longer stored",
      explained.forgotten.length === 0
        ? []
        : [`${explained.forgotten.length} records: ${listed(explained.forgotten)}`],
    ),
  ]
    .map(printable)
    .join("\n")
}

function addressLine({ from, address, device_id, attribution, because, losers }: Choice): string {
  const whose = device_id ?? "no device"
  const over = losers.length === 0 ? "" : `; not believed: ${listed(losers)}`
  return `${from}  ${address} of ${whose} (${attribution}): ${because}${over}`
}

/** What inventory said then, without what tells who it is: its owner is in the alert. */
function deviceText({
  observed_at,
  platform,
  os_version,
  model,
  ownership,
  source,
}: Device): string {
  const what = [platform, os_version, model].filter((each) => each !== null).join(" ")
  return `${observed_at}  ${what}, ownership ${ownership}, told by ${source}`
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((each) => `  ${each}`)]
}

function channelLines(channel: Explanation["channels"][number]): string[] {
  const { component, log_source, state, why, evidence_ids, catalogue } = channel
  const source = log_source ? `${component ?? "?"} ${log_source}` : "our own"
  return [
    `${channel.channel} (${source}): ${state}. ${why}`,
    ...(catalogue ? [`    asks for: "${catalogue}"`] : []),
    ...(evidence_ids.length > 0 ? [`    by ${listed(evidence_ids)}`] : []),
  ]
}

function listed(ids: readonly string[]): string {
  const more = ids.length - shownIds
  return `${ids.slice(0, shownIds).join(", ")}${more > 0 ? ` and ${more} more` : ""}`
}

function decidedLines(decided: DecidedRow | null): string[] {
  if (!decided) return ["No row of a confidence table of this version."]
  const { row, of, confidence, words, moved, above } = decided
  return [
    `Row ${row} of ${of}: ${confidence}, for ${words}.`,
    ...moved,
    ...above.map((each) => `Not reached: ${each}.`),
  ]
}

function timelineLine({ at, what, text, id }: Explanation["timeline"][number]): string {
  return `${at}  ${what.padEnd(9)}  ${text}${id === null ? "" : `  ${id}`}`
}

function middleOut(lines: readonly string[]): string[] {
  if (lines.length <= 2 * shownRows) return [...lines]
  const left = lines.length - 2 * shownRows
  return [
    ...lines.slice(0, shownRows),
    `... ${left} rows more (--json, --bundle) ...`,
    ...lines.slice(-shownRows),
  ]
}
