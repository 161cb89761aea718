/**
 * What one policy decision costs, by the number of rules, listed hosts and register entries, and what one
 * change of the register costs.
 *
 *     node bench/decide.ts
 *
 * Prints microseconds of CPU. A row is flat when its figures do not grow from left to right. The last
 * column is for entries: replacing one of the largest number with `changeRegister`.
 */

import type { ConnectionFacts } from "../src/policy/connection-view.ts"
import { decide } from "../src/policy/decide.ts"
import { agree } from "../src/policy/destination/agree.ts"
import { makeGuard } from "../src/policy/destination/guard.ts"
import { changeRegister, type Policy, preparePolicy } from "../src/policy/prepare.ts"
import { ControlSettings, type ListedHost, Rules } from "../src/policy/settings.ts"
import { RegisterEntry } from "../src/record/register-entry.ts"

const control = ControlSettings.parse({})
const now = Date.UTC(2026, 0, 1)
const sizes = [0, 10, 1000, 10_000]

/** `one`: what the i-th of them asks for; `said`: what a connection says that it matches. */
interface Shape {
  one: (i: number) => object
  said: (i: number) => Partial<ConnectionFacts>
}

const host = (i: number) => `a.h${i}.example.org`
const client = (i: number) => `10.${i >> 8}.${i & 255}.1`
const named = (i: number) => ({ sni: host(i), connect_host: host(i) })
const same = { sni: "one.example.org", connect_host: "one.example.org" }
/** Of 33 - 8 lengths, all around the same addresses. */
const nested = (i: number) => {
  const bits = 8 + (i % 25)
  const base = ((10 << 24) | (i << 8)) & (-1 << (32 - bits))
  return `${[24, 16, 8, 0].map((by) => (base >>> by) & 255).join(".")}/${bits}`
}

const entryShapes: Record<string, Shape> = {
  "exact SNI": { one: (i) => ({ sni: host(i) }), said: named },
  "SNI below, one domain": { one: (i) => ({ sni: `*.h${i}.example.org` }), said: named },
  "one device each, one SNI": {
    one: (i) => ({
      device_id: `d${i}`,
      client_network: `${client(i)}/32`,
      stack: "s",
      sni: "*.example.org",
    }),
    said: (i) => ({ ...same, device_id: `d${i}`, client_ip: client(i) }),
  },
  "one device, an SNI each": {
    one: (i) => ({ device_id: "d", stack: "s", sni: host(i) }),
    said: named,
  },
  "client address": {
    one: (i) => ({ client_network: client(i) }),
    said: (i) => ({ client_ip: client(i) }),
  },
  "destination network": {
    one: (i) => ({ destination_network: `172.${i >> 8}.${i & 255}.0/24` }),
    said: (i) => ({ destination_ip: `172.${i >> 8}.${i & 255}.7` }),
  },
  "one group, an SNI each": {
    one: (i) => ({ device_group: "field", sni: host(i) }),
    said: named,
  },
  "one SNI, a group each": {
    one: (i) => ({ device_group: `g${i}`, sni: same.sni }),
    said: (i) => ({ ...same, device_groups: ["field", `g${i}`] }),
  },
  "one SNI, a network each": {
    one: (i) => ({ client_network: `${client(i)}/32`, sni: same.sni }),
    said: (i) => ({ ...same, client_ip: client(i) }),
  },
  "one SNI, nested networks": {
    one: (i) => ({ client_network: nested(i), sni: same.sni, stack: `s${i}` }),
    said: (i) => ({ ...same, client_ip: client(i), stack: `s${i}` }),
  },
  "one SNI and group, a stack each": {
    one: (i) => ({ device_group: "field", sni: same.sni, stack: `s${i}` }),
    said: (i) => ({ ...same, stack: `s${i}` }),
  },
  "a stack each": { one: (i) => ({ stack: `s${i}` }), said: (i) => ({ stack: `s${i}` }) },
  "one scope for all": { one: () => ({ sni: same.sni }), said: () => same },
}

const ruleShapes: Record<string, Shape> = {
  "exact SNI": { one: (i) => ({ sni: [host(i)] }), said: named },
  "client network": {
    one: (i) => ({ client: [`10.${i >> 8}.${i & 255}.0/24`] }),
    said: (i) => ({ client_ip: client(i) }),
  },
  port: { one: (i) => ({ port: [1 + i] }), said: (i) => ({ destination_port: 1 + i }) },
  ALPN: { one: (i) => ({ alpn: [`p${i}`] }), said: (i) => ({ alpn_offered: ["h2", `p${i}`] }) },
  listener: { one: (i) => ({ listener: [`l${i}`] }), said: (i) => ({ listener: `l${i}` }) },
  "name-agrees and ALPN": {
    one: (i) => ({ "name-agrees": ["yes"], alpn: [`p${i}`] }),
    said: (i) => ({ name_agrees: true, alpn_offered: [`p${i}`] }),
  },
  "client, SNI below, port and stack": {
    one: (i) => ({
      client: ["10.0.0.0/8"],
      sni: ["*.example.org"],
      port: [443, 8443],
      stack: [`s${i}`],
    }),
    said: (i) => ({ ...same, client_ip: client(i), stack: `s${i}` }),
  },
  "8 SNI and 4 ports": {
    one: (i) => ({
      sni: Array.from({ length: 8 }, (_, n) => `${n}.${host(i)}`),
      port: [443, 444, 445, 446],
    }),
    said: (i) => ({ sni: `3.${host(i)}`, connect_host: `3.${host(i)}` }),
  },
}
const shapes = Object.values(ruleShapes)
const mixture: Shape = {
  one: (i) => shapes[i % shapes.length]?.one(i) ?? {},
  said: (i) => shapes[i % shapes.length]?.said(i) ?? {},
}

