import t from "tap"
import { networkWindows, spareSockets } from "../../src/analytics/drops.ts"
import { sightings } from "../../src/analytics/sighting.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import { isRefusal, Outcome } from "../../src/record/attempt.ts"
import type { Flow } from "../../src/record/flow.ts"
import {
  attempt,
  by,
  context,
  evidence,
  flow,
  MINUTE,
  SECOND,
  who,
  zeekFlow,
} from "../support/records.ts"
import {
  acceptsElsewhere,
  confirmedWorld,
  findTarget,
  judgeTarget,
  refusedAt,
  seenAt,
  settings,
  target,
} from "./worlds.ts"

t.test("only refusals speak against our certificate", async (t) => {
  t.same(Outcome.options.filter(isRefusal), [
    "refused-alert",
    "refused-close",
    "refused-reset",
    "refused-after-handshake",
  ])
})

t.test("an unused socket near an accepted connection of its key is spare", async (t) => {
  const accepted = [{ id: "a", start: 100 * SECOND, end: 130 * SECOND }]
  const rows = [
    { name: "overlapping", at: 110, spare: true },
    { name: "ten seconds before", at: 89.8, spare: true },
    { name: "longer before", at: 89.7, spare: false },
    { name: "ten seconds after", at: 140, spare: true },
    { name: "longer after", at: 140.1, spare: false },
  ]
  for (const { name, at, spare } of rows) {
    const unused = attempt(target, at * SECOND, "refused-after-handshake")
    const given = evidence({ attempts: [by(unused)] })
    const seen = sightings(given, context().now, settings).attempts.map((each) => ({
      ...each,
      start: at * SECOND,
      end: at * SECOND + 200,
    }))
    t.equal(spareSockets(seen, accepted, 10 * SECOND).has(unused.id), spare, name)
  }
})

t.test("only what finished and stayed silent can be a spare socket", async (t) => {
  const spare = judgeTarget(
    evidence({
      attempts: [
        ...refusedAt([1, 3, 5], { outcome: "refused-after-handshake" }),
        ...seenAt("accepted", [1, 3, 5]),
      ],
    }),
  )
  t.equal(spare.verdict, "accepts", "Chromium's preconnects")
  const alerts = judgeTarget(
    evidence({ attempts: [...refusedAt([1, 3, 5]), ...seenAt("accepted", [1, 3, 5])] }),
  )
  t.equal(alerts.verdict, "mixed", "an alert beside an acceptance is still a refusal")
  const open = judgeTarget(
    evidence({
      attempts: [
        ...seenAt("accepted", [1], {
          phases: { ...attempt(target, 0, "accepted").phases, closed: null },
        }),
        ...refusedAt([30, 40, 50], { outcome: "refused-after-handshake" }),
      ],
    }),
  )
  t.equal(open.verdict, "accepts", "a connection that is still open is near to everything after it")
})

t.test("a silent pin with no accepted connection near is a refusal", async (t) => {
  const judgement = judgeTarget(
    evidence({ attempts: refusedAt([1, 3, 5], { outcome: "refused-after-handshake" }) }),
  )
  t.equal(judgement.verdict, "refuses-here")
})

interface Failure {
  name: string
  seconds: number
  outcome: Attempt["outcome"]
  over?: Partial<Attempt>
}

const reset = (name: string, seconds: number): Failure => ({
  name,
  seconds,
  outcome: "refused-reset",
})
const early = (name: string, seconds: number): Failure => ({ name, seconds, outcome: "timed-out" })

