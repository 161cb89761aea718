/**
 * What it costs to say which device had an address: 100,000 bindings, IPv4 leases of two hours with
 * ten reuses of each address, and IPv6 prefixes. Prints microseconds of CPU for one resolve.
 *
 *     node bench/resolve.ts
 */
import { BindingIndex } from "../src/identity/bindings.ts"
import type { Binding } from "../src/record/binding.ts"

const start = Date.parse("2026-11-20T00:00:00Z")
const lease = 2 * 3_600_000

const leases = Array.from({ length: 90_000 }, (_, i) => {
  const host = i % 9_000
  const from = start + Math.floor(i / 9_000) * lease
  return binding(
    i,
    `10.0.${host >> 8}.${host & 255}`,
    from,
    from + lease,
    `phone-${(i * 7) % 9_000}`,
  )
})
const prefixes = Array.from({ length: 10_000 }, (_, i) =>
  binding(90_000 + i, `2001:db8:${i.toString(16)}::/64`, start, null, `phone-${i % 9_000}`),
)

const before = process.memoryUsage().heapUsed
const began = performance.now()
const index = new BindingIndex([...leases, ...prefixes], { tenant: "acme" })
const builtMs = performance.now() - began
const heapMb = (process.memoryUsage().heapUsed - before) / 2 ** 20

const ipv4 = questions((host) => `10.0.${host >> 8}.${host & 255}`)
const ipv6 = questions((host) => `2001:db8:${host.toString(16)}:0:a1b2:c3ff:fed4:e5f6`)

console.log(`bindings       ${leases.length + prefixes.length}`)
console.log(
  `index built    ${builtMs.toFixed(0)} ms, heap ${heapMb.toFixed(0)} MiB beside the records`,
)
for (const [name, asked] of [
  ["IPv4", ipv4],
  ["IPv6 by prefix", ipv6],
] as const) {
  const rounds = [0, 1, 2, 3, 4].map(() => measure(asked)).sort((a, b) => a - b)
  console.log(`${name.padEnd(14)} ${rounds[2]?.toFixed(2)} us (best ${rounds[0]?.toFixed(2)} us)`)
}

type Question = Parameters<typeof index.resolve>[0]

function questions(addressOf: (host: number) => string): Question[] {
  return Array.from({ length: 4_096 }, (_, i) => ({
    realm: "berlin",
    address: addressOf((i * 2_654_435_761) % 9_000),
    at: start + ((i * 40_503) % 1_000) * 72_000,
  }))
}

function measure(asked: readonly Question[]): number {
  let bound = 0
  const began = process.cpuUsage()
  for (let round = 0; round < 25; round++)
    for (const question of asked) if (index.resolve(question).device_id !== null) bound++
  if (bound === 0) throw new Error("bench: nothing was bound, so nothing was measured")
  return cpuMicroseconds(began) / (25 * asked.length)
}

function binding(
  i: number,
  address: string,
  from: number,
  to: number | null,
  device_id: string,
): Binding {
  const valid_from = new Date(from).toISOString()
  return {
    tenant: "acme",
    site: "berlin",
    sensor_id: "bench",
    v: 1,
    id: `b${i}`,
    observed_at: valid_from,
    realm: null,
    address,
    valid_from,
    valid_to: to === null ? null : new Date(to).toISOString(),
    device_id,
    source: "dhcp",
    confidence: 0.8,
    shared: false,
    names: null,
    flags: [],
  }
}

/** CPU time of this process, which a busy neighbour inflates less than the clock on the wall. */
function cpuMicroseconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return user + system
}
