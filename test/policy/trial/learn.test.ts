import t from "tap"
import { common, control, iso, noon } from "../given.ts"
import { confirm, day, learning, sni } from "./confirming.ts"
import { Register } from "./stepping.ts"

t.test(
  "what is learned of one device is about its stack and name, with its evidence",
  async (t) => {
    const register = new Register()
    confirm(register, "phone-1", { settings: { ...control, hold: "splice" } })
    const [learned, more] = register.of("learned")
    t.equal(more, undefined)
    t.match(learned, {
      ...common,
      kind: "learned",
      source: "register",
      standing: "in-force",
      owner: "pinsensor",
      reason: /^learned: api.example.org refuses .* \(trial trial-phone-1/,
      scope: {
        device_id: "phone-1",
        device_group: null,
        client_network: null,
        stack: "t13-okhttp",
        sni,
      },
      expires_at: iso(noon + 7 * day),
      review_at: iso(noon + 3.5 * day),
      learned: { device_ids: ["phone-1"], retest: null, renewals: 0 },
    })
    t.same(learned?.evidence_ids, ["q1", "q2", "a1", "a2", "a3", "f1", "f2"])
  },
)

t.test("a proposal is in force for nobody", async (t) => {
  const register = new Register()
  confirm(register, "phone-1", { settings: learning() })
  t.match(register.of("learned"), [{ standing: "proposed", reason: /^proposed/ }])
  t.same(register.inForce(noon), [])
})
