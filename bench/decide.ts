/**
 * What one policy decision costs, by the number of rules and register entries.
 *
 *     node bench/decide.ts
 *
 * Prints microseconds of CPU per decision. A row is flat
 * when its figures do not grow from left to right.
 */
import { agree } from "../src/policy/agree.ts"
import type { ConnectionFacts } from "../src/policy/connection-view.ts"
import { decide } from "../src/policy/decide.ts"
import { makeGuard } from "../src/policy/guard.ts"
import { type Policy, preparePolicy } from "../src/policy/prepare.ts"
import { ControlSettings, Rules } from "../src/policy/settings.ts"
import { RegisterEntry } from "../src/record/register-entry.ts"

const control = ControlSettings.parse({})
const now = Date.UTC(2026, 0, 1)
const sizes = [0, 10, 1000, 10_000]

const scopes: Record<string, (i: number) => object> = {
  "entries, exact SNI": (i) => ({ sni: `a.h${i}.example.org` }),
  "entries, SNI below": (i) => ({ sni: `*.h${i}.example.org` }),
  "entries, one device each, one SNI": (i) => ({
    device_id: `d${i}`,
    client_network: `10.${i >> 8}.${i & 255}.1/32`,
    stack: "s",
    sni: "*.example.org",
  }),
  "entries, client address": (i) => ({ client_network: `10.${i >> 8}.${i & 255}.1` }),
  "entries, destination network": (i) => ({ destination_network: `172.${i >> 8}.${i & 255}.0/24` }),
}

function entries(count: number, scope: (i: number) => object): RegisterEntry[] {
  const at = new Date(now).toISOString()
  const fixed = { tenant: "t", site: "s", sensor_id: "s", v: 1, observed_at: at, created_at: at }
  return Array.from({ length: count }, (_, i) =>
    RegisterEntry.parse({
      ...fixed,
      id: `e${i}`,
      kind: "operator",
      owner: "o",
      reason: "r",
      scope: scope(i),
    }),
  )
}

function ruleList(count: number, when: (i: number) => object) {
  return Rules.parse(
    Array.from({ length: count }, (_, i) => ({ name: `r${i}`, when: when(i), do: "splice" })),
  )
}

/** A match and none by turns, over all the entries there are; every connection is a new object
 * with new strings. */
function connection(turn: number, size: number): ConnectionFacts {
  const i = turn % Math.max(1, turn % 2 === 0 ? size : 1)
  const host = turn % 2 === 0 ? `a.h${i}.example.org` : `x${turn}.example.org`
  return {
    client_ip: turn % 2 === 0 ? `10.${i >> 8}.${i & 255}.1` : `192.168.${turn & 255}.1`,
    device_id: turn % 2 === 0 ? `d${i}` : `x${turn}`,
    device_groups: ["field"],
    listener: "explicit",
    sni: host,
    connect_host: host,
    destination_ip: turn % 2 === 0 ? `172.${i >> 8}.${i & 255}.7` : `203.0.113.${turn & 255}`,
    destination_port: 443,
    alpn_offered: ["h2", "http/1.1"],
    stack: "s",
    hello_readable: true,
    name_agrees: null,
  }
}

/** CPU time of this thread, the median of eleven rounds of about 30 ms, after 100 ms of warming up. */
function microseconds(work: (turn: number) => unknown): number {
  let kept = 0
  let turn = 0
  const warm = performance.now()
  while (performance.now() - warm < 100) if (work(turn++)) kept++
  const turns = Math.max(10, Math.floor(turn * 0.3))
  const rounds = Array.from({ length: 11 }, () => {
    const begun = process.threadCpuUsage()
    for (let i = 0; i < turns; i++) if (work(turn++)) kept++
    const { user, system } = process.threadCpuUsage(begun)
    return (user + system) / turns
  })
  if (kept < 0) throw new Error("never: keeps the results alive")
  return rounds.sort((a, b) => a - b)[5] ?? Number.NaN
}

function row(name: string, policies: readonly Policy[]): void {
  const figures = policies.map((policy, at) =>
    microseconds((turn) => decide(connection(turn, sizes[at] ?? 0), policy, now)),
  )
  console.log(name.padEnd(34) + figures.map((us) => us.toFixed(2).padStart(9)).join(""))
}

console.log("us per decision".padEnd(34) + sizes.map((size) => String(size).padStart(9)).join(""))
for (const [name, scope] of Object.entries(scopes))
  row(
    name,
    sizes.map((size) => preparePolicy({ rules: [], control }, entries(size, scope))),
  )
const conditions: Record<string, (i: number) => object> = {
  "rules, exact SNI": (i) => ({ sni: [`a.h${i}.example.org`] }),
  "rules, client network": (i) => ({ client: [`10.${i >> 8}.${i & 255}.0/24`] }),
  "rules, port": (i) => ({ port: [1 + (i % 400)] }),
  "rules, ALPN alone (asked in turn)": (i) => ({ alpn: [`p${i}`] }),
}
for (const [name, when] of Object.entries(conditions))
  row(
    name,
    sizes.map((size) => preparePolicy({ rules: ruleList(size, when), control }, [])),
  )

const prepared = entries(10_000, scopes["entries, exact SNI"] ?? (() => ({})))
const begun = performance.now()
preparePolicy({ rules: [], control }, prepared)
console.log(`preparing 10,000 entries: ${(performance.now() - begun).toFixed(0)} ms`)

const guard = makeGuard({ ownAddresses: ["192.0.2.1", "2001:db8::1"], allowDestinations: [] })
const six = microseconds((turn) => guard(`2001:db8::${(turn % 9000) + 1000}`, 443).allowed)
const four = microseconds((turn) => guard(`203.0.113.${turn % 250}`, 443).allowed)
console.log(`guard: IPv4 ${four.toFixed(2)} us, IPv6 ${six.toFixed(2)} us`)
const splice = {
  ...decide(connection(0, 0), preparePolicy({ rules: [], control }, []), now),
  by_name: true,
}
const spoken = {
  sni: "a.example",
  connect_host: "a.example",
  destination_ip: null,
  unresolved: null,
}
const resolved = ["203.0.113.1", "203.0.113.2"]
console.log(`agree: ${microseconds(() => agree(splice, { ...spoken, resolved }).ok).toFixed(2)} us`)
