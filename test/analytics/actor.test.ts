import t from "tap"
import { actorKey, groupByKey } from "../../src/analytics/actor.ts"
import { sightings } from "../../src/analytics/sighting.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import type { Attributed } from "../../src/record/attributed.ts"
import type { Flow } from "../../src/record/flow.ts"
import {
  attempt,
  by,
  context,
  evidence,
  MINUTE,
  someone,
  stack1,
  stack2,
  who,
  zeekFlow,
} from "../support/records.ts"
import { settings, target, trialAt } from "./worlds.ts"

const unknown = someone()
const seen = (over: Partial<Attempt> = {}, attribution = unknown, minute = 1) =>
  by(attempt(target, minute * MINUTE, "refused-alert", over), attribution)
const other = who({ app_id: "org.other", app_version: "2" })

/** Actors of the target with how many sightings each has, and how many of them were adopted. */
function actors(attempts: Attributed<Attempt>[], flows: Attributed<Flow>[] = []) {
  const groups = groupByKey(sightings(evidence({ attempts, flows }), context().now, settings))
  return Object.fromEntries(
    groups
      .flat()
      .map((group) => [
        actorKey(group.actor),
        [group.attempts.length + group.flows.length, group.adopted.size],
      ]),
  )
}

const bankKey = "app|device|com.example.bank|7.1"
const otherKey = "app|device|org.other|2"
const stackKey = `stack|device|${stack1}|`

t.test("evidence belongs to the observed app, else to the stack and program", async (t) => {
  const program = { connect_user_agent: "Sync/1" }
  const rows: { name: string; got: unknown; want: Record<string, [number, number]> }[] = [
    { name: "observed", got: actors([seen({}, who())]), want: { [bankKey]: [1, 0] } },
    { name: "unknown", got: actors([seen(), seen()]), want: { [stackKey]: [2, 0] } },
    {
      name: "inferred is not observed",
      got: actors([seen({}, who({ app: "inferred" }))]),
      want: { [stackKey]: [1, 0] },
    },
    {
      name: "programs are apart, libraries are not",
      got: actors([seen(), seen(program), seen({ connect_user_agent: "okhttp/4.12" })]),
      want: { [stackKey]: [2, 0], [`${stackKey}Sync/1`]: [1, 0] },
    },
    {
      name: "profiles are apart",
      got: actors([seen({}, who()), seen({}, who({ profile: "work" }))]),
      want: { [bankKey]: [1, 0], "app|work|com.example.bank|7.1": [1, 0] },
    },
    {
      name: "an unknown connection is adopted by the only app of its stack",
      got: actors([seen({}, who()), seen()]),
      want: { [bankKey]: [2, 1] },
    },
    {
      name: "not by an app of another stack",
      got: actors([seen({ stack: stack2 }, who()), seen()]),
      want: { [bankKey]: [1, 0], [stackKey]: [1, 0] },
    },
    {
      name: "not where two apps of the stack were seen",
      got: actors([seen({}, who()), seen({}, other), seen()]),
      want: { [bankKey]: [1, 0], [otherKey]: [1, 0], [stackKey]: [1, 0] },
    },
    {
      name: "not where another app is inferred",
      got: actors([seen({}, who()), seen({}, who({ app: "inferred", app_id: "org.other" }))]),
      want: { [bankKey]: [1, 0], [stackKey]: [1, 0] },
    },
    {
      name: "not where the program differs",
      got: actors([seen({ connect_user_agent: "Bank/7" }, who()), seen(program)]),
      want: { [bankKey]: [1, 0], [`${stackKey}Sync/1`]: [1, 0] },
    },
    {
      name: "a trial's flow without an app is adopted too",
      got: actors([seen({}, who())], trialAt([6], {}, unknown)),
      want: { [bankKey]: [2, 1] },
    },
    {
      name: "a session around the proxy goes to the only actor of the destination",
      got: actors([seen()], [by(zeekFlow(target, MINUTE), unknown)]),
      want: { [stackKey]: [2, 1] },
    },
    {
      name: "to none where two actors were seen: a browser may use QUIC while the app refuses",
      got: actors(
        [seen({}, who()), seen({ stack: stack2 })],
        [by(zeekFlow(target, MINUTE, { network: "quic" }), unknown)],
      ),
      want: {
        [bankKey]: [1, 0],
        [`stack|device|${stack2}|`]: [1, 0],
        "stack|device||": [1, 0],
      },
    },
    {
      name: "a version that was not told is the only one known",
      got: actors([seen({}, who()), seen({}, who({ app_version: null }))]),
      want: { [bankKey]: [2, 0] },
    },
    {
      name: "of two known versions it is neither",
      got: actors([
        seen({}, who()),
        seen({}, who({ app_version: "7.2" })),
        seen({}, who({ app_version: null })),
      ]),
      want: {
        [bankKey]: [1, 0],
        "app|device|com.example.bank|7.2": [1, 0],
        "app|device|com.example.bank|": [1, 0],
      },
    },
  ]
  for (const { name, got, want } of rows) t.same(got, want, name)
})

t.test("a group is in the order of time although observed evidence is joined first", async (t) => {
  const attempts = [seen({}, unknown, 1), seen({}, who(), 2), seen({}, unknown, 3)]
  const [[group] = []] = groupByKey(sightings(evidence({ attempts }), context().now, settings))
  const starts = group?.attempts.map((each) => each.start) ?? []
  t.equal(starts.length, 3)
  t.same(
    starts,
    [...starts].sort((a, b) => a - b),
  )
})
