import t from "tap"
import type { ControlSettings } from "../../../src/policy/settings.ts"
import { isCovered } from "../../../src/policy/trial/learned-standing.ts"
import type { Learned } from "../../../src/policy/trial/trial-key.ts"
import { control, entry, hour, iso, minute, noon } from "../given.ts"
import { confirm, day, learning, scopes, sni } from "./confirming.ts"
import { Register, step } from "./stepping.ts"

t.test("what the operator takes back ends, what a person accepted stays", async (t) => {
  const learned = (given: object) =>
    entry({
      id: "learned-1",
      kind: "learned",
      owner: "pinsensor",
      expires_at: iso(noon + 3 * day),
      scope: { device_id: "phone-1", sni },
      learned: { device_ids: ["phone-1"], retest: null, renewals: 0 },
      ...given,
    })
  const rows: [name: string, given: object, settings: ControlSettings, ends: boolean][] = [
    ["hold: inspect now", {}, control, true],
    ["hold: splice still", {}, { ...control, hold: "splice" }, false],
    ["accepted by hand", { owner: "ann" }, control, false],
    ["a proposal", { standing: "proposed" }, control, false],
    ["a proposal of an operator's own", { kind: "operator", learned: null }, control, false],
    [
      "its group is off",
      {},
      { ...control, hold: "splice", groups: [{ group: "field", mode: "off" }] },
      true,
    ],
    ["control is off for all, for now", {}, { ...control, mode: "off", hold: "splice" }, false],
    [
      "its group blocks now",
      { scope: { device_group: "field", sni } },
      { ...control, hold: "splice", groups: [{ group: "field", hold: "block" }] },
      true,
    ],
  ]
  for (const [name, given, settings, ends] of rows) {
    const { changed } = step({ learned: [learned(given)], settings, now: noon + minute })
    t.equal(changed[0]?.expires_at ?? null, ends ? iso(noon + minute) : null, name)
  }
})

t.test("what is in force covers a device by its id or its group", async (t) => {
  const one = (scope: object, standing = "in-force") =>
    entry({
      kind: "learned",
      standing: standing as "in-force",
      expires_at: iso(noon + hour),
      scope: { sni, ...scope },
      learned: { device_ids: [], retest: null, renewals: 0 },
    }) as Learned
  const key = { device_id: "phone-1", stack: "t13-okhttp", sni }
  const deviceOf = () => ({ groups: ["field"], user: null })
  const covers = (each: Learned, now = noon) => isCovered([each], key, { deviceOf, now })
  t.equal(covers(one({ device_id: "phone-1" })), true)
  t.equal(covers(one({ device_id: "phone-1", stack: "t13-other" })), false)
  t.equal(covers(one({ device_id: "phone-2" })), false)
  t.equal(covers(one({ device_group: "field" })), true)
  t.equal(covers(one({ device_group: "lab" })), false)
  t.equal(covers(one({ device_group: "field" }, "proposed")), false)
  t.equal(covers(one({ device_group: "field" }), noon + hour), false)
})

t.test("what a person has ended is not learned anew, however long it had lasted", (t) => {
  const settings = { ...learning({ accept: true, devices: 5 }), hold: "splice" as const }
  const begun = noon - 30 * day
  const register = new Register()
  const given = (now: number) => ({ settings, now })
  confirm(register, "phone-1", given(begun))
  const [first] = register.of("learned")
  if (!first) throw new Error("nothing was learned")
  // Renewed by re-tests for a month, and then removed.
  const removed = { ...first, expires_at: iso(noon - hour) }
  register.entries.set(removed.id, removed)
  const byHand = { endedByHand: (id: string) => id === removed.id }
  confirm(register, "phone-1", { ...given(noon), ...byHand })
  t.strictSame(scopes(register, noon), [], "not for the device it was about")
  confirm(register, "phone-2", { ...given(noon), ...byHand })
  t.strictSame(scopes(register, noon + 1), ["phone-2"], "another device is another matter")

  const afterwards = noon - hour + settings["hold-for"] + minute
  confirm(register, "phone-1", { ...given(afterwards), ...byHand })
  t.ok(scopes(register, afterwards).includes("phone-1"), "after hold-for it may be learned again")
  t.end()
})

t.test("what a person has ended for a group is learned for none of its devices", (t) => {
  const settings = { ...learning({ accept: true, devices: 2 }), hold: "splice" as const }
  const register = new Register()
  const begun = noon - 30 * day
  confirm(register, "phone-1", { settings, now: begun })
  confirm(register, "phone-2", { settings, now: begun })
  const ofGroup = register.of("learned").find(({ scope }) => scope.device_group !== null)
  if (!ofGroup) throw new Error("nothing was learned of the group")
  register.entries.set(ofGroup.id, { ...ofGroup, expires_at: iso(noon - hour) })
  const given = { settings, now: noon, endedByHand: (id: string) => id === ofGroup.id }
  confirm(register, "phone-3", given)
  confirm(register, "phone-4", given)
  t.strictSame(scopes(register, noon), [])
  t.end()
})
