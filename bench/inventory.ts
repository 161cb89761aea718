/**
 * What a large inventory costs: memory and time of the correlator's part, a join, a changed posture, a sweep.
 *
 *     node bench/inventory.ts [--devices 20000] [--apps 50] [--keep DIR]
 *
 * Makes a store through the keeper of a source (the first sweep), measures in a process of its own, and prints
 * a line for each figure. 100,000 devices take a minute or two and 1 GB of disk.
 */
import { fork } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { SourceKeeper } from "../src/cli/collector/keeper.ts"
import { InventoryMemory } from "../src/cli/correlator/inventory-memory.ts"
import { coverageNow } from "../src/cli/coverage/coverage-now.ts"
import { ClientDevices } from "../src/cli/worker/client-devices.ts"
import { loadConfig } from "../src/config.ts"
import { openStore } from "../src/evidence/open.ts"
import type { Store } from "../src/evidence/store.ts"
import { AppEventIndex } from "../src/identity/app-events.ts"
import { attribute } from "../src/identity/join.ts"
import { App } from "../src/record/app.ts"
import type { Attempt } from "../src/record/attempt.ts"
import { Binding } from "../src/record/binding.ts"
import { Device } from "../src/record/device.ts"
import { Posture } from "../src/record/posture.ts"

const start = Date.parse("2026-11-20T10:00:00Z")
const tenant = "acme"
const common = { tenant, site: "hq", sensor_id: "bench", v: 1 }
const iso = (at: number) => new Date(at).toISOString()
const address = (i: number) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
/** Of a store of 4,000 apps in two versions; those with low numbers are on most devices. */
const appOf = (i: number, n: number) =>
  Math.floor(4_000 * (((i * 7_919 + n * 104_729) % 9_973) / 9_973) ** 3)

function deviceOf(i: number): Device {
  return Device.parse({
    ...common,
    id: `d${i}`,
    observed_at: iso(start),
    device_id: `mdm:${i}`,
    platform: i % 2 ? "android" : "ios",
    mdm_id: `m${i}`,
    serial: `SERIAL${i}`,
    udid: `00008110-${String(i).padStart(16, "0")}`,
    imei: String(350_000_000_000_000 + i),
    wifi_mac: `00:11:22:${[16, 8, 0].map((by) => ((i >> by) & 255).toString(16).padStart(2, "0")).join(":")}`,
    user: `user${i}@acme.example`,
    groups: [`group-${i % 40}`],
    source: "mdm",
  })
}

function postureOf(i: number, apps: number, at: number, version: number): Posture {
  const ids = new Set(Array.from({ length: apps * 2 }, (_, n) => appOf(i, n)))
  for (let n = 0; ids.size < apps; n++) ids.add(n)
  return Posture.parse({
    ...common,
    id: `p${i}-${version}`,
    observed_at: iso(at),
    device_id: `mdm:${i}`,
    managed: true,
    supervised: true,
    compliant: true,
    inspection_ca: "mdm-trusted",
    source: "mdm",
    apps: [...ids].slice(0, apps).map((n) => ({
      app_id: `com.example.vendor${n % 97}.app${n}`,
      name: `Application ${n}`,
      version: `${n % 7}.${(i + version) % 2}.0`,
      managed: n % 5 === 0,
    })),
  })
}

/** One sweep of all devices in pages, as a poller commits them. Microseconds of CPU for each device. */
function sweep(store: Store, devices: number, apps: number, first: boolean): number {
  const keeper = new SourceKeeper({ store, name: "mdm", kind: "mdm", tenant, clock: () => start })
  let spent = 0
  for (let from = 0; from < devices; from += 500) {
    const numbers = Array.from({ length: Math.min(500, devices - from) }, (_, n) => from + n)
    const records = {
      devices: numbers.map(deviceOf),
      postures: numbers.map((i) => postureOf(i, apps, start, 0)),
      ...(first && {
        bindings: numbers.map((i) =>
          Binding.parse({
            ...common,
            id: `b${i}`,
            observed_at: iso(start),
            address: address(i),
            valid_from: iso(start),
            device_id: `mdm:${i}`,
          }),
        ),
      }),
    }
    const before = process.cpuUsage()
    keeper.keep({ records, seen: numbers.map((i) => `mdm:${i}`), place: { at: from } })
    const { user, system } = process.cpuUsage(before)
    spent += user + system
  }
  return spent / devices
}

