/** The soak's judge can fail: a good run passes, and each thing that must not happen is told. */
import t from "tap"
import { type SensorCounts, ways } from "../../src/intercept/ways.ts"
import { kinds } from "./soak/kinds.ts"
import { explained, type Remembered } from "./soak/remembered.ts"
import { type Collected, trendOf } from "./soak/samples.ts"
import { type FinalCounts, faultsOf, type SoakFacts } from "./soak/verdict.ts"

/** So many visits of each kind. */
const each = 10

function good(): SoakFacts {
  const of = (way: string) => kinds.filter((kind) => kind.way === way)
  const records = (way: string, key: string) =>
    of(way).flatMap(({ name, records }) =>
      Array.from({ length: each }, (_, nth) => ({
        id: `${name}-${nth}`,
        connect_host: `${name}.soak.example`,
        [key]: records[0],
      })),
    )
  const accepted = each * kinds.length
  const counts: FinalCounts = {
    ...(Object.fromEntries(
      ways.map((way) => [way, each * of(way).length]),
    ) as unknown as SensorCounts),
    accepted,
    not_tls: each,
    pid: 1,
    open: 0,
    evidence: { queued: 0, written: accepted, dropped: 0, failed: 0 },
  }
  const processes = [sample(0, 100_000), correlatorAt(0, 0)]
  return {
    tally: {
      started: accepted,
      leftOut: 0,
      open: 0,
      kinds: Object.fromEntries(
        kinds.map(({ name }) => [name, { connected: each, failed: 0, why: null }]),
      ),
    },
    counts: [counts],
    attempts: records("attempts", "outcome"),
    flows: records("flows", "verdict"),
    log: [
      { level: 30, msg: "listening" },
      { level: 40, msg: "destination-guarded" },
    ],
    stderr: "",
    collected: Array.from({ length: 60 }, (_, nth) => [
      sample(nth * 10_000, 100_000 + (nth % 7) * 500),
      correlatorAt(nth * 10_000, 0),
    ]).flat(),
    before: processes,
    after: processes,
    remembered: minutes.map(rememberedAt),
    queued: [0, 12],
    longEnough: true,
  }
}

const minutes = Array.from({ length: 10 }, (_, nth) => (nth + 0.5) * 60_000)

/** Ten findings a second: 8.5 MiB in six minutes. */
function rememberedAt(atMs: number): Remembered {
  const still = { devices: 4_000, suspects: 3_000, resting: 0, fleet_keys: 4, fault_pairs: 1_000 }
  return { ...still, atMs, findings: atMs / 100 }
}

/** A correlator that holds what it says, and so many KiB more. */
function correlatorAt(atMs: number, more: number): Collected {
  const kib = explained([rememberedAt(atMs)], atMs) + more
  return { ...sample(atMs, 80_000 + kib), pid: 2, role: "correlator", live: 30_000 + kib }
}

function sample(atMs: number, pss: number): Collected {
  return {
    atMs,
    pid: 1,
    role: "worker",
    rss: pss,
    pss,
    live: 30_000,
    descriptors: 30,
    threads: 20,
    cpuMs: 0,
  }
}

t.test("a run in which nothing happened that should not passes", async (t) => {
  t.same(faultsOf(good()), [])
})

