/**
 * From the commit of the record that completes a finding to the alert in the outbox: for devices with so many
 * records in the window, and for incidents with so many findings. The device goes on sending before it.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Correlator } from "../../src/cli/correlator/pass.ts"
import { loadConfig } from "../../src/config.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import { pinnedDevice } from "../../test/support/pinned-device.ts"
import { attempt, dayStart, flow } from "../../test/support/records.ts"
import { give, whose } from "./fleet.ts"
import { cpuMs, type Row } from "./stream.ts"

const minute = 60_000
/** As `pinsensor run` looks. */
const lookEvery = 100
const workFor = 200
/** Records of the device before the one that completes, and their distance. */
const before = 20
const beforeEvery = 150

const devices = [10, 100, 1_000, 10_000, 20_000]

export async function latencies(dir: string): Promise<Row[]> {
  const rows: Row[] = []
  for (const size of devices)
    for (const shape of size < 1_000 ? (["mixed"] as const) : (["mixed", "one place"] as const))
      rows.push(await measured(dir, { size, shape, findings: 1 }))
  for (const findings of [1_000, 20_000])
    rows.push(await measured(dir, { size: 10, shape: "mixed", findings }))
  return rows
}

interface Case {
  /** Records of the device within its window. */
  size: number
  /** Forty places and a third refused at one of them; or nothing but refusals of one. */
  shape: "mixed" | "one place"
  /** Findings of the incident. */
  findings: number
}

async function measured(folder: string, one: Case): Promise<Row> {
  const dir = mkdtempSync(join(folder, "judge-"))
  const store = openStore(dir, { cacheMiB: 8 })
  try {
    const now = Date.now()
    const given = pinnedDevice("bank", "10.9.0.1", now, whose)
    give(store, { ...given, attempts: [], flows: [], bindings: since(given, now) })
    give(store, { attempts: pastOf(one, now) })
    const config = loadConfig(null, { ...whose, data: dir, control: { mode: "off" } })
    if (one.findings > 1) incident(store, config, one.findings, now)
    const parts = { store, config, log: () => {}, clock: Date.now }
    const correlator = new Correlator(parts)
    while (correlator.pass());
    const loop = new Loop(correlator)
    give(store, { flows: [trial(now - 40_000), trial(now - 35_000)] })
    for (let index = 0; index < before; index += 1) {
      give(store, { attempts: [visit(Date.now(), `www.place${index % 3}.example`, index)] })
      await loop.until(() => false, beforeEvery)
    }
    const alerts = store.lastSeq("alerts")
    const cpu = loop.cpu
    const judged = correlator.counts.judged
    give(store, { attempts: [visit(Date.now(), null, before)] })
    const tookMs = await loop.until(() => store.lastSeq("alerts") > alerts, 10_000)
    return {
      "records of the device": one.size,
      shape: one.shape,
      "findings of the incident": one.findings,
      "alert after, ms": Math.round(tookMs),
      "CPU of it, ms": ((loop.cpu - cpu) / (correlator.counts.judged - judged)).toFixed(1),
    }
  } finally {
    store.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** The correlator's loop. */
class Loop {
  cpu = 0
  readonly #correlator: Correlator

  constructor(correlator: Correlator) {
    this.#correlator = correlator
  }

  /** How long it took, in milliseconds. */
  async until(done: () => boolean, mostMs: number): Promise<number> {
    const began = performance.now()
    while (performance.now() - began < mostMs) {
      const looked = performance.now()
      const cpu = cpuMs()
      while (this.#correlator.pass() && performance.now() - looked < workFor);
      this.cpu += cpuMs() - cpu
      if (done()) break
      await sleep(Math.max(0, lookEvery - (performance.now() - looked)))
    }
    return performance.now() - began
  }
}

const target = "api.bank.example"

function since({ bindings }: Pick<ReturnType<typeof pinnedDevice>, "bindings">, now: number) {
  const valid_from = new Date(now - 25 * 60 * minute).toISOString()
  return bindings.map((one) => ({ ...one, valid_from }))
}

/** The records before: at most a day of them, at least some minutes apart. */
function pastOf({ size, shape }: Case, now: number): Attempt[] {
  const end = now - minute
  const apart = Math.min(4 * minute, (23 * 60 * minute) / size)
  return Array.from({ length: size }, (_, index) => {
    const at = end - (size - index) * apart
    if (shape === "one place")
      return visit(at, index % 50 === 0 ? `www.place${index % 3}.example` : null, index, "past")
    return visit(at, index % 3 === 2 ? null : `www.place${index % 40}.example`, index, "past")
  })
}

/** An acceptance at a place, or without one a refusal of the target. */
function visit(at: number, place: string | null, number: number, name = "now"): Attempt {
  return attempt(
    place ?? target,
    Math.floor(at) - dayStart,
    place === null ? "refused-alert" : "accepted",
    {
      ...whose,
      id: `${name}-${String(number).padStart(30, "0")}`,
      client_ip: "10.9.0.1",
      connect_user_agent: "bank/1.0",
    },
  )
}

function trial(at: number) {
  return flow(target, Math.floor(at) - dayStart, {
    ...whose,
    id: `trial-${at}`,
    client_ip: "10.9.0.1",
    connect_user_agent: "bank/1.0",
  })
}

/** So many findings of other phones with the same app, as they are stored. */
function incident(store: Store, config: ReturnType<typeof loadConfig>, count: number, now: number) {
  const dir = mkdtempSync(join(config.data, "one-"))
  const scratch = openStore(dir)
  give(scratch, pinnedDevice("bank", "10.9.0.9", now - minute, whose))
  const parts = { store: scratch, config: { ...config, data: dir }, log: () => {}, clock: Date.now }
  const correlator = new Correlator(parts)
  while (correlator.pass());
  const [finding] = scratch.all("findings")
  scratch.close()
  if (!finding) throw new Error("bench: nothing was found of the phone that was to be copied")
  const others = Array.from({ length: count }, (_, index) => ({
    ...finding,
    // Nobody was told of it yet.
    confidence: "low" as const,
    severity: "low" as const,
    id: `finding-${String(index).padStart(8, "0")}`,
    key: { ...finding.key, device_id: `phone-other-${index}` },
  }))
  store.append("findings", others)
}
