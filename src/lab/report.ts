/** What the lab prints when its story is over: tables for a human, from what the sensor exported. */
import { stringify } from "yaml"
import type { Attempt } from "../record/attempt.ts"
import type { Finding } from "../record/finding.ts"
import type { Flow } from "../record/flow.ts"
import type { RegisterEntry } from "../record/register-entry.ts"
import { apps, devices, hosts, type OriginKind, originWords } from "./cast.ts"
import { deviceAt } from "./compare.ts"
import type { LogLine } from "./sensor.ts"
import type { SyslogMessage } from "./syslog-stream.ts"
import { table, wrapped } from "./table.ts"
import { told, toldOfDevices } from "./told.ts"

/** Columns of a terminal that is not narrow. */
const width = 110

/** Who and what is built, before anything happens. */
export function castLines(portOf: (kind: OriginKind) => number): string[] {
  const origins = Object.entries(hosts).map(([host, kind]) => [
    host,
    `127.0.0.1:${portOf(kind)}`,
    originWords[kind],
  ])
  const phones = Object.values(devices).map((device) => [
    device.device_id,
    device.address,
    device.platform,
    device.inspection_ca,
    device.supervised ? "supervised" : "managed",
  ])
  return [
    ...table(["origin", "address", "what it is"], origins),
    "",
    ...table(["device", "address", "platform", "inspection CA", "MDM"], phones),
  ]
}

/** Attempts and spliced sessions, those alike in one row. */
export function recordedLines(attempts: readonly Attempt[], flows: readonly Flow[]): string[] {
  const rows = [
    ...attempts.map((attempt) => [
      ...whoAndWhere(attempt),
      attempt.outcome + (attempt.alert === null ? "" : ` (alert ${attempt.alert})`),
    ]),
    ...flows.map((flow) => [
      ...whoAndWhere(flow),
      `spliced (${flow.splice_cause}): ${flow.verdict}${flow.strong ? ", strongly" : ""}`,
    ]),
  ]
  const counts = Map.groupBy(rows, (row) => row.join("\t"))
  const counted = [...counts.keys()].sort().map((row) => [String(counts.get(row)?.length), row])
  return table(
    ["times", "device", "app", "destination", "outcome"],
    counted.map(([times = "", row = ""]) => [times.padStart(5), ...row.split("\t")]),
  )
}

function whoAndWhere({ client_ip, connect_user_agent, sni }: Attempt | Flow): string[] {
  const app = Object.values(apps).find(({ user_agent }) => user_agent === connect_user_agent)
  return [deviceAt(client_ip) ?? client_ip, app?.name ?? "unknown", sni ?? "no name"]
}

/** Each verdict with its reasons, those alike under one head, and what stayed silent. */
export function verdictLines(findings: readonly Finding[]): string[] {
  const open = findings.filter(({ state }) => state === "open")
  const alike = Map.groupBy(open, ({ key, analytic, verdict, reasons }) =>
    JSON.stringify([key.device_id, key.app_id, analytic, verdict, reasons]),
  )
  const lines = [...alike.values()].sort((a, b) => order(a) - order(b)).flatMap(findingLines)
  const silent = told
    .filter(({ finding }) => finding === null)
    .map(({ device, hosts, shows }) => [device, hosts.join(", "), shows])
  return [...lines, "Without a finding", ...table(["device", "destination", "meant as"], silent)]
}

function findingLines(alike: readonly Finding[]): string[] {
  const [first] = alike
  if (!first) return []
  const { key, analytic, verdict, confidence, app_attribution, reasons } = first
  const app = key.app_id === null ? "" : `, ${key.app_id} (${app_attribution})`
  const where = alike.map((finding) => finding.key.destination)
  const shows = toldOf(first)?.shows
  return [
    `${verdict}: ${key.device_id}${app}: ${analytic}, ${confidence}`,
    ...wrapped(where.sort().join(", "), width - 4).map((line) => `    ${line}`),
    ...reasons.flatMap(bullet),
    ...(shows === undefined ? [] : bullet(`Meant as: ${shows}.`)),
    "",
  ]
}

/** What was told stands in the order in which it is read best; what was not comes last. */
function order([first]: readonly Finding[]): number {
  const at = told.findIndex((each) => first !== undefined && each === toldOf(first))
  return at === -1 ? told.length : at
}

function toldOf({ key, analytic }: Finding) {
  return (
    toldOfDevices.find((each) => each.device === key.device_id && each.analytic === analytic) ??
    told.find(
      (each) =>
        each.device === key.device_id &&
        each.finding !== null &&
        each.hosts.some((host) => host === key.destination),
    )
  )
}

function bullet(text: string): string[] {
  return wrapped(text, width - 4).map((line, at) => `${at === 0 ? "  - " : "    "}${line}`)
}

/** The life of each trial, from the register and from what the correlator noted. */
export function trialLines(
  entries: readonly RegisterEntry[],
  log: readonly LogLine[],
  began: number,
): string[] {
  return entries.flatMap((entry) => {
    const { trial, scope, hits, bytes } = entry
    if (trial === null) return []
    const steps = log
      .filter((line) => line["msg"] === "trial" && line["entry_id"] === entry.id)
      .map((line): [number, string] => [Number(line["time"]), String(line["note"])])
      .sort(([a], [b]) => a - b)
      .flatMap(([at, note]) => {
        const [first = "", ...more] = wrapped(note, width - 14)
        return [
          `  ${since(at, began)}  ${first}`,
          ...more.map((line) => `${" ".repeat(12)}${line}`),
        ]
      })
    const name = `${scope.device_id}, ${scope.sni}`
    const use = `${hits} connections and ${bytes} bytes spliced`
    return [`${name}: now ${stateWords(trial.state)}; ${use}`, ...steps]
  })
}

function stateWords(state: NonNullable<RegisterEntry["trial"]>["state"]): string {
  return state === "holding" ? "holding (decided; inspected on, by control.hold)" : state
}

/** `+ 12.3 s` */
export function since(at: number, began: number): string {
  return `+${((at - began) / 1_000).toFixed(1).padStart(5)} s`
}

/** Each message as it came, and under it the alert in a form that can be read. */
export function syslogLines(messages: readonly SyslogMessage[]): string[] {
  return messages.flatMap((message) => {
    const { facility, severity, msgid, raw, json } = message
    const shown = raw.length > 3 * width ? `${raw.slice(0, 3 * width)}… (${raw.length} bytes)` : raw
    const body =
      json === null ? ["  (MSG is no JSON)"] : stringify(json, { lineWidth: width }).split("\n")
    return [
      `facility ${facility}, severity ${severity}, ${msgid}`,
      ...chunked(shown, width),
      "",
      ...body.filter((line) => line !== "").map((line) => `    ${line}`),
      "",
    ]
  })
}

function chunked(text: string, size: number): string[] {
  const lines: string[] = []
  for (let at = 0; at < text.length; at += size) lines.push(text.slice(at, at + size))
  return lines
}
