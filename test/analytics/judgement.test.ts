import t from "tap"
import { judgeScope } from "../../src/analytics/scope.ts"
import { attempt, context, evidence, someone, stack1 } from "../support/records.ts"
import { confirmedWorld, judgeTarget, refusedAt, seenAt, settings, target } from "./worlds.ts"

t.test("a judgement lists its evidence by id, oldest first", async (t) => {
  const given = confirmedWorld()
  const judgement = judgeTarget(given)
  const refused = given.attempts
    .filter(({ fact }) => fact.sni === target)
    .map(({ fact }) => fact.id)
  t.same(judgement.refusals, refused)
  t.same(
    judgement.control_used,
    given.flows.map(({ fact }) => fact.id),
  )
  t.equal(judgement.key.stack, stack1)
})

t.test("the upstream leg counts as verified where one refusal saw it", async (t) => {
  const { upstream } = attempt(target, 0, "idle")
  const rows = [
    ["verified", true],
    ["remembered", true],
    ["not-contacted", false],
  ] as const
  for (const [status, verified] of rows) {
    const judgement = judgeTarget(
      evidence({ attempts: refusedAt([1, 3, 5], { upstream: { ...upstream, status } }) }),
    )
    t.equal(judgement.upstream_verified, verified, status)
  }
})

t.test("confounders are ruled out only where there are refusals to explain", async (t) => {
  t.same(judgeTarget(evidence({ attempts: seenAt("accepted", [1]) })).confounders_ruled_out, [])
  const words = judgeTarget(confirmedWorld()).confounders_ruled_out.join("; ")
  t.match(words, /distrust of the CA.*broken destination.*bad origin.*parallel dial/)
})

t.test("without a name the SNI is null and the destination an address", async (t) => {
  const attempts = refusedAt([1, 3, 5], { sni: null }, someone())
  const [judgement] = judgeScope(evidence({ attempts }), context(), settings)
  t.match(judgement, { sni: null, key: { destination: "203.0.113.10:443" } })
})
