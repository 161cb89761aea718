import t from "tap"
import {
  elsewhereKey,
  elsewhereStackKey,
  stackBaselineKey,
} from "../../src/analytics/fleet-keys.ts"
import { FleetMemory } from "../../src/analytics/fleet-memory.ts"
import { attempt, bank, by, dayStart, HOUR, someone, stack1, who } from "../support/records.ts"
import { confirmedWorld, judgeTarget, target } from "./worlds.ts"

const noon = dayStart + 12 * HOUR
const elsewhere = elsewhereKey(bank, "7.1", target)

t.test("what other devices accepted is told, what the device itself accepted is not", async (t) => {
  const fleet = new FleetMemory(24 * HOUR)
  const accepted = attempt(target, 0, "accepted")
  fleet.noteAttempt(by(accepted, who({ device_id: "d2" })))
  fleet.noteAttempt(by(attempt(target, 0, "accepted"), who({ device_id: "d3", app: "inferred" })))
  fleet.noteAttempt(by(attempt(target, 0, "idle"), who({ device_id: "d4" })))
  t.same(fleet.acceptedElsewhere("d1", noon).get(elsewhere), [accepted.id])
  t.equal(fleet.acceptedElsewhere("d2", noon).get(elsewhere), undefined)
  const judgement = judgeTarget(confirmedWorld(), {
    accepted_elsewhere: fleet.acceptedElsewhere("d1", noon),
  })
  t.equal(judgement.verdict, "mixed")
})

t.test("acceptances by a stack are told, whichever app it was", async (t) => {
  const fleet = new FleetMemory(24 * HOUR)
  const accepted = attempt(target, 0, "accepted")
  fleet.noteAttempt(by(accepted, someone({ device_id: "d2" })))
  fleet.noteAttempt(by(attempt("b.example", 0, "refused-reset"), someone({ device_id: "d2" })))
  const told = (device: string, host: string) =>
    fleet.acceptedElsewhere(device, noon).get(elsewhereStackKey(stack1, host))
  t.same(told("d1", target), [accepted.id])
  t.equal(told("d2", target), undefined)
  t.equal(told("d1", "b.example"), undefined)
})

t.test("an acceptance speaks for its window and the next, not for ever", async (t) => {
  const accepted = attempt(target, 0, "accepted")
  const late = attempt(target, 60 * HOUR, "accepted")
  const told = (fleet: FleetMemory, hours: number) =>
    fleet.acceptedElsewhere("d1", dayStart + hours * HOUR).get(elsewhere)
  for (const order of [
    [accepted, late],
    [late, accepted],
  ]) {
    const fleet = new FleetMemory(24 * HOUR)
    for (const fact of order) fleet.noteAttempt(by(fact, who({ device_id: "d2" })))
    t.same(told(fleet, 1), [accepted.id])
    t.same(told(fleet, 47), [accepted.id])
    t.equal(told(fleet, 49), undefined)
    t.same(told(fleet, 61), [late.id])
  }
})

t.test("the other devices that show a stack are counted", async (t) => {
  const fleet = new FleetMemory(24 * HOUR)
  for (const device_id of ["d1", "d2", "d3"])
    fleet.noteAttempt(by(attempt("a.example", 0, "idle"), someone({ device_id })))
  t.equal(fleet.stackDevices("d1", noon).get(stackBaselineKey(stack1)), 2)
  t.equal(fleet.stackDevices("d9", noon).get(stackBaselineKey(stack1)), 3)
})

t.test("of what the whole fleet shares only so many devices are remembered", async (t) => {
  const fleet = new FleetMemory(24 * HOUR)
  const devices = Array.from({ length: 50 }, (_, nth) => `d${nth}`)
  for (const device_id of devices)
    for (const _ of [1, 2, 3, 4])
      fleet.noteAttempt(by(attempt(target, 0, "accepted"), who({ device_id })))
  t.equal(fleet.stackDevices("d1", noon).get(stackBaselineKey(stack1)), 31)
  t.equal(fleet.acceptedElsewhere("d1", noon).get(elsewhere)?.length, 7)
  t.equal(fleet.acceptedElsewhere("d49", noon).get(elsewhere)?.length, 8)
  t.equal(fleet.size, 3, "acceptances of the app and of the stack, devices of the stack")
})

t.test(
  "a device is told what the fleet had shown by its time, in whatever order it came",
  async (t) => {
    const orders = [
      ["d2", "d3", "d4"],
      ["d4", "d3", "d2"],
    ]
    const hours: Record<string, number> = { d2: 1, d3: 2, d4: 13 }
    for (const order of orders) {
      const fleet = new FleetMemory(24 * HOUR)
      for (const device_id of order) {
        const accepted = attempt(target, (hours[device_id] ?? 0) * HOUR, "accepted", {
          id: device_id,
        })
        fleet.noteAttempt(by(accepted, who({ device_id })))
      }
      t.strictSame(fleet.acceptedElsewhere("d1", noon).get(elsewhere), ["d2", "d3"])
      t.equal(fleet.stackDevices("d1", noon).get(stackBaselineKey(stack1)), 2)
    }
  },
)

t.test("who asked before something older was learned is named, once; nobody else is", async (t) => {
  const fleet = new FleetMemory(24 * HOUR)
  const accepts = (device_id: string, hour: number) =>
    fleet.noteAttempt(by(attempt(target, hour * HOUR, "accepted"), who({ device_id })))
  const asks = (device: string, now: number) => fleet.acceptedElsewhere(device, now).get(elsewhere)
  asks("d1", noon)
  asks("d2", noon - 6 * HOUR)
  accepts("d3", 13)
  t.strictSame(fleet.toldOtherwise(), [], "later than anybody asked")
  accepts("d3", 7)
  t.strictSame(fleet.toldOtherwise(), ["d1"], "older than what d1 asked, not than what d2 did")
  accepts("d3", 8)
  t.strictSame(fleet.toldOtherwise(), [], "that d3 accepts was known")
  accepts("d1", 1)
  t.strictSame(fleet.toldOtherwise(), ["d2"], "its own acceptance is not elsewhere")
})
