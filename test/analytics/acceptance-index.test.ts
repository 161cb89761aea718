import t from "tap"
import {
  acceptanceIndex,
  appKey,
  type Conduct,
  stackKey,
} from "../../src/analytics/acceptance-index.ts"
import { groupByKey } from "../../src/analytics/actor.ts"
import { keysOfPlace } from "../../src/analytics/key-evidence.ts"
import { sightings } from "../../src/analytics/sighting.ts"
import {
  attempt,
  bank,
  by,
  context,
  evidence,
  MINUTE,
  someone,
  stack1,
} from "../support/records.ts"
import { acceptsElsewhere, refusedAt, settings, target } from "./worlds.ts"

t.test(
  "acceptances are found by app, program and stack; refusals are counted by destination",
  async (t) => {
    const program = { connect_user_agent: "Sync/1" }
    const given = evidence({
      attempts: [
        ...acceptsElsewhere(),
        ...acceptsElsewhere(someone(), program, ["www.sync.example", "www.own.example"]),
        by(attempt("www.news.example", 20 * MINUTE, "accepted")),
        ...refusedAt([1, 3]),
        by(attempt("idle.example", MINUTE, "idle")),
        by(attempt("gdmf.apple.com", MINUTE, "refused-alert"), someone()),
      ],
    })
    const seen = sightings(given, context().now, settings)
    const keys = groupByKey(seen).flatMap((groups) =>
      keysOfPlace(groups, { settings: settings.scope, network: new Set(), register: new Map() }),
    )
    const index = acceptanceIndex({
      attempts: seen.attempts,
      keys,
      countsAsRefused: (key) => key.group.destination !== "gdmf.apple.com",
      isProof: (domain) => domain !== "own.example",
    })
    const cut = seen.attempts[0]?.cut ?? ""
    const domains = (found?: Conduct) => found?.domains.map(({ domain }) => domain)
    t.same(domains(index.byApp.get(appKey(`${cut}|device`, bank, "7.1", stack1))), [
      "maps.example",
      "news.example",
    ])
    t.same(domains(index.byProgram.get(stackKey(cut, stack1, "Sync/1"))), ["sync.example"])
    t.same(domains(index.byStack.get(stackKey(cut, stack1))), [
      "maps.example",
      "news.example",
      "sync.example",
    ])
    t.same(index.byApp.get(appKey(`${cut}|work`, bank, "7.1", stack1)), undefined)
    const total = index.totals.get(cut)
    t.equal(total?.accepted, 5)
    t.same([...(total?.refused.keys() ?? [])], [target])
    t.same([...(index.totals.get(stackKey(cut, stack1))?.refused.keys() ?? [])], [target])
  },
)
