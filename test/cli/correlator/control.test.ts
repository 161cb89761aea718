/** Trials and what is learned, from facts in a store to the register, over restarts. */
import t from "tap"
import type { RegisterEntry } from "../../../src/record/register-entry.ts"
import { ca2, dayStart, stack2 } from "../../support/records.ts"
import { ControlledWorld, hour, minute, target } from "./controlled-world.ts"

const address = "10.9.0.1"
const day = 24 * hour
const stateOf = (entry: RegisterEntry) => entry.trial?.state

t.test("a restart in each state goes on where it was, and counts each use once", (t) => {
  const world = new ControlledWorld(t, { control: { hold: "splice" } })
  world.phone("phone-1", address)
  world.suspected(address)
  world.settle(world.correlator())
  t.equal(stateOf(world.only("trial")), "armed")
  world.settle(world.correlator())
  t.equal(world.entries("trial").length, 1, "armed once")

  world.now += minute
  world.spliced(address, world.only("trial"))
  world.settle(world.correlator())
  t.match(world.only("trial"), { hits: 1, bytes: 9_900, trial: { state: "splicing" } })
  world.settle(world.correlator())
  t.match(world.only("trial"), { hits: 1, bytes: 9_900 }, "the uses are not counted again")

  world.now += 20_000
  world.spliced(address, world.only("trial"))
  world.settle(world.correlator())
  t.match(
    world.only("trial"),
    { hits: 2, trial: { state: "re-inspecting", connections: 2, bytes: 19_800 } },
    "two control flows are enough",
  )

  world.now += minute
  world.attempt(address, target, "refused-alert")
  world.settle(world.correlator())
  t.match(world.only("trial"), { trial: { state: "holding", hold: "splice" } })
  t.match(world.only("learned"), { standing: "in-force", scope: { device_id: "phone-1" } })
  world.settle(world.correlator())
  t.equal(world.entries("learned").length, 1)
  const acts = world.store.registerAudit(0, 100).map(({ what, reason }) => `${what}: ${reason}`)
  t.equal(acts.length, 5, acts.join("\n"))
  t.match(acts[1], /^changed: splicing/)
  t.match(acts[3], /^changed: confirmed: the group's policy is splice/)
  t.end()
})

t.test("twenty connections change the entry twice, and the audit with it", (t) => {
  const world = new ControlledWorld(t)
  world.phone("phone-1", address)
  world.suspected(address)
  const one = world.correlator()
  world.settle(one)
  for (let count = 0; count < 20; count += 1) {
    // Short of being a control flow, so that only the caps end it.
    world.spliced(address, world.only("trial"), { verdict: "sent-only", strong: false })
    world.settle(one, 1_000)
  }
  t.match(world.only("trial"), { hits: 20, trial: { state: "re-inspecting", connections: 20 } })
  t.equal(world.store.registerAudit(0, 100).length, 3)
  t.end()
})

t.test("what a person does to an entry is not overwritten by what was judged meanwhile", (t) => {
  const world = new ControlledWorld(t, { control: { mode: "learn", learn: { accept: true } } })
  world.phone("phone-1", address)
  const entry = learnedWeekAgo(world)
  const one = world.correlator()
  world.settle(one)
  // A re-test is due; a moment before the commit of the pass a person ends the entry.
  const { store } = world
  const transaction = store.transaction.bind(store)
  let ended: string | null = null
  store.transaction = <T>(work: () => T): T => {
    if (ended === null) {
      ended = new Date(world.now).toISOString()
      const act = { what: "removed", reason: "not this one" } as const
      store.putRegister([{ ...entry, expires_at: ended }], "ann@desk", world.now, act)
    }
    return transaction(work)
  }
  world.settle(one, minute)
  t.match(world.only("learned"), { expires_at: ended, learned: { retest: null } })
  t.same(
    store.registerAudit(0, 100).map(({ what, who }) => `${what} by ${who}`),
    ["added by correlator", "removed by ann@desk"],
  )
  t.end()
})

t.test("shared and unbound addresses, a second stack, a binding that moves on", (t) => {
  const world = new ControlledWorld(t)
  world.phone("phone-1", address)
  world.suspected(address)
  world.suspected("10.9.0.99")
  world.phone("phone-2", "10.9.0.2")
  world.bind("phone-2", "10.9.0.2", true)
  world.suspected("10.9.0.2")
  const one = world.correlator()
  world.settle(one)
  t.equal(world.only("trial").scope.device_id, "phone-1", "neither unbound nor shared addresses")

  // Another stack behind the same address is judged, and earns a trial, by itself.
  world.suspected(address, target, { stack: stack2, connect_user_agent: null })
  world.settle(one)
  t.equal(world.entries("trial").filter(({ scope }) => scope.stack === stack2).length, 0)

  // The address is given to another device: what that one shows is not phone-1's.
  world.now += hour
  world.phone("phone-3", address)
  world.now += 2 * hour
  world.attempt(address, target, "accepted")
  world.settle(one)
  t.match(world.entries("trial"), [{ scope: { device_id: "phone-1" }, trial: { state: "armed" } }])
  t.end()
})

/** Something was learned of a group nearly a week ago. */
function learnedWeekAgo(world: ControlledWorld): RegisterEntry {
  const { tenant, site } = world.config
  const entry: RegisterEntry = {
    tenant,
    site,
    sensor_id: "s1",
    v: 1,
    id: "learned-1",
    observed_at: new Date(world.now - 6 * day).toISOString(),
    kind: "learned",
    source: "register",
    standing: "in-force",
    scope: {
      device_id: null,
      device_group: "field",
      client_network: null,
      stack: null,
      sni: target,
      destination_network: null,
    },
    declared: null,
    owner: "pinsensor",
    reason: "learned",
    evidence_ids: [],
    created_at: new Date(world.now - 6 * day).toISOString(),
    expires_at: new Date(world.now + day + minute).toISOString(),
    review_at: null,
    hits: 0,
    bytes: 0,
    last_hit_at: null,
    trial: null,
    learned: { device_ids: ["phone-1", "phone-2"], retest: null, renewals: 0 },
  }
  world.store.putRegister([entry], "correlator", world.now)
  return entry
}

t.test(
  "a re-test takes the device that used it last; its refusal renews, its acceptance ends",
  (t) => {
    for (const outcome of ["refused-alert", "accepted"] as const) {
      const world = new ControlledWorld(t, { control: { mode: "learn", learn: { accept: true } } })
      world.phone("phone-1", address)
      world.phone("phone-2", "10.9.0.2")
      const entry = learnedWeekAgo(world)
      world.spliced(address, entry)
      world.now += 20_000
      world.spliced("10.9.0.2", entry)
      const one = world.correlator()
      world.settle(one)
      t.match(world.only("learned").learned, { retest: null }, "not yet")
      world.settle(one, minute)
      t.match(world.only("learned"), { hits: 2, learned: { retest: { device_id: "phone-2" } } })

      world.now += minute
      world.attempt("10.9.0.2", target, outcome)
      world.settle(one)
      const last = () => world.store.registerAudit(0, 100).at(-1)
      if (outcome === "accepted") {
        t.match(world.only("learned").learned, { retest: { device_id: "phone-2" } }, "for an hour")
        // Judged again with anything that the device does.
        world.now += hour
        world.attempt("10.9.0.2", target, outcome)
        world.settle(one)
        t.match(last(), { what: "changed", reason: /accepts the inspection certificate now/ })
        t.ok(Date.parse(world.only("learned").expires_at ?? "") <= world.now)
      } else {
        t.match(last(), { what: "renewed", reason: /phone-2 still refuses/ })
        t.match(world.only("learned").learned, { retest: null, renewals: 1 })
      }
    }
    t.end()
  },
)

t.test("an app that stays broken is told once a day, with what can be done", (t) => {
  const world = new ControlledWorld(t, { control: { "broken-at-most": "30m", "splice-for": "1m" } })
  world.phone("phone-1", address)
  world.suspected(address)
  const one = world.correlator()
  for (let times = 0; times < 20; times += 1) {
    world.now += 5 * minute
    world.attempt(address, target, "refused-alert")
    world.settle(one)
  }
  t.match(world.told("app-broken-long"), [
    {
      device_id: "phone-1",
      sni: target,
      verdict: "suspected",
      since: new Date(dayStart + 12 * hour + minute).toISOString(),
      why: /bypass add/,
    },
  ])
  t.equal(world.told("app-broken-long").length, 1)
  t.end()
})

t.test(
  "under hold: splice no app that works when spliced stays broken beyond the time, though nobody comes",
  (t) => {
    const world = new ControlledWorld(t, {
      control: { hold: "splice", "broken-at-most": "2h", "per-key-a-day": 1 },
    })
    world.phone("phone-1", address)
    world.suspected(address)
    const began = world.now - 2 * minute
    const one = world.correlator()
    world.settle(one)
    world.spliced(address, world.only("trial"))
    world.settle(one)
    // One control flow and a refusal: no second trial today, so it cannot be confirmed.
    world.now += 3 * minute
    world.attempt(address, target, "refused-alert")
    world.settle(one)
    t.match(world.only("trial"), { trial: { state: /cooling|re-inspecting/ } })
    while (world.entries("learned").length === 0 && world.now < began + 3 * hour)
      world.settle(one, minute)
    t.ok(
      world.now - began <= 2 * hour + 2 * minute,
      `after ${(world.now - began) / minute} minutes`,
    )
    t.match(world.only("learned"), {
      standing: "in-force",
      reason: /^learned, not confirmed: .* since /,
      scope: { device_id: "phone-1" },
    })
    t.end()
  },
)

t.test("a group's policy that is reloaded rules from the next pass on", (t) => {
  const world = new ControlledWorld(t)
  world.phone("phone-1", address)
  world.suspected(address)
  const one = world.correlator()
  world.settle(one)
  t.equal(stateOf(world.only("trial")), "armed")
  const { control } = world.config
  Object.assign(world.config, {
    control: { ...control, groups: [{ group: "field", mode: "off" }] },
  })
  world.settle(one)
  t.match(world.only("trial"), { trial: { state: "cooling" } })
  t.end()
})

t.test("once a day what needs a person is told, and what ended long ago goes", (t) => {
  const world = new ControlledWorld(t)
  const old = { ...learnedWeekAgo(world), owner: "ann", standing: "proposed" as const }
  const gone = new Date(world.now - 401 * day).toISOString()
  world.store.putRegister([old, { ...old, id: "learned-0", expires_at: gone }], "ann", world.now)
  const one = world.correlator()
  world.settle(one)
  world.settle(one)
  t.match(world.told("register-needs-review"), [{ entry_id: "learned-1", flags: ["PROPOSED"] }])
  t.equal(world.told("register-needs-review").length, 1)
  t.same(
    world.entries("learned").map(({ id }) => id),
    ["learned-1"],
  )
  world.settle(one, day - minute)
  t.equal(world.told("register-needs-review").length, 1)
  world.settle(one, 2 * minute)
  world.settle(one)
  t.end()
})

/** Orders in which the storm's refusals arrive: each its worst for somebody. */
const orders = {
  "device by device": (device: number, place: number, round: number) => [device, place, round],
  "place by place": (device: number, place: number, round: number) => [place, device, round],
  "round by round": (device: number, place: number, round: number) => [round, device, place],
  mixed: (device: number, place: number, round: number) => [
    (device * 7919 + place * 104_729 + round * 1_299_709) % 10_007,
  ],
}
/** `PINSENSOR_STORM=2000` for the figure in docs/trials.md. */
const storm = { devices: Number(process.env["PINSENSOR_STORM"] ?? 24), places: 5, rounds: 3 }

for (const [name, order] of Object.entries(orders))
  t.test(`a storm after a change of CA is a fault, not thousands of trials: ${name}`, (t) => {
    const world = new ControlledWorld(t)
    const addressOf = (index: number) => `10.9.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`
    const places = Array.from({ length: storm.places }, (_, index) => `api${index}.example`)
    const numbers = Array.from({ length: storm.devices }, (_, index) => index)
    for (const index of numbers) world.phone(`phone-${index}`, addressOf(index))
    for (const index of numbers.slice(0, 200))
      for (const place of places) world.attempt(addressOf(index), place, "accepted")
    const one = world.correlator()
    world.settle(one)

    world.now += minute
    const began = world.now
    const some = { issuing_ca: ca2 }
    // The worst that can be: every app trusts the new CA elsewhere, so each refusal could be a pin.
    for (const index of numbers)
      for (const place of ["www.news.example", "cdn.maps.example"])
        world.attempt(addressOf(index), place, "accepted", some)
    const refusals = numbers
      .flatMap((device) =>
        places.flatMap((place, at) =>
          Array.from({ length: storm.rounds }, (_, round) => ({
            device,
            place,
            round,
            rank: order(device, at, round),
          })),
        ),
      )
      .sort((a, b) => compare(a.rank, b.rank))
    // A connection's own time is its round; it arrives in the given order, some at a time.
    const batch = Math.ceil(refusals.length / 15)
    for (let from = 0; from < refusals.length; from += batch) {
      world.store.transaction(() => {
        for (const { device, place, round } of refusals.slice(from, from + batch))
          world.attempt(addressOf(device), place, "refused-alert", {
            ...some,
            observed_at: new Date(began + round * minute).toISOString(),
          })
      })
      world.settle(one, 2_000)
    }
    world.settle(one, 2_000)
    const trials = world.entries("trial")
    const open = trials.filter(
      ({ trial }) => trial?.state === "armed" || trial?.state === "splicing",
    )
    t.comment(
      `${storm.devices} devices x ${storm.places}: ${trials.length} trials, ${open.length} open`,
    )
    t.ok(trials.length <= world.config.control["fleet-an-hour"], `${trials.length} trials`)
    t.same(open, [], "none is left open")
    t.equal(world.told("sensor-fault").length, 1)
    t.end()
  })

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((each, index) => each !== b[index])
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}
