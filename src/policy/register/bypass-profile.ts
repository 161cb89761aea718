/**
 * What flows through a bypass, summed up. In: flows, one at a time and in any order. Out: a small
 * profile, the same for any order of the same flows. It must not know which of it is news.
 */
import { z } from "zod"
import type { Flow } from "../../record/flow.ts"
import { addressText, readAddress } from "../destination/addresses.ts"
import { reservedRuleNames } from "../settings.ts"

/** What is kept of each; beyond it the latest seen go, of days the oldest. With all of it a profile
 * takes some 12 KB as JSON. */
export const most = { stacks: 32, networks: 9, names: 9, days: 30, largest: 3, earliest: 3 }

/** Something with the flow that showed it first. */
const Sight = z.strictObject({
  what: z.string(),
  /** Event time in epoch milliseconds. */
  at: z.number(),
  flow: z.string(),
  device_id: z.string().nullable(),
})
export type Sight = z.infer<typeof Sight>

const LargeFlow = z.strictObject({ ...Sight.omit({ what: true }).shape, bytes: z.number() })

const Day = z.strictObject({
  /** In UTC, `2026-11-21`: that of the beginning of each connection. */
  day: z.string(),
  connections: z.int(),
  bytes: z.number(),
  largest: z.array(LargeFlow),
})
export type Day = z.infer<typeof Day>

export const BypassProfile = z.strictObject({
  /** Times of the first flows. */
  earliest: z.array(z.number()),
  /** In the order in which they were first seen. */
  stacks: z.array(Sight),
  networks: z.array(Sight),
  names: z.array(Sight),
  /** Oldest first. */
  days: z.array(Day),
  /** Drifts that were told already, so that none is told twice. */
  told: z.array(z.string()),
})
export type BypassProfile = z.infer<typeof BypassProfile>

export function emptyProfile(): BypassProfile {
  return { earliest: [], stacks: [], networks: [], names: [], days: [], told: [] }
}

/**
 * The bypass that let a flow pass, by its id in the register; null for what has no profile: sessions
 * around us, trials (they last minutes), and settings that splice (expired CA, overload, origins that
 * are no good), which open for whatever comes.
 */
export function bypassOfFlow(flow: Flow): string | null {
  const { source, decision, splice_cause, register_entry, rule } = flow
  if (source !== "sensor" || decision !== "splice" || splice_cause === "trial") return null
  if (register_entry !== null) return register_entry
  if (rule.startsWith("list:")) return rule
  const declared =
    splice_cause === "operator" || splice_cause === "platform" || splice_cause === "private"
  return declared && !reservedRuleNames.includes(rule) ? `rule:${rule}` : null
}

/** Takes a flow into the profile; `deviceId` is null where no binding tells. */
export function foldFlow(profile: BypassProfile, flow: Flow, deviceId: string | null): void {
  const at = Date.parse(flow.observed_at)
  const sight = { at, flow: flow.id, device_id: deviceId }
  const network = networkOf(flow.destination_ip)
  const name = flow.sni ?? flow.connect_host
  keepLeast(profile.earliest, at)
  if (flow.stack !== null) see(profile.stacks, { what: flow.stack, ...sight }, most.stacks)
  if (network !== null) see(profile.networks, { what: network, ...sight }, most.networks)
  if (name !== null) see(profile.names, { what: name, ...sight }, most.names)
  // Records have UTC with milliseconds: the day is its beginning.
  const large = { ...sight, bytes: flow.client_bytes + flow.server_bytes }
  foldDay(profile.days, flow.observed_at.slice(0, 10), large)
}

/** The /16 of an IPv4 address, the /32 of an IPv6 address. Neighbours are no news: a service behind
 * a load balancer changes its /24 with the day. */
function networkOf(ip: string | null): string | null {
  const address = ip === null ? null : readAddress(ip)
  if (address === null) return null
  if (address.version === 4) return `${address.bits >>> 24}.${(address.bits >>> 16) & 255}.0.0/16`
  const groups = address.groups.map((group, index) => (index < 2 ? group : 0))
  return `${addressText({ version: 6, groups })}/32`
}

function keepLeast(times: number[], at: number): void {
  const last = times.at(-1)
  if (times.length === most.earliest && last !== undefined && at >= last) return
  times.push(at)
  times.sort((a, b) => a - b)
  times.length = Math.min(times.length, most.earliest)
}

/**
 * Remembers when each thing was first seen, of more than `limit` things the first ones. Whoever stands
 * among the first in the end was let in with its first flow and never pushed out, so the order in
 * which flows come does not matter.
 */
function see(seen: Sight[], sight: Sight, limit: number): void {
  const index = seen.findIndex(({ what }) => what === sight.what)
  const known = seen[index]
  if (known) {
    if (known.at < sight.at || (known.at === sight.at && known.flow <= sight.flow)) return
    seen.splice(index, 1)
  }
  const last = seen.at(-1)
  if (seen.length === limit && last && bySight(last, sight) < 0) return
  seen.push(sight)
  seen.sort(bySight)
  seen.length = Math.min(seen.length, limit)
}

function bySight(a: Sight, b: Sight): number {
  return a.at - b.at || (a.what < b.what ? -1 : 1)
}

/** The newest days stay: one that goes is older than all that are kept, and stays out. */
function foldDay(days: Day[], day: string, large: z.infer<typeof LargeFlow>): void {
  let found = days.at(-1)?.day === day ? days.at(-1) : days.find((each) => each.day === day)
  if (!found) {
    const oldest = days[0]
    if (days.length === most.days && oldest && day < oldest.day) return
    found = { day, connections: 0, bytes: 0, largest: [] }
    days.push(found)
    days.sort((a, b) => (a.day < b.day ? -1 : 1))
    if (days.length > most.days) days.shift()
  }
  found.connections += 1
  found.bytes += large.bytes
  const least = found.largest.at(-1)
  if (found.largest.length === most.largest && least && byBytes(least, large) < 0) return
  found.largest.push(large)
  found.largest.sort(byBytes)
  found.largest.length = Math.min(found.largest.length, most.largest)
}

function byBytes(a: { bytes: number; flow: string }, b: { bytes: number; flow: string }): number {
  return b.bytes - a.bytes || (a.flow < b.flow ? -1 : 1)
}

export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