const planted: [string, (facts: SoakFacts) => SoakFacts, RegExp][] = [
  [
    "a socket that nobody counted",
    (facts) => changed(facts, { accepted: (facts.counts[0]?.accepted ?? 0) - 1 }),
    /^accepted sockets, and connections/,
  ],
  ["a way counted twice", (facts) => changed(facts, { guarded: 99 }), /^the sum of all ways/],
  ["a socket left open", (facts) => changed(facts, { open: 1 }), /^open at the end: 1/],
  [
    "a record that was not stored",
    (facts) => ({ ...facts, attempts: facts.attempts.slice(1) }),
    /^attempts exported, and counted/,
  ],
  [
    "a record that was dropped",
    (facts) => changed(facts, { evidence: { queued: 0, written: 0, dropped: 1, failed: 0 } }),
    /did not store all/,
  ],
  [
    "a pinned client that was taken for another",
    (facts) => ({
      ...facts,
      attempts: facts.attempts.map((one) =>
        one["id"] === "pinned-13-0" ? { ...one, outcome: "idle" } : one,
      ),
    }),
    /^pinned-13: only refused-after-handshake was expected: .*idle 1/,
  ],
  [
    "an error in the log",
    (facts) => ({ ...facts, log: [{ level: 50, msg: "connection-failed" }] }),
    /^in the log: .*connection-failed/,
  ],
  [
    "words on stderr",
    (facts) => ({ ...facts, stderr: "Debugger attached.\n(node) Warning\n" }),
    /^on stderr: /,
  ],
  [
    "a worker that grows",
    (facts) => ({
      ...facts,
      collected: facts.collected.map((one) => ({ ...one, pss: one.pss + one.atMs / 20 })),
    }),
    /^worker 1: resident memory grew by \d+ KiB/,
  ],
  [
    "a worker that keeps what it was told",
    (facts) => ({
      ...facts,
      collected: facts.collected.map((one) => ({ ...one, live: one.live + one.atMs / 100 })),
    }),
    /^worker 1: live memory grew by \d+ KiB/,
  ],
  [
    "a correlator that grows by more than what it says it remembers",
    (facts) => ({
      ...facts,
      collected: facts.collected.map((one) =>
        // 6 KiB a second: 200 bytes of each of 30 records.
        one.role === "correlator" ? correlatorAt(one.atMs, (one.atMs / 1_000) * 6) : one,
      ),
    }),
    /^correlator 2: live memory grew by 23\d\d KiB/,
  ],
  [
    "a correlator that does not say what it remembers",
    (facts) => ({ ...facts, remembered: [] }),
    /^the correlator told 0 times[\s\S]*^correlator 2: live memory grew/,
  ],
  [
    "descriptors that stay",
    (facts) => ({ ...facts, after: facts.after.map((one) => ({ ...one, descriptors: 40 })) }),
    /^worker 1 has 40 descriptors, and had 30/,
  ],
  [
    "a process that was replaced",
    (facts) => ({ ...facts, after: facts.after.map((one) => ({ ...one, pid: one.pid + 2 })) }),
    /^worker 3 is not the process/,
  ],
  ["a queue that fills", (facts) => ({ ...facts, queued: [3_000] }), /^3000 records waited/],
]

function changed(facts: SoakFacts, change: Partial<FinalCounts>): SoakFacts {
  return { ...facts, counts: facts.counts.map((counts) => ({ ...counts, ...change })) }
}

for (const [title, plant, says] of planted)
  t.test(`it is told: ${title}`, async (t) => {
    t.match(faultsOf(plant(good())).join("\n"), new RegExp(says, "m"))
  })

t.test("between two counts of the correlator memory is explained in proportion", async (t) => {
  const findings = (count: number, atMs: number) => ({ ...rememberedAt(0), findings: count, atMs })
  const two = [findings(100, 60_000), findings(300, 120_000)]
  const at = (atMs: number) => Math.round(explained(two, atMs) - explained([rememberedAt(0)], 0))
  t.same([0, 60_000, 90_000, 120_000, 150_000].map(at), [229, 229, 459, 688, 688])
  t.equal(explained([], 0), 0)
})

t.test("a single spike is no trend, a creep is", async (t) => {
  const flat = Array.from({ length: 90 }, (_, nth) => sample(nth, nth === 80 ? 900 : 100))
  t.equal(trendOf(flat, ({ pss }) => pss).growth, 0)
  const creep = Array.from({ length: 90 }, (_, nth) => sample(nth, 100 + nth))
  t.equal(Math.round(trendOf(creep, ({ pss }) => pss).growth), 59)
})
