import t from "tap"
import type { Trial } from "../../../src/policy/trial/trial-key.ts"
import { nextMove } from "../../../src/policy/trial/trial-move.ts"
import { control, hour, iso, judgement, noon, trial } from "../given.ts"

const given = { judgements: [], settings: control, mode: "trial", fault: false, now: noon } as const

t.test("a held or cooling trial waits for nothing but its end", async (t) => {
  for (const state of ["holding", "cooling"] as const)
    t.equal(nextMove(trial({ state }) as Trial, { ...given, now: noon + 99 * hour }), null, state)
})

t.test("what must not be comes before what the evidence says", async (t) => {
  const confirmed = [judgement({ verdict: "confirmed" })]
  const one = trial({ state: "splicing", first_splice_at: iso(noon) }) as Trial
  t.match(nextMove(one, { ...given, judgements: confirmed }), { to: "holding" })
  t.match(nextMove(one, { ...given, judgements: confirmed, mode: "off" }), { to: "ended" })
  t.match(nextMove(one, { ...given, judgements: confirmed, fault: true }), { to: "ended" })
})

t.test("what waits for a second domain that accepts us is asked for another control", async (t) => {
  const state = { state: "re-inspecting", first_splice_at: iso(noon) } as const
  const again = { verdict: "refuses-here", refusal_after_control: true } as const
  const moved = (given_: object) =>
    nextMove(trial(state, { expires_at: iso(noon + hour) }) as Trial, {
      ...given,
      judgements: [judgement({ ...again, control_strong: ["f1"], ...given_ })],
    })
  t.match(moved({ app_accepts: 1 }), { to: "another-round" })
  t.equal(moved({ app_accepts: 0 }), null)
  t.equal(moved({ app_accepts: 1, control_strong: ["f1", "f2"] }), null)
})

t.test("confirmed of an address that is nobody's own holds nothing", async (t) => {
  const shared = [judgement({ verdict: "confirmed", device: "shared" })]
  t.match(nextMove(trial() as Trial, { ...given, judgements: shared }), { to: "ended" })
})