function entry(i: number, one: object): RegisterEntry {
  const at = new Date(now).toISOString()
  const fixed = { tenant: "t", site: "s", sensor_id: "s", v: 1, observed_at: at, created_at: at }
  const whose = { id: `e${i}`, kind: "operator", owner: "o", reason: "r" }
  return RegisterEntry.parse({ ...fixed, ...whose, scope: one })
}

function entries(count: number, { one }: Shape): RegisterEntry[] {
  return Array.from({ length: count }, (_, i) => entry(i, one(i)))
}

function ruleList(count: number, { one }: Shape) {
  return Rules.parse(
    Array.from({ length: count }, (_, i) => ({ name: `r${i}`, when: one(i), do: "splice" })),
  )
}

function listed(count: number): ListedHost[] {
  return Array.from({ length: count }, (_, i) => ({
    list: "l",
    pattern: i % 2 ? host(i) : `*.h${i}.example.org`,
    cause: "platform",
    source: "s",
    read: "2026-01-01",
  }))
}

/** A match and none by turns, over all there are; every connection is a new object with new strings. */
function connection(turn: number, size: number, { said }: Shape): ConnectionFacts {
  const i = (turn >> 1) % Math.max(1, size)
  const other = `x${turn}.example.net`
  return {
    client_ip: `192.168.${turn & 255}.1`,
    device_id: "d",
    device_groups: ["field"],
    listener: "explicit",
    sni: other,
    connect_host: other,
    destination_ip: `203.0.113.${turn & 255}`,
    destination_port: 443,
    alpn_offered: ["h2", "http/1.1"],
    stack: "s",
    hello_readable: true,
    name_agrees: null,
    ...(turn % 2 === 0 ? said(i) : {}),
  }
}

/** CPU time of this thread over at least 150 ms of it, after 50 ms of warming up: the system counts it in
 * ticks of some milliseconds. */
function microseconds(work: (turn: number) => unknown): number {
  let kept = 0
  let turn = 0
  const spend = (least: number): number => {
    const [first, begun] = [turn, process.threadCpuUsage()]
    for (;;) {
      for (let i = 0; i < 500; i++) if (work(turn++)) kept++
      const { user, system } = process.threadCpuUsage(begun)
      if (user + system >= least) return (user + system) / (turn - first)
    }
  }
  spend(50_000)
  const cost = spend(150_000)
  if (kept < 0) throw new Error("never: keeps the results alive")
  return cost
}

function row(name: string, shape: Shape, make: (size: number) => Policy): void {
  const figures = sizes.map((size) => {
    const policy = make(size)
    const matches = decide(connection(0, size, shape), policy, now).do
    if (size > 0 && matches === "inspect")
      throw new Error(`${name}: its connection matches nothing`)
    return microseconds((turn) => decide(connection(turn, size, shape), policy, now))
  })
  console.log(`| ${[name, ...figures.map(text)].join(" | ")} | ${changed(name, shape)} |`)
}

function changed(name: string, shape: Shape): string {
  if (!name.startsWith("entries")) return ""
  const all = entries(10_000, shape)
  const policy = preparePolicy({ rules: [], control }, all)
  const cost = microseconds((turn) => {
    const one = all[(turn * 7919) % all.length]
    if (one) changeRegister(policy, new Map([[one.id, one]]))
  })
  return text(cost)
}

const text = (us: number) => us.toFixed(2)

console.log(`| us a decision | ${sizes.join(" | ")} | a change |`)
console.log(`| --- |${" --- |".repeat(sizes.length + 1)}`)
for (const [name, shape] of Object.entries(entryShapes))
  row(`entries, ${name}`, shape, (size) =>
    preparePolicy({ rules: [], control }, entries(size, shape)),
  )
row("listed hosts", { one: () => ({}), said: named }, (size) =>
  preparePolicy({ rules: [], control, lists: listed(size) }, []),
)
for (const [name, shape] of Object.entries({ ...ruleShapes, "all of these": mixture }))
  row(`rules, ${name}`, shape, (size) =>
    preparePolicy({ rules: ruleList(size, shape), control }, []),
  )

const exact = entryShapes["exact SNI"] ?? mixture
const prepared = entries(10_000, exact)
const begun = performance.now()
preparePolicy({ rules: [], control }, prepared)
console.log(`preparing 10,000 entries: ${(performance.now() - begun).toFixed(0)} ms`)

const guard = makeGuard({ ownAddresses: ["192.0.2.1", "2001:db8::1"], allowDestinations: [] })
const six = microseconds((turn) => guard(`2001:db8::${(turn % 9000) + 1000}`, 443).allowed)
const four = microseconds((turn) => guard(`203.0.113.${turn % 250}`, 443).allowed)
console.log(`guard: IPv4 ${text(four)} us, IPv6 ${text(six)} us`)
const splice = {
  ...decide(connection(0, 0, exact), preparePolicy({ rules: [], control }, []), now),
  by_name: true,
}
const spoken = {
  sni: "a.example",
  connect_host: "a.example",
  destination_ip: null,
  unresolved: null,
}
const resolved = ["203.0.113.1", "203.0.113.2"]
console.log(`agree: ${text(microseconds(() => agree(splice, { ...spoken, resolved }).ok))} us`)
