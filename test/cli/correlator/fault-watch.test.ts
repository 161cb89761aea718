import t, { type Test } from "tap"
import { FaultWatch } from "../../../src/cli/correlator/fault-watch.ts"
import { Correlator } from "../../../src/cli/correlator/pass.ts"
import { replay } from "../../../src/cli/replay/replay.ts"
import { loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { Attempt } from "../../../src/record/attempt.ts"
import type { Finding } from "../../../src/record/finding.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { pinnedDevice } from "../../support/pinned-device.ts"
import { attempt, by, ca2, dayStart, HOUR, MINUTE, someone } from "../../support/records.ts"

const whose = { tenant: "acme", site: "hq" }
const config = loadConfig(null, { ...whose, control: { mode: "off" } })
const { window } = config.analytics.scope
const silent = () => {}

/** Three phones, at three places each, at another sensor than the one that records pinned devices. */
function phones(ms: number, outcome: Attempt["outcome"], over: Partial<Attempt> = {}): Attempt[] {
  return [1, 2, 3].flatMap((phone) =>
    ["one", "two", "three"].map((place) =>
      attempt(`www.${place}.example`, ms, outcome, {
        ...whose,
        sensor_id: "s2",
        client_ip: `10.9.1.${phone}`,
        ...over,
      }),
    ),
  )
}
/** The sensor starts with another CA, which the phones do not trust. */
const storm = (ms: number, over: Partial<Attempt> = {}) => [
  ...phones(ms, "accepted", over),
  ...phones(ms + MINUTE, "refused-alert", { issuing_ca: ca2, ...over }),
]

function watching(attempts: readonly Attempt[]) {
  const watch = new FaultWatch(config, [])
  const note = (more: readonly Attempt[]) => {
    for (const one of more) watch.note(by(one, someone({ device_id: one.client_ip })))
  }
  note(attempts)
  return { watch, note }
}
const atFault = ({ lasting }: FaultWatch) => lasting.map(({ sensor_id }) => sensor_id)

t.test("another tenant's refusals raise no fault here, nor hide one of ours", async (t) => {
  const foreign = { tenant: "other" }
  const { watch, note } = watching(storm(0, foreign))
  watch.look(dayStart + HOUR)
  t.strictSame([atFault(watch), watch.size], [[], 0])
  note(storm(0))
  note(phones(2 * MINUTE, "accepted", { issuing_ca: ca2, ...foreign }))
  watch.look(dayStart + 2 * HOUR)
  t.strictSame(atFault(watch), ["s2"])
})

t.test("a fault ends a window after its last refusal, whatever other sensors record", async (t) => {
  const { watch, note } = watching(storm(0))
  const elsewhere = (ms: number) => phones(ms, "idle", { sensor_id: "s1" })
  const longAfter = dayStart + 2 * window
  const look = (now = longAfter) => {
    watch.look(now)
    watch.stored(watch.findings())
    return [atFault(watch), watch.silent.size]
  }
  note(elsewhere(MINUTE + window - 1))
  t.strictSame(look(), [["s2"], 1])
  note(elsewhere(MINUTE + window))
  t.strictSame(look(dayStart + HOUR), [["s2"], 1], "a record of the future ends nothing")
  const [open] = watch.findings()
  watch.look(longAfter)
  t.strictSame(watch.findings(), [{ ...open, state: "closed" }])
  t.strictSame(look(), [[], 1], "what was refused there last still says nothing")
  t.strictSame(watch.findings(), [])
  note(phones(window, "refused-alert", { issuing_ca: ca2 }))
  t.strictSame(look(longAfter + MINUTE), [["s2"], 1], "it is back, and no better")
  note(phones(window + MINUTE, "accepted", { issuing_ca: ca2 }))
  t.strictSame(look(longAfter + 2 * MINUTE), [[], 0])
})

/** What a live correlator and a replay make of a pinned device at one sensor and a storm at another. */
function judged(
  t: Test,
  over: Partial<Attempt>,
  others: readonly Attempt[],
  refusal: Partial<Attempt> = {},
) {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  const noon = dayStart + 12 * HOUR
  const bank = pinnedDevice("bank", "10.9.0.1", noon, whose)
  store.append("devices", bank.devices)
  store.append("postures", bank.postures)
  store.append("apps", bank.apps)
  store.append("bindings", bank.bindings)
  store.append("attempts", [...others])
  const moved = <Fact extends object>(fact: Fact) => ({ ...fact, ...over })
  const attempts = bank.attempts.map(moved)
  store.append(
    "attempts",
    attempts.map((one) => (one.outcome === "accepted" ? one : { ...one, ...refusal })),
  )
  store.append("flows", bank.flows.map(moved))
  let time = noon
  const live = new Correlator({ store, config, clock: () => time, log: silent })
  for (let round = 0; round < 3; round += 1) {
    while (live.pass());
    time += MINUTE
  }
  const [lane] = replay({ store, configs: [{ config, fromPhases: false }], log: silent }).lanes
  return { live: [...store.all("findings")], replayed: lane?.findings ?? [] }
}

const words = ({ analytic, state }: Finding) => `${analytic} ${state}`

const cases: Record<string, [pinned: Partial<Attempt>, storm: Partial<Attempt>, said: string[]]> = {
  "a fault at one sensor leaves what another recorded judged": [
    { sensor_id: "s1" },
    {},
    ["AN1725 open", "sensor-fault open"],
  ],
  "nobody is accused of what the sensor at fault recorded": [
    { sensor_id: "s2", issuing_ca: ca2 },
    {},
    ["sensor-fault open"],
  ],
  "a fault at the sensor of another tenant that is called the same says nothing": [
    { sensor_id: "s2", issuing_ca: ca2 },
    { tenant: "other" },
    ["AN1725 open"],
  ],
}
for (const [name, [pinned, stormOver, said]] of Object.entries(cases))
  t.test(`${name}, live and in replay`, async (t) => {
    const others = storm(10 * HOUR, stormOver)
    const { live, replayed } = judged(t, pinned, others)
    t.strictSame(live.map(words).sort(), said)
    t.strictSame(replayed.map(words).sort(), said)
  })

t.test("what another tenant's devices showed is not the fleet's: a stack stays rare", async (t) => {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  store.append("attempts", phones(10 * HOUR, "accepted", { tenant: "other" }))
  const clock = () => dayStart + 12 * HOUR
  const live = new Correlator({ store, config, clock, log: silent })
  while (live.pass());
  t.match(live.counts, { fleet_keys: 0, fault_pairs: 0 })
  store.append("attempts", phones(11 * HOUR, "accepted"))
  while (live.pass());
  t.ok(live.counts.fleet_keys > 0 && live.counts.fault_pairs > 0)
})

t.test(
  "another tenant's acceptance of what is reset here gives no doubt, one of ours does",
  async (t) => {
    const reset = { outcome: "refused-reset", alert: null } as const
    const accepted = (tenant: string) => [
      attempt("api.bank.example", 11 * HOUR, "accepted", {
        ...whose,
        client_ip: "10.9.1.1",
        tenant,
      }),
    ]
    for (const [tenant, verdict] of [
      ["other", "confirmed"],
      [whose.tenant, "probable"],
    ] as const)
      for (const [way, found] of Object.entries(judged(t, {}, accepted(tenant), reset)))
        t.strictSame(
          found.map((one) => one.verdict),
          [verdict],
          `${tenant}, ${way}`,
        )
  },
)