function measure(dir: string, devices: number, apps: number): void {
  const say = (what: string, figure: string) =>
    process.stdout.write(`${what.padEnd(52)} ${figure}\n`)
  const store = openStore(dir)
  const began = performance.now()
  const memory = new InventoryMemory({
    store,
    config: loadConfig(null, { tenant, site: "hq", data: dir }),
    clock: () => start + 60_000,
    unusable: (id, error) => console.error(id, error),
  })
  say("open: inventory read", `${((performance.now() - began) / 1000).toFixed(1)} s`)
  mebibytes(say, "after opening")
  const { bindings, devices: index, apps: register } = memory.current
  const events = new AppEventIndex([], index, { tenant })
  const indexes = { bindings, devices: index, apps: register, events }
  const once = (i: number) => attribute(attemptOf(i), indexes)
  for (const [name, next] of [
    ["join, each device for the first time", (n: number) => (n * 7_919) % devices],
    ["join, any device, once they are known", (n: number) => (n * 104_729) % devices],
    ["join, 20 attempts a device", (n: number) => Math.floor(n / 20) % devices],
  ] as const) {
    const count = Math.min(devices, 100_000)
    const times: number[] = []
    const before = process.cpuUsage()
    for (let n = 0; n < count; n++) {
      const at = performance.now()
      once(next(n))
      times.push((performance.now() - at) * 1000)
    }
    const { user, system } = process.cpuUsage(before)
    times.sort((a, b) => a - b)
    const [p50, p99] = [times[count >> 1], times[Math.floor(count * 0.99)]]
    say(
      name,
      `${((user + system) / count).toFixed(1)} us CPU; p50 ${p50?.toFixed(1)}, p99 ${p99?.toFixed(1)} us`,
    )
  }
  mebibytes(say, "with every device asked for")
  const changed = Array.from({ length: 1_000 }, (_, n) =>
    postureOf((n * 97) % devices, apps, start + 60_000, 1),
  )
  store.append("postures", changed)
  const before = process.cpuUsage()
  memory.refresh()
  const { user, system } = process.cpuUsage(before)
  say("one changed posture, taken in", `${((user + system) / changed.length).toFixed(0)} us CPU`)
  const config = loadConfig(null, { tenant, site: "hq" })
  const clients = new ClientDevices(
    config,
    () => {},
    () => true,
  )
  clients.readFrom(store)
  const asked = Math.min(devices, 20_000)
  for (const name of ["first", "again within a second"]) {
    const at = process.cpuUsage()
    for (let i = 0; i < asked; i++) clients.of(address(i), start + 30_000)
    const { user, system } = process.cpuUsage(at)
    say(
      `a worker asks whose an address is, ${name}`,
      `${((user + system) / asked).toFixed(2)} us CPU`,
    )
  }
  const looked = process.cpuUsage()
  for (let i = 0; i < 10_000; i++) store.anyPersonalDevice(tenant)
  const looking = process.cpuUsage(looked)
  say("a worker asks if any is personal: none", `${(looking.user / 10_000).toFixed(2)} us CPU`)
  const covering = performance.now()
  coverageNow(store, loadConfig(null, { tenant }), start + 60_000)
  say("coverage, once an hour", `${((performance.now() - covering) / 1000).toFixed(1)} s`)
  store.close()
}

function mebibytes(say: (what: string, figure: string) => void, when: string): void {
  globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  say(
    `memory ${when}`,
    `${Math.round(rss / 2 ** 20)} MiB resident, ${Math.round(heapUsed / 2 ** 20)} MiB heap`,
  )
}

function attemptOf(i: number): Attempt {
  const fields = {
    ...common,
    observed_at: iso(start + 30_000),
    client_ip: address(i),
    sni: `api.app${i % 4_000}.example`,
    connect_host: null,
    connect_user_agent: null,
    destination_ip: null,
    destination_port: 443,
    client_port: 40_000,
    proxy_user: null,
    transport: "direct",
  }
  return fields as unknown as Attempt
}

const { values } = parseArgs({
  options: {
    devices: { type: "string", default: "20000" },
    apps: { type: "string", default: "50" },
    keep: { type: "string" },
    measure: { type: "string" },
  },
})
const [devices, apps] = [Number(values.devices), Number(values.apps)]
if (values.measure !== undefined) measure(values.measure, devices, apps)
else {
  const dir = values.keep ?? mkdtempSync(join(tmpdir(), "pinsensor-inventory-"))
  const store = openStore(dir)
  const register = Array.from({ length: 2_000 }, (_, n) =>
    App.parse({
      ...common,
      id: `a${n}`,
      observed_at: iso(start),
      app_id: `com.example.vendor${n % 97}.app${n}`,
      platform: n % 2 ? "android" : "ios",
      approved_destinations: [`*.app${n}.example`],
    }),
  )
  store.append("apps", register)
  const first = sweep(store, devices, apps, true)
  const again = sweep(store, devices, apps, false)
  process.stdout.write(`${devices} devices with ${apps} apps each\n`)
  process.stdout.write(
    `${"a first sweep, stored".padEnd(52)} ${first.toFixed(0)} us CPU a device\n`,
  )
  process.stdout.write(`${"the same sweep again".padEnd(52)} ${again.toFixed(0)} us CPU a device\n`)
  const { rss } = process.memoryUsage()
  process.stdout.write(
    `${"memory after both sweeps".padEnd(52)} ${Math.round(rss / 2 ** 20)} MiB resident\n`,
  )
  store.close()
  const given = ["--measure", dir, "--devices", String(devices), "--apps", String(apps)]
  const child = fork(import.meta.filename, given, { execArgv: ["--expose-gc"] })
  child.on("exit", (code) => {
    process.exitCode = code ?? 1
    if (values.keep === undefined) rmSync(dir, { recursive: true })
  })
}
