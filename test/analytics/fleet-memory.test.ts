import t from "tap"
import { baselineKey, elsewhereKey, stackBaselineKey } from "../../src/analytics/fleet-keys.ts"
import { FleetMemory } from "../../src/analytics/fleet-memory.ts"
import { attempt, bank, by, someone, stack1, who, zeekFlow } from "../support/records.ts"
import { confirmedWorld, judgeTarget, target } from "./worlds.ts"

const elsewhere = elsewhereKey(bank, "7.1", target)

t.test("what other devices accepted is told, what the device itself accepted is not", async (t) => {
  const fleet = new FleetMemory()
  const accepted = attempt(target, 0, "accepted")
  fleet.noteAttempt(by(accepted, who({ device_id: "d2" })))
  fleet.noteAttempt(by(attempt(target, 0, "accepted"), who({ device_id: "d3", app: "inferred" })))
  fleet.noteAttempt(by(attempt(target, 0, "idle"), who({ device_id: "d4" })))
  t.same(fleet.acceptedElsewhere("d1").get(elsewhere), [accepted.id])
  t.equal(fleet.acceptedElsewhere("d2").get(elsewhere), undefined)
  const judgement = judgeTarget(confirmedWorld(), {
    accepted_elsewhere: fleet.acceptedElsewhere("d1"),
  })
  t.equal(judgement.verdict, "mixed")
})

t.test("a baseline counts the other devices of an app's destination and of a stack", async (t) => {
  const fleet = new FleetMemory()
  for (const device_id of ["d1", "d2", "d3"]) {
    fleet.noteFlow(by(zeekFlow(target, 0), who({ device_id })))
    fleet.noteAttempt(by(attempt("a.example", 0, "idle"), someone({ device_id })))
  }
  t.equal(fleet.baseline("d1").get(baselineKey(bank, target)), 2)
  t.equal(fleet.baseline("d9").get(baselineKey(bank, target)), 3)
  t.equal(fleet.baseline("d1").get(stackBaselineKey(stack1)), 2)
  t.equal(fleet.baseline("d1").get(baselineKey(bank, "a.example")), undefined)
})

t.test("what is refused everywhere, and trials of it, make no baseline", async (t) => {
  const fleet = new FleetMemory()
  for (const device_id of ["d1", "d2", "d3", "d4", "d5", "d6"]) {
    const of = who({ device_id })
    fleet.noteAttempt(by(attempt(target, 0, "refused-after-handshake"), of))
    fleet.noteFlow(by({ ...zeekFlow(target, 0), splice_cause: "trial", source: "sensor" }, of))
    fleet.noteFlow(by({ ...zeekFlow(target, 0), verdict: "failed" }, of))
  }
  t.equal(fleet.baseline("d9").get(baselineKey(bank, target)), undefined)
})

t.test("of what the whole fleet shares only so many devices are remembered", async (t) => {
  const fleet = new FleetMemory()
  const devices = Array.from({ length: 50 }, (_, nth) => `d${nth}`)
  for (const device_id of devices)
    for (const _ of [1, 2, 3, 4])
      fleet.noteAttempt(by(attempt(target, 0, "accepted"), who({ device_id })))
  t.equal(fleet.baseline("d1").get(baselineKey(bank, target)), 31)
  t.equal(fleet.acceptedElsewhere("d1").get(elsewhere)?.length, 7 * 3)
  t.equal(fleet.acceptedElsewhere("d49").get(elsewhere)?.length, 8 * 3)
  t.equal(fleet.size, 3, "the app's acceptances, its baseline, the stack's")
})
