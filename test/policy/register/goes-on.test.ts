import t from "tap"
import { goesOn } from "../../../src/policy/register/goes-on.ts"
import { control, entry, hour, iso, minute, noon, trial } from "../given.ts"

t.test("what an entry has let pass goes on while the entry would let it pass", async (t) => {
  const lasting = { expires_at: iso(noon + hour) }
  const learned = { kind: "learned" as const, owner: "pinsensor" }
  const rows: [what: string, of: ReturnType<typeof entry>, mode: "trial" | "off", on: boolean][] = [
    ["in force, without an end", entry(), "trial", true],
    ["in force, with an end", entry(lasting), "trial", true],
    ["ended early", entry({ expires_at: iso(noon) }), "trial", false],
    ["put back to a proposal", entry({ standing: "proposed" }), "trial", false],
    ["learned", entry(learned), "trial", true],
    ["learned, and control is off", entry(learned), "off", false],
    ["made by a person, and control is off", entry(), "off", true],
    ["a trial that splices", trial({ state: "splicing" }), "trial", true],
    ["a trial whose connections are used up", trial({ state: "re-inspecting" }), "trial", true],
    ["a trial that was ended", trial({ state: "cooling" }), "trial", false],
    ["a trial that holds", trial({ state: "holding", hold: "splice" }), "trial", false],
    ["a trial, and control is off", trial({ state: "splicing" }), "off", false],
    ["its last state, and control is off", trial({ state: "re-inspecting" }), "off", false],
  ]
  for (const [what, of, mode, on] of rows)
    t.equal(goesOn(of, { ...control, mode }, noon + minute), on, what)
})
