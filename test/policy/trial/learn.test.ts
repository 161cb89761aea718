import t from "tap"
import type { ControlSettings } from "../../../src/policy/settings.ts"
import { isCovered } from "../../../src/policy/trial/learn.ts"
import type { Learned } from "../../../src/policy/trial/trial-key.ts"
import type { KnownDevice, TrialStep } from "../../../src/policy/trial/trial-step.ts"
import { common, control, entry, hour, iso, minute, noon, trial } from "../given.ts"
import { about, Register, step } from "./stepping.ts"

const day = 24 * hour
const sni = "api.example.org"
const ca1 = { issuing_ca: "ca", sensor_config: "c1" }
const ca2 = { issuing_ca: "ca2", sensor_config: "c1" }

const learning = (given: Partial<ControlSettings["learn"]> = {}): ControlSettings => ({
  ...control,
  mode: "learn",
  learn: { ...control.learn, ...given },
})

/** The trial of a device is decided: one step with a register. */
function confirm(
  register: Register,
  device_id: string,
  given: Partial<TrialStep> = {},
  epoch = ca1,
  tenant = common.tenant,
) {
  const now = given.now ?? noon
  const waiting = trial(
    { state: "re-inspecting", since: iso(now - minute), first_splice_at: iso(now - hour), epoch },
    {
      tenant,
      id: `trial-${device_id}-${now}`,
      scope: { device_id, client_network: "10.1.2.3/32", stack: "t13-okhttp", sni },
      created_at: iso(now - hour),
      expires_at: iso(now + day),
    },
  )
  register.entries.set(waiting.id, waiting)
  const judgement = about(device_id, sni, {
    verdict: "confirmed",
    control_strong: ["f1", "f2"],
    epoch,
    last_ms: now,
  })
  return register.step({ judgements: [judgement], ...given, now })
}

const scopes = (register: Register, now: number) =>
  register.inForce(now).map(({ scope }) => scope.device_group ?? scope.device_id)

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

t.test(
  "once enough devices of a group confirm a name, the group's entry takes the place of theirs",
  async (t) => {
    const settings = learning({ accept: true, devices: 3 })
    const register = new Register()
    confirm(register, "phone-1", { settings })
    confirm(register, "phone-2", { settings, now: noon + hour })
    t.same(scopes(register, noon + hour), ["phone-1", "phone-2"])
    const { notes } = confirm(register, "phone-3", { settings, now: noon + 2 * hour })
    t.same(scopes(register, noon + 2 * hour), ["field"])
    t.equal(
      notes.filter(({ note }) => /about the group field, takes its place/.test(note)).length,
      3,
    )
    t.match(register.inForce(noon + 2 * hour), [
      {
        scope: { device_id: null, device_group: "field", stack: null, sni, client_network: null },
        learned: { device_ids: ["phone-1", "phone-2", "phone-3"] },
        reason: /on 3 devices of field/,
      },
    ])
  },
)

t.test(
  "a group that has not opted in gets a proposal, and what holds for devices goes on",
  async (t) => {
    const register = new Register()
    const settings = learning({ devices: 2 })
    confirm(register, "phone-1", { settings })
    confirm(register, "phone-2", { settings, now: noon + hour })
    const live = register.of("learned").filter((each) => each.expires_at !== iso(noon + hour))
    t.match(live, [{ standing: "proposed", scope: { device_group: "field" } }])
    t.equal(live.length, 1, "the proposals about devices have ended")

    // As `pinsensor bypass accept` does.
    const accepted = { ...live[0], standing: "in-force" as const, owner: "ann" }
    register.entries.set(accepted.id ?? "", accepted as never)
    confirm(register, "phone-4", { settings, now: noon + 2 * hour })
    t.same(scopes(register, noon + 2 * hour), ["field"])
  },
)

t.test("a device's entry in force outlasts a mere proposal about its group", async (t) => {
  const settings = {
    ...learning({ devices: 2 }),
    groups: [{ group: "lab", hold: "splice" as const }],
  }
  const deviceOf = (id: string): KnownDevice => ({
    groups: id === "phone-1" ? ["lab", "all"] : ["all"],
    user: null,
  })
  const register = new Register()
  confirm(register, "phone-1", { settings, deviceOf })
  confirm(register, "phone-2", { settings, deviceOf, now: noon + hour })
  t.same(scopes(register, noon + hour), ["phone-1"])
  t.match(
    register.of("learned").filter(({ standing }) => standing === "proposed"),
    [{ scope: { device_id: "phone-2" } }, { scope: { device_group: "all" } }],
  )
})

