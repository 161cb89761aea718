/**
 * What it costs to say who was behind an attempt: 100,000 devices with one binding, one posture of
 * 40 apps and one app event each, and an app register of 2,000. Prints microseconds of CPU for one attempt.
 *
 *     node bench/join.ts
 */
import { AppEventIndex } from "../src/identity/app-events.ts"
import { AppIndex } from "../src/identity/apps.ts"
import { BindingIndex } from "../src/identity/bindings.ts"
import { DeviceIndex } from "../src/identity/devices.ts"
import { attribute } from "../src/identity/join.ts"
import { App } from "../src/record/app.ts"
import { AppEvent } from "../src/record/app-event.ts"
import type { Attempt } from "../src/record/attempt.ts"
import { Binding } from "../src/record/binding.ts"
import { Device } from "../src/record/device.ts"
import { Posture } from "../src/record/posture.ts"

const tenant = "acme"
const count = 100_000
const start = Date.parse("2026-11-20T10:00:00Z")

const numbers = Array.from({ length: count }, (_, i) => i)
const apps = numbers.slice(0, 2_000).map((i) =>
  App.parse({
    ...common(`app${i}`, start),
    app_id: `com.example.app${i}`,
    platform: "android",
    user_agents: [`App${i}/*`],
    approved_destinations: [`*.app${i}.example`, "*.cdn.example"],
  }),
)
/** Postures share their app lists, as phones of one group do. */
const inventories = numbers.slice(0, 50).map((group) =>
  numbers.slice(0, 40).map((i) => ({
    app_id: `com.example.app${(group * 40 + i) % 2_000}`,
    name: null,
    version: "1.0",
    signer_sha256: null,
    managed: true,
  })),
)
const devices = numbers.map((i) =>
  Device.parse({
    ...common(`d${i}`, start),
    device_id: `phone-${i}`,
    platform: "android",
    mdm_id: `m${i}`,
    serial: `S${i}`,
    user: `u${i}`,
  }),
)
const postures = numbers.map((i) => ({
  ...Posture.parse({ ...common(`p${i}`, start), device_id: `phone-${i}` }),
  apps: inventories[i % 50] ?? null,
}))
const bindings = numbers.map((i) =>
  Binding.parse({
    ...common(`b${i}`, start),
    address: address(i),
    valid_from: time(start),
    device_id: `phone-${i}`,
  }),
)
const events = numbers.map((i) =>
  AppEvent.parse({
    ...common(`e${i}`, start + 60_000),
    event_id: `e${i}`,
    source: "edr",
    received_at: time(start + 5_400_000),
    device: { mdm_id: `m${i}` },
    app: { id: `com.example.app${i % 2_000}` },
    type: "network_connect",
    dest: { host: `api.app${i % 2_000}.example`, port: 443 },
  }),
)

const began = performance.now()
const deviceIndex = new DeviceIndex(devices, postures, { tenant })
const indexes = {
  devices: deviceIndex,
  bindings: new BindingIndex(bindings, { tenant, platformOf: (id) => deviceIndex.platformOf(id) }),
  apps: new AppIndex(apps, { tenant }),
  events: new AppEventIndex(events, deviceIndex, { tenant }),
}
console.log(`devices          ${count}, with a binding, a posture and an app event each`)
console.log(`indexes built    ${(performance.now() - began).toFixed(0)} ms`)

const ways: [name: string, of: (i: number) => Partial<Attempt>, as: string][] = [
  ["by app event", (i) => ({ sni: `api.app${i % 2_000}.example` }), "observed"],
  [
    "by User-Agent",
    (i) => ({
      sni: "api.cdn.example",
      connect_host: "api.cdn.example",
      connect_user_agent: `App${(i % 50) * 40}/2`,
    }),
    "inferred",
  ],
  [
    "by inventory",
    (i) => ({ sni: `www.app${(i % 50) * 40}.example`, observed_at: time(start + 3_600_000) }),
    "inferred",
  ],
  ["not at all", () => ({ sni: "api.cdn.example" }), "unknown"],
]
for (const [name, of, as] of ways) {
  const attempts = numbers.filter((i) => i % 25 === 0).map((i) => attempt(i, of(i)))
  const rounds = [0, 1, 2, 3, 4].map(() => measure(attempts, as)).sort((a, b) => a - b)
  console.log(`${name.padEnd(16)} ${rounds[2]?.toFixed(2)} us (best ${rounds[0]?.toFixed(2)} us)`)
}

function measure(attempts: readonly Attempt[], as: string): number {
  const began = process.cpuUsage()
  for (const one of attempts) {
    const who = attribute(one, indexes)
    if (who.device !== "bound" || who.app !== as)
      throw new Error(`bench: ${one.id} is ${who.device} and ${who.app}, not ${as}`)
  }
  return cpuMicroseconds(began) / attempts.length
}

function attempt(i: number, more: Partial<Attempt>): Attempt {
  const known: Partial<Attempt> = {
    ...common(`t${i}`, start + 61_000),
    client_ip: address(i),
    client_port: 40_000 + (i % 20_000),
    proxy_user: null,
    destination_ip: "203.0.113.7",
    destination_port: 443,
    connect_host: null,
    connect_user_agent: null,
    ...more,
  }
  return known as Attempt
}

function address(i: number): string {
  return `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
}

function time(ms: number): string {
  return new Date(ms).toISOString()
}

function common(id: string, at: number) {
  return { tenant, site: "berlin", sensor_id: "bench", v: 1 as const, id, observed_at: time(at) }
}

/** CPU time of this process, which a busy neighbour inflates less than the clock on the wall. */
function cpuMicroseconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return user + system
}
