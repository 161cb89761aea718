import { isDeepStrictEqual } from "node:util"
import fc from "fast-check"
import t from "tap"
import { FleetMemory } from "../../../src/analytics/fleet-memory.ts"
import { judgeDevice } from "../../../src/analytics/judge.ts"
import { BaselineMemory } from "../../../src/cli/correlator/baseline-memory.ts"
import { BypassWatch } from "../../../src/cli/correlator/bypass-watch.ts"
import { CoverageWatch } from "../../../src/cli/correlator/coverage-watch.ts"
import { FaultWatch } from "../../../src/cli/correlator/fault-watch.ts"
import { HotDevices } from "../../../src/cli/correlator/hot-devices.ts"
import { InventoryMemory } from "../../../src/cli/correlator/inventory-memory.ts"
import { joinInput } from "../../../src/cli/correlator/join-inputs.ts"
import { JudgedMemory } from "../../../src/cli/correlator/judged-memory.ts"
import { LabelMemory } from "../../../src/cli/correlator/label-memory.ts"
import { LastUsers } from "../../../src/cli/correlator/last-users.ts"
import { Learner } from "../../../src/cli/correlator/learner.ts"
import { RegisterMemory } from "../../../src/cli/correlator/register-memory.ts"
import { Rewalk } from "../../../src/cli/correlator/rewalk.ts"
import { type Suspect, Suspects } from "../../../src/cli/correlator/suspects.ts"
import { Unusable } from "../../../src/cli/correlator/unusable.ts"
import { type Config, loadConfig } from "../../../src/config.ts"
import { Follower } from "../../../src/evidence/follower.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { Store } from "../../../src/evidence/store.ts"
import { joinDevice } from "../../../src/identity/join.ts"
import type { JudgementContext } from "../../../src/record/attributed.ts"
import { newDir } from "../../evidence/fixtures.ts"
import {
  appEvent,
  attempt,
  dayStart,
  device,
  flow,
  posture,
  SECOND,
  zeekFlow,
} from "../../support/records.ts"
import { binding, whose } from "../replay/mixed-world.ts"

const phones = ["ann", "bob"]
const addresses = ["10.9.0.1", "10.9.0.2"]
const names = ["api.bank.example", "www.news.example", "cdn.maps.example"]
const apps = ["com.example.bank", "com.example.news"]

interface Step {
  kind: "attempt" | "flow" | "around" | "event" | "binding" | "posture" | "device" | "restart"
  on: number
  late: number
  phone: number
  address: number
  name: number
  refused: boolean
  user: string | null
  variant: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant("attempt" as const) },
    { weight: 3, arbitrary: fc.constantFrom("flow" as const, "around" as const) },
    { weight: 6, arbitrary: fc.constant("event" as const) },
    { weight: 2, arbitrary: fc.constantFrom("binding" as const, "posture" as const) },
    { weight: 1, arbitrary: fc.constantFrom("device" as const, "restart" as const) },
  ),
  on: fc.oneof(
    { weight: 20, arbitrary: fc.integer({ min: 1, max: 40 }) },
    { weight: 1, arbitrary: fc.constant(900) },
  ),
  late: fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.nat({ max: 900 }) },
  ),
  phone: fc.nat({ max: 1 }),
  address: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat({ max: 1 })),
  name: fc.oneof(fc.constant(0), fc.nat({ max: names.length - 1 })),
  refused: fc.boolean(),
  user: fc.oneof(
    { weight: 8, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom("ann", "bob") },
  ),
  variant: fc.nat({ max: 11 }),
})

/** The parts of a correlator that read and keep evidence, as a start makes them. */
function started(store: Store, config: Config, most: { held: number; perDevice: number }) {
  const log = () => {}
  const clock = () => dayStart
  const unusable = new Unusable(log)
  const inventory = new InventoryMemory({ store, config, clock, unusable: () => {} })
  const evidence = { store, config, inventory, unusable }
  const hot = new HotDevices({ ...evidence, clock }, most.held, most.perDevice)
  const suspects = new Suspects()
  const follower = new Follower(store)
  const bypasses = new BypassWatch({ store, config, log, clock })
  const fleet = new FleetMemory(config.analytics.scope.window)
  const baselines = new BaselineMemory({ config, store })
  const memory = new JudgedMemory(store)
  const rewalk = new Rewalk({
    ...evidence,
    log,
    clock,
    suspects,
    memory,
    labels: new LabelMemory(store, memory, () => config.analytics.labels),
    fleet,
    baselines,
    register: new RegisterMemory(store, 0),
    drifts: bypasses,
    learnFrom: (since) => learner.fleetFrom(since),
  })
  const learner: Learner = new Learner({
    ...evidence,
    rewalk,
    log,
    clock,
    follower,
    suspects,
    hot,
    fleet,
    baselines,
    faults: new FaultWatch(config, []),
    bypasses,
    coverage: new CoverageWatch({ store, config, clock }, []),
    lastUsers: new LastUsers(),
  })
  while (learner.recallSome());
  return { evidence, hot, suspects, learner, follower }
}
type Started = ReturnType<typeof started>

