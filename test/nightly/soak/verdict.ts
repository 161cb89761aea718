/** Judges a soak: the accounts, the records, the log, and whether anything grew. Pure. */
import { type SensorCounts, type Way, ways } from "../../../src/intercept/ways.ts"
import type { KindTally, Tally } from "./clients.ts"
import { kinds, mostRaces } from "./kinds.ts"
import { inspectorLine } from "./live-memory.ts"
import { explained, type Remembered } from "./remembered.ts"
import { type Collected, type Sample, trendOf } from "./samples.ts"

export interface FinalCounts extends SensorCounts {
  pid: number
  open: number
  evidence: { queued: number; written: number; dropped: number; failed: number }
}

export interface SoakFacts {
  tally: Tally
  /** The last of each worker. */
  counts: readonly FinalCounts[]
  attempts: readonly Record<string, unknown>[]
  flows: readonly Record<string, unknown>[]
  log: readonly Record<string, unknown>[]
  stderr: string
  /** Under load, each right after a collection; one before it; one some seconds after it. */
  collected: readonly Collected[]
  before: readonly Sample[]
  after: readonly Sample[]
  /** What the correlator said that it remembers, in the order of time. */
  remembered: readonly Remembered[]
  /** Records that waited to be written, at each look. */
  queued: readonly number[]
  /** Whether the load lasted long enough for a trend to mean something. */
  longEnough: boolean
}

/** A fault a line; none: the soak is passed. */
export function faultsOf(facts: SoakFacts): string[] {
  return [...accounts(facts), ...ofKinds(facts), ...ofLog(facts), ...flatness(facts)]
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0)

/** Every accepted socket is in exactly one way, and every tunnel is a record. */
function accounts({ counts, tally, attempts, flows }: SoakFacts): string[] {
  const faults: string[] = []
  const same = (what: string, one: number, other: number) => {
    if (one !== other) faults.push(`${what}: ${one} is not ${other}`)
  }
  const total = (name: keyof SensorCounts) => sum(counts.map((worker) => worker[name]))
  const connected = sum(Object.values(tally.kinds).map((kind) => kind.connected))
  same("accepted sockets, and connections of clients", total("accepted"), connected)
  same("the sum of all ways, and accepted", sum(ways.map(total)), total("accepted"))
  same("open at the end", sum(counts.map(({ open }) => open)), 0)
  same("attempts exported, and counted", attempts.length, total("attempts"))
  same("flows exported, and counted", flows.length, total("flows"))
  const notTls = attempts.filter(({ outcome }) => outcome === "not-tls").length
  same("not-tls exported, and counted", notTls, total("not_tls"))
  for (const way of ways)
    same(`${way} of the clients, and counted`, expected(tally, way), total(way))
  for (const { pid, evidence } of counts)
    if (evidence.dropped + evidence.failed + evidence.queued > 0)
      faults.push(`worker ${pid} did not store all: ${JSON.stringify(evidence)}`)
  const ids = new Set([...attempts, ...flows].map(({ id }) => id))
  same("distinct ids of records", ids.size, attempts.length + flows.length)
  return faults
}

function expected(tally: Tally, way: Way): number {
  return sum(
    kinds.filter((kind) => kind.way === way).map(({ name }) => tally.kinds[name]?.connected ?? 0),
  )
}

const isOf = (name: string) => (record: Record<string, unknown>) =>
  String(record["connect_host"]).startsWith(`${name}.soak.`)

/** What became of the visits of a kind, as the records have it. */
export function recordedOf(
  name: string,
  { attempts, flows }: Pick<SoakFacts, "attempts" | "flows">,
) {
  const seen = new Map<string, number>()
  const mine = isOf(name)
  const add = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)
  for (const record of attempts) if (mine(record)) add(String(record["outcome"]))
  for (const record of flows) if (mine(record)) add(String(record["verdict"]))
  return seen
}

