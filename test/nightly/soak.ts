/**
 * `node test/nightly/soak.ts [--minutes 20] [--rate 40]`
 *
 * A real `pinsensor run` with two workers, origins of every sort, and mixed clients at a steady rate.
 * At the end every accepted socket must be accounted for, every record there, every kind of client judged as
 * what it is, and memory, descriptors and queue flat. Exit code 1 if not. A run of less than ten
 * minutes judges everything but the trend of memory. Linux only: it reads /proc.
 */
import { fork } from "node:child_process"
import { readFile } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { startPinsensor } from "../support/pinsensor.ts"
import { holds } from "../support/processes.ts"
import type { Orders, Tally } from "./soak/clients.ts"
import { kinds } from "./soak/kinds.ts"
import { type Inspector, inspect, inspectable } from "./soak/live-memory.ts"
import { startOrigins } from "./soak/origins.ts"
import type { Remembered } from "./soak/remembered.ts"
import { type Collected, type Sample, sampleAll, trendOf } from "./soak/samples.ts"
import {
  type FinalCounts,
  faultsOf,
  recordedOf,
  type SoakFacts,
  unexplained,
} from "./soak/verdict.ts"

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "20" },
    rate: { type: "string", default: "40" },
  },
})
const minutes = Number(values.minutes)
const rate = Number(values.rate)
const sampleEvery = 10_000
/** Garbage is collected, and what is left looked at, with every so many samples. */
const collectEvery = minutes >= 10 ? 6 : 2
/** From here on a trend of memory means something. */
const longEnough = minutes >= 10
/** Visits at a time; at 40 a second some 100 are open, most of them idle ones. */
const atOnce = 50 + 10 * rate
/** After the last client left, descriptors must be back within so long, in milliseconds. */
const settleMs = 30_000

const origins = await startOrigins()
process.env["NODE_OPTIONS"] = inspectable
const sensor = await startPinsensor({
  workers: 2,
  "origin-ca": origins.caFile,
  "allow-destination": ["127.0.0.0/8"],
  hosts: Object.fromEntries(kinds.map(({ name }) => [`${name}.soak.example`, ["127.0.0.1"]])),
  rules: [
    {
      name: "let-go",
      when: { sni: kinds.filter(({ way }) => way === "flows").map(hostOf) },
      do: "splice",
    },
    { name: "closed", when: { sni: ["blocked.soak.example"] }, do: "block" },
  ],
  // Short, so that who waits for them comes and goes within the soak.
  limits: {
    // Fewer than by default, so that a shell's limit of descriptors is enough.
    connections: 2_000,
    "connect-head-time": "3s",
    "hello-time": "3s",
    "handshake-time": "5s",
    "upstream-time": "3s",
    "idle-time": "20s",
    "record-after": "2s",
  },
})
delete process.env["NODE_OPTIONS"]
await sleep(2_000)
const inspectors: Inspector[] = []
for (const { pid } of sampleAll(sensor.pid, 0)) inspectors.push(await inspect(pid, sensor.errors))

const before = sampleAll(sensor.pid, 0)
const collected: Collected[] = []
const clients = fork(new URL("./soak/clients.ts", import.meta.url))
let tally: Tally = { started: 0, leftOut: 0, open: 0, kinds: {} }
clients.on("message", (told: Tally) => {
  tally = told
})
const [host = "", port] = sensor.proxy.split(":")
const orders: Orders = {
  host,
  port: Number(port),
  ports: origins.ports,
  trust: {
    inspection: await readFile(sensor.ca, "utf8"),
    inspectionFile: sensor.ca,
    origin: origins.ca,
    originFile: origins.caFile,
  },
  rate,
  atOnce,
}
clients.send(orders)
const began = performance.now()
const beganAt = Date.now()
for (let nth = 1; performance.now() - began < minutes * 60_000; nth++) {
  await sleep(sampleEvery)
  if (clients.exitCode !== null) break
  tell(sampleAll(sensor.pid, performance.now() - began))
  if (nth % collectEvery === 0) collected.push(...(await collectAll()))
}
const over = new Promise((resolve) => clients.once("exit", resolve))
if (clients.connected) clients.send("stop")
if (clients.exitCode === null) await over

const isBack = (sample: Sample) =>
  sample.descriptors <= (before.find(({ pid }) => pid === sample.pid)?.descriptors ?? 0) + 2
await holds(() => sampleAll(sensor.pid, 0).every(isBack), settleMs)
const after = sampleAll(sensor.pid, performance.now() - began)
for (const inspector of inspectors) inspector.close()
const [attempts, flows] = await stored()
const stderr = sensor.errors()
await sensor.remove()
await origins.close()