function contextAt(now: number): JudgementContext {
  return {
    apps: [],
    register: [],
    accepted_elsewhere: new Map(),
    stack_devices: new Map(),
    baselines: { standing: () => ({ is: "missing", why: "few devices" }), before: () => null },
    drifts: new Map(),
    sensor_fault: new Set(),
    now,
  }
}

function append(store: Store, one: Step, count: number, now: number): void {
  const ms = Math.max(0, now - one.late * SECOND)
  const id = `r${String(count).padStart(6, "0")}`
  const sni = names[one.name] ?? ""
  const phone = phones[one.phone] ?? ""
  const address = addresses[one.address] ?? ""
  const over = {
    ...whose,
    id,
    client_ip: address,
    client_port: 40_000 + (one.variant % 4),
    proxy_user: one.user,
    connect_user_agent: one.variant % 5 === 0 ? "tool/1" : null,
  }
  const at = { ...whose, id, observed_at: new Date(dayStart + ms).toISOString() }
  switch (one.kind) {
    case "attempt":
      return void store.append("attempts", [
        attempt(sni, ms, one.name === 0 && one.variant < 11 ? "refused-alert" : "accepted", over),
      ])
    case "flow":
      return void store.append("flows", [flow(sni, ms, over)])
    case "around":
      return void store.append("flows", [zeekFlow(sni, ms, { ...over, control: true })])
    case "event": {
      const of = { ...whose, id, event_id: id }
      const { device: none } = appEvent(0)
      const names =
        one.variant % 3 === 0 ? { ...none, device_id: null, serial: `S-${phone}` } : none
      const about = one.variant % 3 === 0 ? names : { ...none, device_id: phone }
      const app = { id: apps[one.variant % 2] ?? null, version: "1.0", signer_sha256: null }
      const dest = { host: sni, ip: null, port: 443, src_port: null }
      const type = one.variant % 4 === 3 ? "dns_lookup" : "network_connect"
      const event = appEvent(ms, { ...of, device: about, app, type, dest })
      return void store.append("app-events", [event])
    }
    case "binding":
      return void store.append("bindings", [
        binding(phone, address, ms - 60 * SECOND, one.variant % 2 ? ms + 300 * SECOND : null),
      ])
    case "posture":
      return void store.append("postures", [
        posture({ ...at, device_id: phone, supervised: one.refused, apps: null }),
      ])
    case "device":
      return void store.append("devices", [
        device({ ...at, device_id: phone, serial: `S-${phone}`, user: phone }),
      ])
    case "restart":
      return
  }
}

/** Every device that is due, judged by what is kept and by what is stored; null if they agree. */
function difference({ evidence, hot, suspects }: Started, perDevice: number) {
  const { window } = evidence.config.analytics.scope
  let found = 0
  for (const suspect of suspects.next(100, Number.MAX_SAFE_INTEGER)) {
    const context = contextAt(suspect.latest)
    const kept = hot.ready(suspect).judge(context).findings
    const read = oracle(evidence, suspect, window, perDevice, context)
    found += read.length
    if (!isDeepStrictEqual(kept, read)) return { suspect, kept, read, found }
  }
  return { found }
}

function oracle(
  evidence: Started["evidence"],
  suspect: Suspect,
  window: number,
  perDevice: number,
  context: JudgementContext,
) {
  const to = suspect.latest + 1
  const joined = joinDevice(joinInput(evidence, suspect, { from: to - window, to }, perDevice))
  return judgeDevice(joined, context, evidence.config.analytics).findings
}

t.test("what is kept of devices is what the store would tell of them", (t) => {
  const dir = newDir(t)
  let found = 0
  let count = 0
  const counts = { judged: 0, read: 0, reread: 0 }
  let world = 0
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 40, maxLength: 80, size: "max" }),
      fc.constantFrom(1_000_000, 60),
      (steps, held) => {
        world += 1
        const most = { held, perDevice: 1_000 }
        const config = loadConfig(null, {
          ...whose,
          data: `${dir}/${world}`,
          analytics: { scope: { window: "20m" } },
        })
        const store = openStore(config.data)
        try {
          let parts = started(store, config, most)
          let now = 3_600 * SECOND
          append(store, { ...(steps[0] as Step), kind: "device", phone: 0 }, count++, now)
          append(store, { ...(steps[0] as Step), kind: "binding", variant: 0 }, count++, now)
          for (const one of steps) {
            now += one.on * SECOND
            append(store, one, count++, now)
            if (one.kind === "restart") parts = started(store, config, most)
            parts.learner.refresh()
            parts.learner.takeNews()
            parts.follower.commit()
            const { suspect, kept, read, found: some } = difference(parts, most.perDevice)
            found += some
            counts.judged += 1
            if (!suspect) continue
            t.strictSame(kept, read, `${suspect.device_id} at ${new Date(suspect.latest)}`)
            throw new Error("they differ")
          }
          counts.read += parts.hot.counts.read
          counts.reread += parts.hot.counts.reread
        } finally {
          store.close()
        }
      },
    ),
    { numRuns: 8 },
  )
  t.ok(found > 30, `${found} findings were compared`)
  t.ok(counts.reread > 0 && counts.read < counts.judged, JSON.stringify(counts))
  t.end()
})