t.test(
  "nothing is opened for other devices by one device, one person, another tenant or an old epoch",
  async (t) => {
    const settings = learning({ accept: true, devices: 2 })
    const rows: [name: string, run: (register: Register) => void, inForce: string[]][] = [
      [
        "the same device twice",
        (register) => {
          confirm(register, "phone-1", { settings })
          confirm(register, "phone-1", { settings, now: noon + hour })
        },
        ["phone-1"],
      ],
      [
        "two devices of one user",
        (register) => {
          const deviceOf = (id: string) => ({
            groups: ["field"],
            user: id === "phone-1" ? "Eve" : "eve",
          })
          confirm(register, "phone-1", { settings, deviceOf })
          confirm(register, "phone-2", { settings, deviceOf, now: noon + hour })
        },
        ["phone-1", "phone-2"],
      ],
      [
        "a device of another tenant",
        (register) => {
          confirm(register, "phone-9", { settings }, ca1, "other")
          confirm(register, "phone-1", { settings, now: noon + hour })
        },
        ["phone-1"],
      ],
      [
        "one confirmed under another CA",
        (register) => {
          confirm(register, "phone-1", { settings }, ca2)
          confirm(register, "phone-2", { settings, now: noon + hour })
        },
        ["phone-1", "phone-2"],
      ],
      [
        "one confirmed too long ago",
        (register) => {
          confirm(register, "phone-1", { settings, now: noon - 8 * day })
          confirm(register, "phone-2", { settings })
        },
        ["phone-2"],
      ],
      [
        "devices of different groups",
        (register) => {
          const deviceOf = (id: string) => ({ groups: [id], user: null })
          confirm(register, "phone-1", { settings, deviceOf })
          confirm(register, "phone-2", { settings, deviceOf, now: noon + hour })
        },
        ["phone-1", "phone-2"],
      ],
      [
        "a group that only has trials",
        (register) => {
          const groups = [{ group: "field", mode: "trial" as const, hold: "splice" as const }]
          confirm(register, "phone-1", { settings: { ...settings, groups } })
          confirm(register, "phone-2", { settings: { ...settings, groups }, now: noon + hour })
        },
        ["phone-1", "phone-2"],
      ],
    ]
    for (const [name, run, inForce] of rows) {
      const register = new Register()
      run(register)
      t.same(scopes(register, noon + hour), inForce, name)
    }
  },
)

t.test(
  "of several groups the one that the operator named is chosen, else the smallest",
  async (t) => {
    const settings = learning({ accept: true, devices: 2 })
    const deviceOf = () => ({ groups: ["all", "field", "north"], user: null })
    const groupSize = (group: string) => ({ all: 9_000, field: 300, north: 40 })[group] ?? 0
    const rows = [
      ["the smallest", settings, "north"],
      ["named", { ...settings, groups: [{ group: "field" }, { group: "all" }] }, "field"],
    ] as const
    for (const [name, chosen, group] of rows) {
      const register = new Register()
      const given = { settings: chosen as ControlSettings, deviceOf, groupSize }
      confirm(register, "phone-1", given)
      confirm(register, "phone-2", { ...given, now: noon + hour })
      t.same(scopes(register, noon + hour), [group], name)
    }
  },
)

t.test(
  "a further device joins what stands, and what was ended for a reason is not made again",
  async (t) => {
    const settings = learning({ devices: 2 })
    const register = new Register()
    for (const [index, device] of ["phone-1", "phone-2", "phone-3"].entries())
      confirm(register, device, { settings, now: noon + index * hour })
    const ofGroup = () => register.of("learned").filter(({ scope }) => scope.device_group !== null)
    t.match(ofGroup(), [{ learned: { device_ids: ["phone-1", "phone-2", "phone-3"] } }])
    const [proposal] = ofGroup()
    if (!proposal) throw new Error("no proposal")
    register.entries.set(proposal.id, { ...proposal, expires_at: iso(noon + 3 * hour) })
    confirm(register, "phone-4", { settings, now: noon + 4 * hour })
    t.equal(ofGroup().length, 1)
  },
)

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
