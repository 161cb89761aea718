import t from "tap"
import { groupByKey } from "../../src/analytics/actor.ts"
import { keysOfPlace } from "../../src/analytics/key-evidence.ts"
import { sightings } from "../../src/analytics/sighting.ts"
import { type Circumstances, times, verdictOf } from "../../src/analytics/verdict.ts"
import type { DeviceEvidence } from "../../src/record/attributed.ts"
import { context, evidence } from "../support/records.ts"
import { refusedAt, seenAt, settings, trialAt } from "./worlds.ts"

const plain: Circumstances = {
  qualifying: null,
  acceptedByApp: [],
  doubt: null,
  ceilings: [],
  everything: null,
  platformExpected: false,
  baselined: false,
  acceptedElsewhere: [],
  sensorFault: false,
}
const qualifying = { by: "app" as const, domains: ["a.example", "b.example"], ids: ["1", "2"] }
const refused = { attempts: refusedAt([1, 3, 5, 12]) }
const controlled = { ...refused, flows: trialAt([6, 7]) }

function ask(over: Partial<DeviceEvidence>, seen: Partial<Circumstances> = {}) {
  const groups = groupByKey(sightings(evidence(over), context().now, settings))
  const input = { settings: settings.scope, network: new Set<string>(), register: new Map() }
  const [key] = groups.flatMap((each) => keysOfPlace(each, input))
  if (!key) throw new Error("no key")
  return verdictOf(key, { ...plain, ...seen }, settings.scope)
}

t.test("the table is asked from the top", async (t) => {
  const all = { qualifying, everything: "Everything.", platformExpected: true }
  const rows: [string, Partial<DeviceEvidence>, Partial<Circumstances>, string][] = [
    ["a sensor fault silences refusals", controlled, { ...all, sensorFault: true }, "undetermined"],
    [
      "an acceptance comes before all",
      { attempts: [...refused.attempts, ...seenAt("accepted", [9])] },
      all,
      "mixed",
    ],
    ["the vendor's host before everything", controlled, all, "platform-expected"],
    [
      "everything before the destination",
      controlled,
      { ...all, platformExpected: false },
      "refuses-everything",
    ],
    [
      "accepted elsewhere before the control",
      controlled,
      { qualifying, acceptedElsewhere: ["x"] },
      "mixed",
    ],
    ["no qualifying acceptance", controlled, {}, "refuses-here"],
    ["a ceiling", controlled, { qualifying, ceilings: ["Held."] }, "suspected"],
    ["all of it", controlled, { qualifying }, "confirmed"],
    ["trust not shown around it", controlled, { qualifying, doubt: "Not then." }, "probable"],
    ["no control", refused, { qualifying }, "suspected"],
  ]
  for (const [name, given, seen, verdict] of rows) t.equal(ask(given, seen).verdict, verdict, name)
})

t.test("every verdict short of confirmed and accepts says why, in numbers", async (t) => {
  const probable = ask({ ...refused, flows: trialAt([6]) }, { qualifying })
  t.same(probable.reasons, [
    "Our certificate was refused 4 times in 4 buckets of time (4 strong).",
    "The same app accepted our CA for a.example, b.example.",
    "Without inspection it worked once, 1 of them strongly used.",
  ])
  t.match(probable.missing, /second strongly used control flow/)
  t.equal(ask(controlled, { qualifying }).missing, null)
})

t.test("counts read as words", async (t) => {
  t.same([times(1), times(2)], ["once", "2 times"])
})
