import t from "tap"
import {
  type HealthFlag,
  hasEnded,
  healthOf,
  needsAttention,
} from "../../../src/policy/register/register-health.ts"
import type { Drift } from "../../../src/record/drift.ts"
import { RegisterEntry } from "../../../src/record/register-entry.ts"

const now = Date.UTC(2026, 10, 21, 10)
const day = 86_400_000
const iso = (ms: number) => new Date(ms).toISOString()
const daysAgo = (days: number) => iso(now - days * day)
const inDays = (days: number) => iso(now + days * day)

/** Ten days old, used yesterday, half a year to go. */
const sound = RegisterEntry.parse({
  tenant: "acme",
  site: "hq",
  sensor_id: "s",
  v: 1,
  id: "e",
  observed_at: daysAgo(10),
  kind: "operator",
  scope: { sni: "*.push.example" },
  owner: "netops",
  reason: "pinned by its vendor",
  created_at: daysAgo(10),
  expires_at: inDays(180),
  review_at: inDays(80),
  hits: 4,
  last_hit_at: daysAgo(1),
})

const drift = (daysBefore: number): Drift => ({
  tenant: "acme",
  site: "hq",
  sensor_id: "s",
  v: 1,
  id: `d-${daysBefore}`,
  observed_at: daysAgo(daysBefore),
  entry_id: "e",
  sign: "volume",
  was: "1 MiB a day",
  now: "2 GiB a day",
  device_id: null,
  evidence_ids: [],
})

const trial = {
  state: "armed" as const,
  since: daysAgo(0),
  first_splice_at: null,
  connections: 0,
  bytes: 0,
  round: 0,
  hold: null,
}

t.test("what stands out in a bypass, the most urgent first", (t) => {
  const cases: [
    name: string,
    change: object,
    flags: HealthFlag[],
    drifts?: Drift[],
    look?: number,
  ][] = [
    ["nothing", {}, []],
    ["its end is near", { expires_at: inDays(14) }, ["EXPIRING"], [], 60],
    ["its end is a day further", { expires_at: inDays(15) }, [], [], 60],
    ["a short one in its first half", { expires_at: inDays(11) }, [], [], 10],
    ["a short one in its last half", { expires_at: inDays(10) }, ["EXPIRING"], [], 10],
    ["renewed for a week just now", { expires_at: inDays(7) }, [], [], 0],
    ["it ends now", { expires_at: iso(now) }, ["EXPIRED"]],
    ["without an end", { expires_at: null }, []],
    ["its review is due", { review_at: iso(now) }, ["REVIEW"]],
    ["its review is due tomorrow", { review_at: inDays(1) }, []],
    ["no review date, and nobody has looked for long", { review_at: null }, ["REVIEW"], [], 90],
    ["no review date, and looked at lately", { review_at: null }, [], [], 89],
    ["a rule without a review date", { source: "rule", review_at: null }, [], [], 400],
    ["never used, but new", { last_hit_at: null, hits: 0 }, []],
    ["never used, and old", { last_hit_at: null, hits: 0, created_at: daysAgo(30) }, ["UNUSED"]],
    ["not used for long", { last_hit_at: daysAgo(30), created_at: daysAgo(90) }, ["UNUSED"]],
    ["used lately", { last_hit_at: daysAgo(29), created_at: daysAgo(90) }, []],
    [
      "declared, and not used",
      { source: "rule", last_hit_at: null, created_at: daysAgo(31) },
      ["UNUSED"],
    ],
    ["wide", { scope: { ...sound.scope, sni: null } }, ["WIDE"]],
    [
      "declared, whose scope is not here",
      { source: "rule", scope: { ...sound.scope, sni: null } },
      [],
    ],
    ["drift since it was made", {}, ["DRIFT"], [drift(3)], 10],
    ["drift from before the last look", {}, [], [drift(3)], 2],
    [
      "a proposal waits, whatever else its dates say",
      {
        standing: "proposed",
        expires_at: inDays(1),
        review_at: daysAgo(1),
        last_hit_at: null,
        created_at: daysAgo(40),
      },
      ["PROPOSED"],
    ],
    [
      "a re-test",
      {
        kind: "learned",
        learned: { device_ids: ["d"], retest: { device_id: "d", since: daysAgo(0) }, renewals: 1 },
      },
      ["RETEST"],
    ],
    [
      "a trial, which ends by itself",
      { kind: "trial", trial, expires_at: inDays(0.1), last_hit_at: null },
      [],
    ],
    [
      "all at once",
      {
        expires_at: inDays(1),
        review_at: daysAgo(1),
        last_hit_at: null,
        created_at: daysAgo(90),
        scope: { ...sound.scope, sni: "*.com" },
      },
      ["DRIFT", "REVIEW", "EXPIRING", "WIDE", "UNUSED"],
      [drift(1)],
      90,
    ],
  ]
  for (const [name, change, flags, drifts = [], look] of cases) {
    const entry = { ...sound, ...change }
    const reviewed_ms = look === undefined ? null : now - look * day
    t.same(healthOf({ entry, drifts, reviewed_ms }, now), flags, name)
  }
  t.end()
})

t.test("a re-test and an end are nobody's work, all else is", (t) => {
  t.notOk(needsAttention([]))
  t.notOk(needsAttention(["RETEST"]))
  t.notOk(needsAttention(["EXPIRED"]))
  t.ok(needsAttention(["UNUSED", "RETEST"]))
  t.end()
})

t.test("an entry has ended from its end on", (t) => {
  t.ok(hasEnded({ ...sound, expires_at: iso(now) }, now))
  t.notOk(hasEnded({ ...sound, expires_at: iso(now + 1) }, now))
  t.end()
})
