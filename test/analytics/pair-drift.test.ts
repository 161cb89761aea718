import t from "tap"
import { driftOf, pairDriftSigns } from "../../src/analytics/pair-drift.ts"
import type { PairSeen } from "../../src/record/pair-seen.ts"

const before: PairSeen = {
  app_version: "7.1",
  signer: "ab".repeat(32),
  stacks: ["t13a", "t13b"],
  registrable_domain: "bank.example",
  verdict: "accepts",
  background: false,
  bytes_a_day: 10 * 1024 ** 2,
  connections_a_day: 200,
}

const rows: { name: string; was?: Partial<PairSeen>; now: Partial<PairSeen>; what: string[] }[] = [
  { name: "the same", now: {}, what: [] },
  { name: "a new version", now: { app_version: "7.2" }, what: [] },
  { name: "another signer", now: { signer: "cd".repeat(32) }, what: ["signer"] },
  {
    name: "the same signer, written otherwise",
    now: { signer: `AB:${"ab:".repeat(30)}AB` },
    what: [],
  },
  { name: "no signer told now", now: { signer: null }, what: [] },
  { name: "another domain", now: { registrable_domain: "evil.example" }, what: ["destination"] },
  { name: "a stack of those known", now: { stacks: ["t13b"] }, what: [] },
  { name: "a stack more", now: { stacks: ["t13b", "t13c"] }, what: ["stack"] },
  { name: "no stack known before", was: { stacks: [] }, now: {}, what: [] },
  { name: "accepted before, refused now", now: { verdict: "confirmed" }, what: ["verdict"] },
  {
    name: "better evidence for what was refused before",
    was: { verdict: "refuses-here" },
    now: { verdict: "confirmed" },
    what: [],
  },
  {
    name: "an origin without public trust now",
    was: { verdict: "confirmed" },
    now: { verdict: "private-trust" },
    what: ["verdict"],
  },
  { name: "in background now", now: { background: true }, what: ["background"] },
  {
    name: "in background, and nothing known before",
    was: { background: null },
    now: { background: true },
    what: [],
  },
  { name: "ten times as much", now: { bytes_a_day: 100 * 1024 ** 2 }, what: [] },
  {
    name: "more than ten times as much",
    now: { bytes_a_day: 101 * 1024 ** 2 },
    what: ["volume"],
  },
  {
    name: "much more, but little",
    was: { bytes_a_day: 100 },
    now: { bytes_a_day: 49 * 1024 ** 2 },
    what: [],
  },
  { name: "many more connections", now: { connections_a_day: 2_001 }, what: ["volume"] },
  {
    name: "all of it",
    now: {
      signer: "cd".repeat(32),
      registrable_domain: "evil.example",
      stacks: ["t13c"],
      verdict: "probable",
      background: true,
      bytes_a_day: 1024 ** 3,
    },
    what: [...pairDriftSigns],
  },
]

t.test("what has become different of a pair, and what is no news", async (t) => {
  for (const { name, was, now, what } of rows) {
    const drifts = driftOf({ ...before, ...was }, { ...before, ...was, ...now })
    t.strictSame(
      drifts.map((drift) => drift.what),
      what,
      name,
    )
  }
})

t.test("the words say what it was and what it is", async (t) => {
  const [stack, volume] = driftOf(before, {
    ...before,
    app_version: "7.2",
    stacks: ["t13z"],
    bytes_a_day: 1024 ** 3,
  })
  t.strictSame(stack, {
    what: "stack",
    before: "t13a, t13b",
    now: "t13z (version 7.1 is now 7.2)",
  })
  t.strictSame(volume, { what: "volume", before: "10.0 MiB a day", now: "1024.0 MiB a day" })
})
