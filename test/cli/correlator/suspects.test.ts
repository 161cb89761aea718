import t from "tap"
import { Suspects } from "../../../src/cli/correlator/suspects.ts"
import { inventory } from "../../../src/identity/inventory.ts"
import { IdentitySettings, joinSettings } from "../../../src/identity/settings.ts"
import type { Attempt } from "../../../src/record/attempt.ts"
import type { Flow } from "../../../src/record/flow.ts"
import { attempt, dayStart, flow, MINUTE } from "../../support/records.ts"

const settings = joinSettings(IdentitySettings.parse({}))
const empty = { tenant: "t1", bindings: [], devices: [], postures: [], apps: [] }
const known = inventory(empty, settings)

function learn(suspects: Suspects, attempts: Attempt[], flows: Flow[]) {
  suspects.take(
    { attempts, flows, app_events: [] },
    {
      inventory: known,
      settings,
      events: [],
      old: false,
      attempt: () => {},
      flow: () => {},
      unusable: (id, error) => {
        throw new Error(id, { cause: error })
      },
    },
  )
}

function judged(suspects: Suspects): string[] {
  return suspects.next(10, dayStart).map(({ device_id }) => device_id)
}

const refused = (client_ip: string) =>
  attempt("bank.example", MINUTE, "refused-after-handshake", { client_ip, strength: "strong" })
const accepted = (client_ip: string) => attempt("a.example", MINUTE, "accepted", { client_ip })
const spliced = (client_ip: string, splice_cause: Flow["splice_cause"]) =>
  flow("b.example", 2 * MINUTE, { client_ip, splice_cause, control: splice_cause === "trial" })

t.test("who is judged: refusals, and splices that tell something by themselves", async (t) => {
  const rows: [string, Attempt[], Flow[], boolean][] = [
    ["refused", [refused("10.0.0.1")], [], true],
    ["accepted", [accepted("10.0.0.1")], [], false],
    ["spliced in a trial", [], [spliced("10.0.0.1", "trial")], true],
    ["spliced for its client certificate", [], [spliced("10.0.0.1", "client-certificate")], true],
    ["a learned splice", [], [spliced("10.0.0.1", "learned")], true],
    ["spliced by the operator", [], [spliced("10.0.0.1", "operator")], false],
    ["spliced for the platform", [], [spliced("10.0.0.1", "platform")], false],
    ["spliced under overload", [], [spliced("10.0.0.1", "overload")], false],
    [
      "refused, then spliced by the operator",
      [refused("10.0.0.1")],
      [spliced("10.0.0.1", "operator")],
      true,
    ],
  ]
  for (const [name, attempts, flows, expected] of rows) {
    const suspects = new Suspects()
    learn(suspects, attempts, flows)
    t.strictSame(judged(suspects), expected ? ["address:10.0.0.1"] : [], name)
  }
})

t.test("once it refused, each record of a device has it judged again", async (t) => {
  const suspects = new Suspects()
  learn(suspects, [refused("10.0.0.1")], [])
  t.equal(judged(suspects).length, 1)
  t.equal(judged(suspects).length, 0)
  learn(suspects, [], [spliced("10.0.0.1", "operator")])
  t.equal(judged(suspects).length, 1, "the bypass may be what ended its refusals")
  learn(suspects, [], [spliced("10.0.0.2", "operator")])
  t.equal(judged(suspects).length, 0, "another's bypass is not")
})

t.test(
  "devices whose evidence never stops share a fifth of a core, however many they are",
  async (t) => {
    for (const devices of [1, 8, 40]) {
      const suspects = new Suspects()
      const took = 20
      let now = dayStart
      let spent = 0
      const until = dayStart + 40_000
      const addresses = Array.from({ length: devices }, (_, at) => `10.1.${at >> 8}.${at & 255}`)
      while (now < until) {
        learn(suspects, addresses.map(refused), [])
        const due = suspects.next(1, now)
        if (due.length === 0) {
          now += 100
          continue
        }
        now += took
        suspects.judged(due, () => ({ judging: took, reading: 0 }), now)
        // The first round finds out what a device costs.
        if (now > dayStart + 20_000) spent += took
      }
      const share = spent / 20_000
      t.ok(share > 0.015 && share < 0.25, `${devices} devices: ${Math.round(share * 100)} %`)
    }
  },
)