function ofKinds(facts: SoakFacts): string[] {
  const faults: string[] = []
  for (const { name, records } of kinds) {
    const { connected, failed, why } = facts.tally.kinds[name] as KindTally
    if (failed > 0) faults.push(`${name}: ${failed} of ${connected} came out otherwise: ${why}`)
    if (records.length === 0) continue
    const seen = recordedOf(name, facts)
    const told = [...seen].map(([what, times]) => `${what} ${times}`).join(", ")
    if (sum([...seen.values()]) !== connected)
      faults.push(`${name}: ${connected} connections, recorded: ${told}`)
    const others = [...seen].filter(([what]) => what !== records[0])
    if (others.some(([what]) => !records.includes(what)))
      faults.push(
        `${name}: only ${records.join(" or ")} was expected: ${told}; ${strangest(name, records, facts)}`,
      )
    else if (sum(others.map(([, times]) => times)) > Math.max(1, mostRaces * connected))
      faults.push(`${name}: nearly all should be ${records[0]}: ${told}`)
  }
  return faults
}

/** One of the records that nobody expected, as far as it tells why. */
function strangest(
  name: string,
  records: readonly string[],
  { attempts, flows }: SoakFacts,
): string {
  const one = [...attempts, ...flows]
    .filter(isOf(name))
    .find((record) => !records.includes(String(record["outcome"] ?? record["verdict"])))
  const { token, phases, upstream, reason, observed_at } = one ?? {}
  return JSON.stringify({ observed_at, token, phases, upstream, reason })
}

/** Events of level warn and above that the clients bring about. */
const expectedEvents: ReadonlySet<unknown> = new Set(["destination-guarded"])

function ofLog({ log, stderr }: SoakFacts): string[] {
  const unexpected = log.filter(
    ({ level, msg }) => msg === "not-json" || (Number(level) >= 40 && !expectedEvents.has(msg)),
  )
  const lines = unexpected.slice(0, 5).map((line) => `in the log: ${JSON.stringify(line)}`)
  if (unexpected.length > 5) lines.push(`in the log: ${unexpected.length - 5} more of these`)
  const words = stderr.split("\n").filter((line) => !inspectorLine.test(line))
  return words.length === 0 ? lines : [...lines, `on stderr: ${words.join("\n").slice(0, 500)}`]
}

/** Of the median, or at least so many KiB: what is live, and what of it all is resident; of the correlator
 * beside what its counts explain. */
const mostGrowth = { share: 0.05, live: 2 * 1024, resident: 8 * 1024 }
/** Descriptors that a worker may have more than before the load: its log, its database. */
const moreDescriptors = 4
/** Lines `correlator-counts` in the ten minutes of the shortest soak that judges memory: one a minute. */
const leastCounts = 8
/** Records that wait to be written at any look: some seconds of them. */
const longestQueue = 2_000

const memories = [
  ["live memory", mostGrowth.live, ({ live }: Collected) => live],
  ["resident memory", mostGrowth.resident, ({ pss }: Collected) => pss],
] as const

/** KiB of a process beside what it told that it remembers. */
export function unexplained(
  of: (sample: Collected) => number,
  { remembered }: Pick<SoakFacts, "remembered">,
): (sample: Collected) => number {
  return (sample) =>
    of(sample) - (sample.role === "correlator" ? explained(remembered, sample.atMs) : 0)
}

function flatness(facts: SoakFacts): string[] {
  const { collected, before, after, queued, longEnough, remembered } = facts
  const faults: string[] = []
  if (longEnough && remembered.length < leastCounts)
    faults.push(`the correlator told ${remembered.length} times what it remembers`)
  for (const { pid, role } of after) {
    const mine = collected.filter((sample) => sample.pid === pid)
    for (const [what, least, of] of memories) {
      const { median } = trendOf(mine, of)
      const { growth } = trendOf(mine, unexplained(of, facts))
      if (longEnough && growth > Math.max(least, mostGrowth.share * median))
        faults.push(`${role} ${pid}: ${what} grew by ${Math.round(growth)} KiB, to ${median} KiB`)
    }
    const had = before.find((sample) => sample.pid === pid)
    const has = after.find((sample) => sample.pid === pid)
    if (!had || !has) faults.push(`${role} ${pid} is not the process that it was`)
    else if (has.descriptors > had.descriptors + moreDescriptors)
      faults.push(`${role} ${pid} has ${has.descriptors} descriptors, and had ${had.descriptors}`)
  }
  if (before.length !== after.length)
    faults.push(`there were ${before.length} processes, and are ${after.length}`)
  const longest = Math.max(0, ...queued)
  if (longest > longestQueue) faults.push(`${longest} records waited to be written`)
  return faults
}
