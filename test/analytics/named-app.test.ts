import t from "tap"
import { by, evidence, HOUR, someone, who, zeekFlow } from "../support/records.ts"
import { judgeTarget, refusedAt, seenAt, target } from "./worlds.ts"

t.test("version and signer are the last that were told of the app", async (t) => {
  const judgement = judgeTarget(
    evidence({
      attempts: [
        ...refusedAt([1], {}, who({ app_signer: "aa" })),
        ...refusedAt([3], {}, who({ app_signer: "bb" })),
        ...refusedAt([5]),
      ],
    }),
  )
  t.equal(judgement.app_signer, "bb")
  t.equal(judgement.key.app_version, "7.1")
})

t.test("hints name an app only where they agree", async (t) => {
  const inferred = (app_id: string) => who({ app: "inferred", app_id })
  const named = (...people: ReturnType<typeof who>[]) =>
    judgeTarget(
      evidence({ attempts: people.flatMap((each, index) => refusedAt([index * 2 + 1], {}, each)) }),
    ).key.app_id
  t.equal(named(inferred("a"), inferred("a"), someone()), "a")
  t.equal(named(inferred("a"), inferred("b"), inferred("a")), null)
  t.equal(named(someone(), someone(), someone()), null)
})

t.test("persistent opaque use is the app's where its own sessions carry it", async (t) => {
  const flows = (...people: ReturnType<typeof who>[]) =>
    people.map((each, index) => by(zeekFlow(target, index * HOUR), each))
  t.equal(judgeTarget(evidence({ flows: flows(who(), who(), who()) })).app, "observed")
  t.equal(judgeTarget(evidence({ flows: flows(who(), someone(), someone()) })).app, "inferred")
})

t.test("verdicts without an accusation keep the observed app", async (t) => {
  t.equal(judgeTarget(evidence({ attempts: seenAt("accepted", [1]) })).app, "observed")
})
