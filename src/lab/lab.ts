/**
 * The lab: a small world on loopback, its story, and whether it came out as told.
 *
 * It needs no root, no network and no /etc/hosts: names are the sensor's own (`hosts` in its
 * configuration), and clients name their destination in CONNECT.
 */
import { readFile, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { join } from "node:path"
import type { ConfigInput } from "../config.ts"
import { devices, hosts, type OriginKind } from "./cast.ts"
import { differences } from "./compare.ts"
import { type Origins, startOrigins } from "./origins.ts"
import { settledOutcome } from "./outcome.ts"
import { type LabPki, makePki } from "./pki.ts"
import { castLines, recordedLines, since, syslogLines, trialLines, verdictLines } from "./report.ts"
import { type LabSensor, startSensor } from "./sensor.ts"
import { play } from "./story.ts"
import { type SyslogReceiver, startSyslogReceiver } from "./syslog-receiver.ts"

export interface LabParts {
  /** The program's entry file. */
  main: string
  /** An empty folder of the lab's own. */
  folder: string
  /** Path of curl, which then plays some of the apps; null: clients of node:tls play them all. */
  curl: string | null
  /** One line for a human. */
  tell: (line: string) => void
  /** Epoch milliseconds. */
  clock: () => number
  /** Told of the sensor's processes as soon as they exist: how to end them at once. */
  onStarted: (kill: () => void) => void
}

interface Place {
  pki: LabPki
  origins: Origins
  syslog: SyslogReceiver
  sensor: LabSensor
}

/** True if all came out as told. */
export async function runLab(parts: LabParts): Promise<boolean> {
  const { folder, clock } = parts
  const began = clock()
  for (const { address } of Object.values(devices)) await checkAddress(address)
  const pki = await makePki(folder, began)
  const origins = await startOrigins(pki)
  const syslog = await startSyslogReceiver()
  try {
    const settings = sensorSettings(pki.publicCaFile, syslog.port)
    const sensor = await startSensor(parts.main, folder, settings, parts.onStarted)
    try {
      return await tellStory({ pki, origins, syslog, sensor }, parts, began)
    } finally {
      await sensor.stop()
    }
  } finally {
    await Promise.all([syslog.close(), origins.close()])
  }
}

async function tellStory(place: Place, parts: LabParts, began: number): Promise<boolean> {
  const { origins, syslog, sensor } = place
  const { clock, curl, folder, tell } = parts
  const section = (title: string, lines: readonly string[] = []) => {
    for (const line of ["", title, "-".repeat(title.length), ...lines]) tell(line)
  }
  const portOf = (kind: OriginKind) => origins.servers[kind].port
  section("What is built", [
    ...castLines(portOf),
    "",
    `sensor    pinsensor run, an explicit proxy on ${sensor.proxy}; on defaults but for short times`,
    `syslog    tcp://127.0.0.1:${syslog.port}, octet counting`,
    `clients   node:tls${curl === null ? "; there is no curl" : ` and ${curl}`}`,
    `folder    ${folder}`,
  ])

  section("What happens")
  await play({
    sensor,
    syslog,
    around: {
      proxy: sensor.proxy,
      portOf: (host) => portOf(hosts[host]),
      publicCas: place.pki.publicCaFile,
      withInspectionCa: await deviceTrust(folder, sensor.caFile, place.pki.publicCaFile),
      pin: origins.pin,
      curl,
    },
    tell: (line) => tell(`${since(clock(), began)}  ${line}`),
    clock,
  })
  const outcome = await settledOutcome(sensor, syslog, clock)
  await sensor.stop()

  section("What was recorded", recordedLines(outcome.attempts, outcome.flows))
  section("What it means", verdictLines(outcome.findings))
  section("The life of the trials", trialLines(outcome.register, sensor.log.items, began))
  section("What the syslog receiver got", syslogLines(syslog.received.items))
  const wrong = [...differences(outcome), ...complaints(sensor, syslog)]
  const seconds = ((clock() - began) / 1_000).toFixed(0)
  section("Is it as told?", [
    ...wrong.map((each) => `differs: ${each}`),
    wrong.length === 0
      ? `All as told, in ${seconds} s.`
      : `Differences from what was told: ${wrong.length}, after ${seconds} s.`,
  ])
  return wrong.length === 0
}

/** pino's level of an error. */
const errorLevel = 50

/** What nobody should have to say in a world that works. */
function complaints(sensor: LabSensor, syslog: SyslogReceiver): string[] {
  const loud = sensor.log.items.filter(
    ({ level, msg }) => Number(level) >= errorLevel || msg === "not-json",
  )
  return [
    ...loud.map((line) => `the sensor logged ${JSON.stringify(line).slice(0, 300)}`),
    ...syslog.faults.items.map((fault) => `the syslog receiver could not read: ${fault}`),
    ...syslog.received.items
      .filter(({ params, json }) => json === null || params["alert_id"] !== json["id"])
      .map(({ raw }) => `structured data and JSON disagree: ${raw.slice(0, 200)}`),
  ]
}

/** Linux gives all of 127.0.0.0/8 to loopback; elsewhere each address has to be added. */
async function checkAddress(address: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Error(`lab: ${address} is no address of this machine; add it`, { cause })),
    )
    server.listen(0, address, resolve)
  })
  await new Promise((resolve) => server.close(resolve))
}

/** Defaults, but for the names and the times: a bucket of a minute would make three tries last. */
function sensorSettings(originCa: string, syslogPort: number): ConfigInput {
  return {
    tenant: "lab",
    site: "loopback",
    "sensor-id": "lab-sensor",
    hosts: Object.fromEntries(Object.keys(hosts).map((host) => [host, ["127.0.0.1"]])),
    "allow-destination": ["127.0.0.0/8"],
    "origin-ca": originCa,
    analytics: { scope: { bucket: "1s" } },
    control: { "armed-for": "1m", "splice-for": "20s", "re-inspect-for": "1m" },
    syslog: [{ transport: "tcp", host: "127.0.0.1", port: syslogPort }],
  }
}

/** The trust store of a device that was given the inspection CA, as a PEM file. */
async function deviceTrust(folder: string, inspectionCa: string, publicCa: string) {
  const file = join(folder, "device-trust.pem")
  await writeFile(file, (await readFile(inspectionCa, "utf8")) + (await readFile(publicCa, "utf8")))
  return file
}
