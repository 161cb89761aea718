import fc from "fast-check"
import t from "tap"
import { learnedSince, standingOf } from "../../src/analytics/baseline.ts"
import { BaselineStatements } from "../../src/analytics/baseline-statements.ts"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import type { BaselineChange } from "../../src/record/baseline-change.ts"
import { bank, by, who, zeekFlow } from "../support/records.ts"
import { attemptsOn, dayAt, kept, pairOf, type Seen, said, usedOn } from "./pairs.ts"
import { target } from "./worlds.ts"

const rule = AnalyticsSettings.parse({}).baseline
const five = ["d1", "d2", "d3", "d4", "d5"]
const signer = "ab".repeat(32)

interface Row {
  name: string
  seen?: Seen[]
  said?: BaselineChange[]
  at?: number
  but?: string
  signer?: string
  is: "learned" | "added" | "removed" | "missing"
  why: RegExp
}

function ask({ seen = [], said: all = [], at = dayAt(2), but, signer: of }: Omit<Row, "name">) {
  const statements = new BaselineStatements()
  for (const change of all) statements.add(change)
  const pair = seen.length > 0 ? pairOf(seen) : null
  const question = { app_id: bank, destination: target, signer: of ?? null }
  return standingOf({ ...question, pair, statements, rule, at, but: but ?? null })
}

