/**
 * Did the world come out as told? In: what the sensor recorded, concluded and sent, as exported and
 * received. Out: a sentence for each difference; none means that all is as told.
 */
import type { Alert } from "../record/alert.ts"
import type { Attempt } from "../record/attempt.ts"
import type { Finding } from "../record/finding.ts"
import type { Flow } from "../record/flow.ts"
import { type DeviceId, devices } from "./cast.ts"
import { told, toldAlerts, toldOfDevices } from "./told.ts"

export interface Outcome {
  attempts: readonly Attempt[]
  flows: readonly Flow[]
  findings: readonly Finding[]
  /** As they arrived at the syslog receiver. */
  alerts: readonly Alert[]
}

export function differences(outcome: Outcome): string[] {
  return [
    ...ofAttempts(outcome.attempts),
    ...ofFlows(outcome.flows),
    ...ofFindings(outcome.findings),
    ...ofAlerts(outcome.alerts),
  ]
}

/** The device that stands behind a client address of the lab. */
export function deviceAt(address: string): DeviceId | null {
  const found = Object.values(devices).find((device) => device.address === address)
  return found?.device_id ?? null
}

function ofAttempts(attempts: readonly Attempt[]): string[] {
  const seen = Map.groupBy(attempts, ({ client_ip, sni }) => place(deviceAt(client_ip), sni))
  const expected = told.flatMap(({ device, hosts, outcomes }) =>
    hosts.map((host): [string, readonly string[]] => [place(device, host), outcomes]),
  )
  const missing = expected.flatMap(([where, outcomes]) =>
    seen.has(where) ? [] : [`${where}: no attempt, told ${outcomes.join(" or ")}`],
  )
  const known = new Map(expected)
  const other = [...seen].flatMap(([where, there]) => {
    const outcomes = known.get(where) ?? []
    const strange = there.map((attempt) => attempt.outcome).filter((o) => !outcomes.includes(o))
    const meant = outcomes.length > 0 ? outcomes.join(" or ") : "nothing"
    return [...new Set(strange)].map((each) => `${where}: ${each}, told ${meant}`)
  })
  return [...missing, ...other]
}

function ofFlows(flows: readonly Flow[]): string[] {
  const seen = Map.groupBy(flows, ({ client_ip, sni }) => place(deviceAt(client_ip), sni))
  const expected = told
    .filter(({ spliced }) => spliced)
    .flatMap(({ device, hosts }) => hosts.map((host) => place(device, host)))
  const missing = expected.flatMap((where) => {
    const good = (seen.get(where) ?? []).filter(
      ({ splice_cause, control, verdict, strong }) =>
        splice_cause === "trial" && control && verdict === "used" && strong,
    )
    return good.length >= 2
      ? []
      : [`${where}: ${good.length} strongly used splices of a trial, told at least 2`]
  })
  const strange = [...seen.keys()].filter((where) => !expected.includes(where))
  return [...missing, ...strange.map((where) => `${where}: spliced, told nothing of the kind`)]
}

function ofFindings(findings: readonly Finding[]): string[] {
  const open = findings.filter(({ state }) => state === "open")
  const at = Map.groupBy(open, ({ key }) => place(key.device_id, key.destination))
  const seen = new Map(
    [...at].map(([where, there]) => {
      const words = there.map(({ analytic, verdict }) => `${analytic} ${verdict}`)
      return [where, [...new Set(words)].sort().join(" and ")]
    }),
  )
  const expected = new Map<string, string>([
    ...told.flatMap(({ device, hosts, finding }) =>
      finding === null
        ? []
        : hosts.map((host): [string, string] => [
            place(device, host),
            `${finding.analytic} ${finding.verdict}`,
          ]),
    ),
    ...toldOfDevices.map(({ device, analytic }): [string, string] => [
      place(device, "*"),
      `${analytic} refuses-everything`,
    ]),
  ])
  return [...new Set([...expected.keys(), ...seen.keys()])].flatMap((where) => {
    const [is, meant] = [seen.get(where) ?? "no finding", expected.get(where) ?? "no finding"]
    return is === meant ? [] : [`${where}: ${is}, told ${meant}`]
  })
}

function ofAlerts(alerts: readonly Alert[]): string[] {
  const words = ({ analytic, news, confidence, verdict }: Omit<(typeof toldAlerts)[0], "device">) =>
    `${analytic} ${news}, ${confidence}, ${verdict}`
  const seen = alerts.map((alert) => `${alert.device_id}: ${words(alert)}`)
  const expected = toldAlerts.map((alert) => `${alert.device}: ${words(alert)}`)
  const isMissing = expected.filter((each) => !seen.includes(each))
  const isStrange = seen.filter((each, at) => !expected.includes(each) || seen.indexOf(each) < at)
  const misplaced = alerts.filter(
    ({ client_ip, device_id }) => client_ip === null || deviceAt(client_ip) !== device_id,
  )
  return [
    ...misplaced.map((alert) => `alert of ${alert.device_id}: its address is ${alert.client_ip}`),
    ...isMissing.map((each) => `no alert of ${each}`),
    ...isStrange.map((each) => `alert of ${each}, told none or no second one`),
  ]
}

function place(device: string | null, host: string | null): string {
  return `${device ?? "nobody"} at ${host ?? "no name"}`
}