t.test("a network window drops the resets in it", async (t) => {
  const three = [reset("a.example", 0), reset("b.example", 2), early("c.example", 4)]
  const rows: { name: string; failures: Failure[]; flows?: Flow[]; dropped: number }[] = [
    { name: "three destinations, one before our Certificate", failures: three, dropped: 3 },
    {
      name: "two destinations",
      failures: [three[0], three[2]].flatMap((x) => x ?? []),
      dropped: 0,
    },
    {
      name: "all after our Certificate: a device that distrusts with resets",
      failures: [reset("a.example", 0), reset("b.example", 2), reset("c.example", 4)],
      dropped: 0,
    },
    {
      name: "spread over more than the window",
      failures: [reset("a.example", 0), reset("b.example", 8), early("c.example", 16)],
      dropped: 0,
    },
    {
      name: "one destination many times",
      failures: [reset("a.example", 0), reset("a.example", 1), early("a.example", 2)],
      dropped: 0,
    },
    {
      name: "something was accepted in it",
      failures: [...three, { name: "d.example", seconds: 3, outcome: "accepted" }],
      dropped: 0,
    },
    {
      name: "something was used in it",
      failures: three,
      flows: [flow("d.example", 3 * SECOND)],
      dropped: 0,
    },
    {
      name: "something was accepted before and after it",
      failures: [
        { name: "d.example", seconds: -60, outcome: "accepted" },
        ...three,
        { name: "d.example", seconds: 60, outcome: "accepted" },
      ],
      dropped: 3,
    },
    {
      name: "alerts never count towards it",
      failures: [
        { name: "a.example", seconds: 0, outcome: "refused-alert" },
        { name: "b.example", seconds: 1, outcome: "refused-alert" },
        early("c.example", 2),
      ],
      dropped: 0,
    },
    {
      name: "an abandoned dial counts where it was reset",
      failures: [
        reset("a.example", 0),
        reset("b.example", 1),
        { name: "c.example", seconds: 2, outcome: "abandoned", over: { end: "rst" } },
      ],
      dropped: 3,
    },
    {
      name: "an abandoned dial that was closed does not",
      failures: [
        reset("a.example", 0),
        reset("b.example", 1),
        { name: "c.example", seconds: 2, outcome: "abandoned" },
      ],
      dropped: 0,
    },
    {
      name: "a reset after Finished is an ordinary close",
      failures: [
        { name: "a.example", seconds: 0, outcome: "refused-after-handshake", over: { end: "rst" } },
        { name: "b.example", seconds: 1, outcome: "refused-after-handshake", over: { end: "rst" } },
        early("c.example", 2),
      ],
      dropped: 0,
    },
    {
      name: "a splice that failed is a sign of the network too",
      failures: [reset("a.example", 0), reset("b.example", 1)],
      flows: [flow("c.example", 0, { verdict: "failed", strong: false, end: "timeout" })],
      dropped: 3,
    },
    {
      name: "a splice that the origin reset is not",
      failures: [reset("a.example", 0), reset("b.example", 1)],
      flows: [
        flow("c.example", 0, { verdict: "failed", strong: false, end: "rst", ended_by: "origin" }),
      ],
      dropped: 0,
    },
  ]
  for (const { name, failures, flows = [], dropped } of rows) {
    const given = evidence({
      attempts: failures.map((each) =>
        by(attempt(each.name, MINUTE * 5 + each.seconds * SECOND, each.outcome, each.over)),
      ),
      flows: flows.map((each) =>
        by({
          ...each,
          observed_at: new Date(Date.parse(each.observed_at) + 5 * MINUTE).toISOString(),
        }),
      ),
    })
    const seen = sightings(given, context().now, settings)
    t.equal(networkWindows(seen, settings.scope).size, dropped, name)
  }
})

t.test("refusals of a network window give no finding", async (t) => {
  const given = evidence({
    attempts: [1, 3, 5].flatMap((minute) => [
      ...refusedAt([minute], { outcome: "refused-reset" }),
      by(attempt("b.example", minute * MINUTE + SECOND, "refused-reset")),
      by(attempt("c.example", minute * MINUTE + 2 * SECOND, "timed-out")),
    ]),
  })
  t.equal(judgeTarget(given).verdict, "undetermined")
  t.match(judgeTarget(given).reasons.join(), /3 resets fell into a network window/)
  t.equal(findTarget(given), undefined)
})

t.test("who loses a race against a way around us has refused nothing", async (t) => {
  const close = { outcome: "refused-close" } as const
  const around = (ms: number) =>
    [1, 3, 5, 12].map((minute) => by(zeekFlow(target, minute * MINUTE + ms)))
  const rows: [name: string, attempts: ReturnType<typeof refusedAt>, flowAt: number, is: string][] =
    [
      ["QUIC began just before", refusedAt([1, 3, 5, 12], close), -300, "undetermined"],
      ["both at once", refusedAt([1, 3, 5, 12], close), 0, "undetermined"],
      ["after Certificate", refusedAt([1, 3, 5, 12], close), 150, "undetermined"],
      ["reset", refusedAt([1, 3, 5, 12], { outcome: "refused-reset" }), 20, "undetermined"],
      [
        "after Finished",
        refusedAt([1, 3, 5, 12], { outcome: "refused-after-handshake" }),
        20,
        "undetermined",
      ],
      ["gone around us after the refusal", refusedAt([1, 3, 5, 12], close), 700, "confirmed"],
      ["long before, for something else", refusedAt([1, 3, 5, 12], close), -9_000, "confirmed"],
      ["an alert is nobody's race", refusedAt([1, 3, 5, 12]), 0, "confirmed"],
    ]
  for (const [name, attempts, flowAt, verdict] of rows) {
    const accepted = [...acceptsElsewhere(), ...acceptsElsewhere(who(), {}, ["c.example.org"])]
    const given = evidence({ attempts: [...accepted, ...attempts], flows: around(flowAt) })
    t.equal(judgeTarget(given).verdict, verdict, name)
  }
})

t.test("whoever refuses a leaf that failed our own check is right to", async (t) => {
  const world = confirmedWorld()
  const bad = world.attempts.map(({ fact, who }) => ({
    who,
    fact: fact.strength === null ? fact : { ...fact, leaf_check: "name-not-covered" as const },
  }))
  t.equal(judgeTarget(world).verdict, "confirmed")
  t.not(judgeTarget({ ...world, attempts: bad }).verdict, "confirmed")
  t.equal(judgeTarget({ ...world, attempts: bad }).refusals.length, 0)
})

t.test("refusals of which nobody wrote down the end are tries of their own", async (t) => {
  const world = confirmedWorld()
  const open = world.attempts.map(({ fact, who }) => ({
    who,
    fact: { ...fact, phases: { ...fact.phases, closed: null } },
  }))
  t.equal(judgeTarget({ ...world, attempts: open }).verdict, "confirmed")
})