const settled = usedOn([0, 1, 2], five)
const rows: Row[] = [
  { name: "five devices on three days", seen: settled, is: "learned", why: /5 devices on 3 days/ },
  {
    name: "the judged device does not teach itself",
    seen: settled,
    but: "d3",
    is: "missing",
    why: /used by 4 of 5 devices$/,
  },
  {
    name: "six devices, one of them judged",
    seen: usedOn([0, 1, 2], [...five, "d6"]),
    but: "d3",
    is: "learned",
    why: /5 devices/,
  },
  {
    name: "a day of many devices among days of few",
    seen: [...usedOn([0], [...five, "d6", "d7", "d8"]), ...usedOn([1, 2], ["d1"])],
    but: "d1",
    is: "missing",
    why: /on 1 of 3 days$/,
  },
  {
    name: "each day another device",
    seen: [...usedOn([0], ["d1"]), ...usedOn([1], ["d2", "d3"]), ...usedOn([2], ["d4", "d5"])],
    is: "learned",
    why: /5 devices on 3 days/,
  },
  {
    name: "few devices, however steadily they come",
    seen: usedOn([...Array(14).keys()], ["d1", "d2", "d3", "d4"]),
    at: dayAt(13),
    is: "missing",
    why: /4 of 5 devices$/,
  },
  {
    name: "many devices on one day, as a campaign comes",
    seen: usedOn([0], [...five, "d6"]),
    is: "missing",
    why: /1 of 3 days/,
  },
  {
    name: "what comes later than the judged time",
    seen: settled,
    at: dayAt(2, 8),
    is: "missing",
    why: /2 of 3 days/,
  },
  {
    name: "refused under inspection by another, accepted by nobody",
    seen: [...settled, ...attemptsOn([1], ["d9"], "refused-alert")],
    is: "missing",
    why: /refused .* never learned/,
  },
  {
    name: "refused by one, accepted by others",
    seen: [
      ...settled,
      ...attemptsOn([1], ["d9"], "refused-alert"),
      ...attemptsOn([1], ["d2"], "accepted"),
    ],
    is: "learned",
    why: /5 devices/,
  },
  {
    name: "refused by the judged device alone",
    seen: [...settled, ...attemptsOn([1], ["d9"], "refused-alert")],
    but: "d9",
    is: "learned",
    why: /5 devices/,
  },
  {
    name: "the last day in the window",
    seen: settled,
    at: dayAt(13),
    is: "learned",
    why: /3 days/,
  },
  { name: "aged out", seen: settled, at: dayAt(14), is: "missing", why: /2 of 3 days/ },
  { name: "never seen", is: "missing", why: /not seen there/ },
  {
    name: "added by hand",
    said: [said({ expires_at: iso(30) })],
    is: "added",
    why: /netops until .*because/,
  },
  {
    name: "added by hand, and over",
    said: [said({ expires_at: iso(1) })],
    is: "missing",
    why: /not seen/,
  },
  {
    name: "removed by hand, whatever is learned",
    seen: settled,
    said: [said({ what: "removed", observed_at: iso(9) })],
    is: "removed",
    why: /netops/,
  },
  {
    name: "removed by hand, and over",
    seen: settled,
    said: [said({ what: "removed", expires_at: iso(1) })],
    is: "learned",
    why: /5 devices/,
  },
  {
    name: "removed and withdrawn",
    seen: settled,
    said: [said({ what: "withdrawn", observed_at: iso(1) }), said({ what: "removed" })],
    is: "learned",
    why: /5 devices/,
  },
  {
    name: "frozen before it was enough: nothing new enters",
    seen: settled,
    said: [said({ what: "frozen", destination: null, observed_at: iso(1) })],
    is: "missing",
    why: /of 3 days.*frozen since/,
  },
  {
    name: "frozen with what is there: it does not age out",
    seen: settled,
    at: dayAt(20),
    said: [said({ what: "frozen", app_id: null, destination: null, observed_at: iso(3) })],
    is: "learned",
    why: /3 days \(frozen since/,
  },
  {
    name: "thawed again",
    seen: settled,
    said: [
      said({ what: "frozen", destination: null, observed_at: iso(1) }),
      said({ what: "thawed", destination: null, observed_at: iso(1.5) }),
    ],
    is: "learned",
    why: /days$/,
  },
  {
    name: "the freeze of another app",
    seen: settled,
    said: [said({ what: "frozen", app_id: "org.other", destination: null })],
    is: "learned",
    why: /days$/,
  },
  {
    name: "a repackaged app has no part in it",
    seen: usedBy(signer),
    signer: "ee".repeat(32),
    is: "missing",
    why: /signer/,
  },
  {
    name: "the same signer, written otherwise",
    seen: usedBy(signer),
    signer: signer.toUpperCase(),
    is: "learned",
    why: /days/,
  },
]

t.test("what is baseline of an app, and why", async (t) => {
  for (const { name, ...row } of rows) {
    const standing = ask(row)
    t.equal(standing.is, row.is, name)
    t.match(standing.why, row.why, name)
  }
})

t.test("facts and statements in any order come to the same, at any time", async (t) => {
  const seen = [
    ...usedOn([0, 1, 2, 4, 11], ["d1", "d2", "d3", "d4", "d5", "d6", "d7"]),
    ...attemptsOn([3], ["d8"], "refused-alert"),
    ...attemptsOn([5], ["d2"], "accepted"),
  ]
  const statements = [
    said({ what: "removed", observed_at: iso(4), expires_at: iso(3.5) }),
    said({ what: "frozen", destination: null, observed_at: iso(2.9), expires_at: iso(9) }),
    said({ what: "thawed", destination: null, observed_at: iso(7) }),
    said({
      what: "frozen",
      app_id: null,
      destination: null,
      observed_at: iso(6.5),
      expires_at: iso(8),
    }),
  ]
  const times = Array.from({ length: 20 }, (_, day) => dayAt(day))
  const told = (facts: Seen[], changes: BaselineChange[]) =>
    times.map((at) => ask({ seen: facts, said: changes, at, but: "d2", is: "missing", why: /./ }))
  const want = told(seen, statements)
  t.equal(new Set(want.map(({ is }) => is)).size, 3, "times differ")
  fc.assert(
    fc.property(
      fc.shuffledSubarray(seen, { minLength: seen.length }),
      fc.shuffledSubarray(statements, { minLength: statements.length }),
      (facts, changes) => t.strictSame(told(facts, changes), want),
    ),
    { numRuns: 25 },
  )
})

t.test("since when it is learned is the moment that completed it", async (t) => {
  const pair = pairOf(settled)
  t.equal(learnedSince(pair, rule, dayAt(5)), dayAt(2, 9))
  t.equal(learnedSince(pair, rule, dayAt(2, 8)), null)
  const later = pairOf([...settled, ...usedOn([20, 21, 22], five)], { ...kept, days: 40 })
  t.equal(learnedSince(later, rule, dayAt(25)), dayAt(22, 9), "it had aged out between")
})

function usedBy(app_signer: string): Seen[] {
  return settled.map((seen, nth) =>
    by(zeekFlow(target, Date.parse(seen.fact.observed_at) - dayAt(0, 0)), {
      ...who({ device_id: five[nth % 5] ?? "" }),
      app_signer,
    }),
  )
}

function iso(day: number): string {
  return new Date(dayAt(0, 0) + day * 86_400_000).toISOString()
}
