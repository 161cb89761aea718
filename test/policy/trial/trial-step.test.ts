import t from "tap"
import { choiceFor, splicesConfirmed } from "../../../src/policy/trial/trial-step.ts"
import { control } from "../given.ts"
import { fieldDevice } from "./stepping.ts"

t.test("whether what is confirmed is spliced without a person is said by its group", async (t) => {
  const rows = [
    ["trial", "inspect", false, false],
    ["trial", "inspect", true, false],
    ["trial", "splice", false, true],
    ["trial", "block", true, false],
    ["learn", "inspect", false, false],
    ["learn", "inspect", true, true],
    ["learn", "splice", false, true],
    ["learn", "block", true, false],
    ["off", "splice", true, false],
  ] as const
  for (const [mode, hold, accept, splices] of rows)
    t.equal(
      splicesConfirmed({ mode, hold, accept, "hold-for": 1 }),
      splices,
      `${mode}, hold: ${hold}, accept: ${accept}`,
    )
})

t.test("a device that inventory does not know has the choices for all", async (t) => {
  const settings = { ...control, groups: [{ group: "field", hold: "block" as const }] }
  t.equal(choiceFor("phone-1", { settings, deviceOf: fieldDevice }).hold, "block")
  const nobody = { settings, deviceOf: () => ({ groups: [], user: null }) }
  t.equal(choiceFor("phone-1", nobody).hold, "inspect")
  t.equal(choiceFor(null, { settings, deviceOf: fieldDevice }).hold, "inspect")
})
