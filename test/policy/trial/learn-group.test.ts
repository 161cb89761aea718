import t from "tap"
import type { ControlSettings } from "../../../src/policy/settings.ts"
import type { KnownDevice } from "../../../src/policy/trial/trial-step.ts"
import { hour, iso, noon } from "../given.ts"
import { ca1, ca2, confirm, day, learning, scopes, sni } from "./confirming.ts"
import { Register } from "./stepping.ts"

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