const facts: SoakFacts = {
  tally,
  counts: lastCounts(),
  attempts,
  flows,
  log: sensor.log,
  stderr,
  collected,
  before,
  after,
  remembered: rememberedLines(),
  queued: countsLines().map(({ evidence }) => evidence.queued),
  longEnough,
}
report(facts)

function hostOf({ name }: { name: string }): string {
  return `${name}.soak.example`
}

/** After the end in order: then everything is written. */
async function stored() {
  await sensor.stop()
  return Promise.all([sensor.records("attempts"), sensor.records("flows")])
}

function countsLines(): FinalCounts[] {
  return sensor.log.filter(({ msg }) => msg === "counts") as unknown as FinalCounts[]
}

function rememberedLines(): Remembered[] {
  const lines = sensor.log.filter(({ msg }) => msg === "correlator-counts")
  return lines.map((line) => ({
    ...(line as unknown as Remembered),
    atMs: Number(line["time"]) - beganAt,
  }))
}

function lastCounts(): FinalCounts[] {
  return [...new Map(countsLines().map((counts) => [counts.pid, counts])).values()]
}

/** Resident memory is looked at some seconds later: V8 gives pages back when it comes to it. */
async function collectAll(): Promise<Collected[]> {
  const live = new Map<number, number>()
  for (const inspector of inspectors) live.set(inspector.pid, await inspector.collect())
  await sleep(2_000)
  const now = sampleAll(sensor.pid, performance.now() - began)
  return now.map((sample) => ({ ...sample, live: live.get(sample.pid) ?? 0 }))
}

function tell(now: readonly Sample[]): void {
  const seconds = Math.round((now[0]?.atMs ?? 0) / 1_000)
  const told = now.map(
    ({ role, pss, descriptors }) => `${role} ${Math.round(pss / 1024)} MiB ${descriptors} fd`,
  )
  console.log(`${seconds} s: ${tally.started} visits, ${tally.open} open; ${told.join("; ")}`)
}

function report(facts: SoakFacts): void {
  const row = (cells: readonly unknown[]) =>
    console.log(
      cells
        .map((cell, at) => (at === 0 ? String(cell).padEnd(18) : String(cell).padStart(12)))
        .join(""),
    )
  row(["kind", "connected", "failed", "  recorded"])
  for (const { name, way } of kinds) {
    const { connected = 0, failed = 0 } = facts.tally.kinds[name] ?? {}
    const recorded = [...recordedOf(name, facts)].map(([what, times]) => `${what} ${times}`)
    row([name, connected, failed, `  ${recorded.join(", ") || way}`])
  }
  row([
    ...["process", "pid", "live KiB", "grown", "unexplained", "pss KiB", "grown"],
    ...["fd before", "after", "cpu s"],
  ])
  for (const last of facts.after) {
    const mine = facts.collected.filter(({ pid }) => pid === last.pid)
    const live = trendOf(mine, (sample) => sample.live)
    const pss = trendOf(mine, (sample) => sample.pss)
    row([
      last.role,
      last.pid,
      live.median,
      Math.round(live.growth),
      Math.round(
        trendOf(
          mine,
          unexplained(({ live }) => live, facts),
        ).growth,
      ),
      pss.median,
      Math.round(pss.growth),
      facts.before.find(({ pid }) => pid === last.pid)?.descriptors,
      last.descriptors,
      (last.cpuMs / 1_000).toFixed(1),
    ])
  }
  const { devices, suspects, resting, findings } = facts.remembered.at(-1) ?? {}
  console.log(
    `the correlator remembers ${devices} devices, ${suspects} suspects, ${resting} that rest, ${findings} findings`,
  )
  const { started, leftOut } = facts.tally
  const accepted = facts.counts.reduce((all, { accepted }) => all + accepted, 0)
  console.log(
    `${started} visits (${leftOut} left out), ${accepted} accepted, ${facts.attempts.length} attempts, ` +
      `${facts.flows.length} flows, longest queue ${Math.max(0, ...facts.queued)}`,
  )
  if (!facts.longEnough) console.log("the trend of memory is not judged: that takes ten minutes")
  const faults = faultsOf(facts)
  for (const fault of faults) console.log(`FAILED ${fault}`)
  console.log(faults.length === 0 ? "passed" : `${faults.length} faults`)
  process.exitCode = faults.length === 0 ? 0 : 1
}
