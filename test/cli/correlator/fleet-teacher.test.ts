import t, { type Test } from "tap"
import { elsewhereKey, stackBaselineKey } from "../../../src/analytics/fleet-keys.ts"
import { FleetMemory } from "../../../src/analytics/fleet-memory.ts"
import { FleetTeacher } from "../../../src/cli/correlator/fleet-teacher.ts"
import { Unusable } from "../../../src/cli/correlator/unusable.ts"
import { inventory } from "../../../src/identity/inventory.ts"
import { joinSettings } from "../../../src/identity/settings.ts"
import { appEvent, attempt, dayStart, device, HOUR, stack1, stack2 } from "../../support/records.ts"
import { binding } from "../replay/mixed-world.ts"
import { ControlledWorld, whose } from "./controlled-world.ts"

const place = "pay.shop.example"

function taught(t: Test) {
  const { store, config } = new ControlledWorld(t)
  const fleet = new FleetMemory(config.analytics.scope.window)
  const from = { ...whose, client_ip: "10.9.0.1", id: "yes" }
  const accepted = attempt(place, HOUR, "accepted", from)
  store.append("attempts", [accepted])
  const current = inventory(
    {
      tenant: config.tenant,
      devices: [device({ ...whose, device_id: "ann" })],
      postures: [],
      apps: [],
      bindings: [binding("ann", "10.9.0.1", 0, null)],
    },
    joinSettings(config.identity),
  )
  const unusable = new Unusable(() => {})
  const teacher = new FleetTeacher({ store, config, fleet, inventory: { current }, unusable })
  return { store, fleet, teacher }
}

t.test("an app event that comes after the connection teaches whose acceptance it was", (t) => {
  const { store, fleet, teacher } = taught(t)
  const event = appEvent(HOUR, {
    ...whose,
    device: { ...appEvent(0).device, device_id: "ann" },
    type: "network_connect",
    app: { id: "com.example.shop", version: "1.0", signer_sha256: null },
    dest: { host: place, ip: null, port: 443, src_port: null },
  })
  const key = elsewhereKey("com.example.shop", "1.0", place)
  const asBob = fleet.acceptedElsewhere("bob", dayStart + 2 * HOUR)
  t.equal(asBob.get(key), undefined)
  store.append("app-events", [event])
  teacher.eventCame("ann", event)
  teacher.step(() => [])
  t.strictSame(asBob.get(key), ["yes"])
  t.strictSame(fleet.toldOtherwise(), ["bob"])
  t.end()
})

t.test("another tenant's device at the same address teaches nothing", (t) => {
  const { store, fleet, teacher } = taught(t)
  const stack = stack2
  const foreign = { ...whose, tenant: "other", client_ip: "10.9.0.1", stack }
  store.append("attempts", [attempt(place, HOUR, "accepted", foreign)])
  teacher.addressChanged("10.9.0.1", dayStart)
  while (teacher.step(() => []));
  const devices = fleet.stackDevices("bob", dayStart + 2 * HOUR)
  t.equal(devices.get(stackBaselineKey(stack)), undefined)
  t.equal(devices.get(stackBaselineKey(stack1)), 1, "ours does")
  t.end()
})

t.test("a lease that comes later gives a device its own acceptance, and nobody else", (t) => {
  const { store, fleet, teacher } = taught(t)
  const [accepted] = store.attemptsOf("10.9.0.1", 0, Number.MAX_SAFE_INTEGER)
  if (!accepted) throw new Error("it was stored")
  fleet.noteAttempt({
    fact: accepted,
    who: {
      device_id: "address:10.9.0.1",
      device: "absent",
      binding_id: null,
      profile: "device",
      app_id: null,
      app_version: null,
      app_signer: null,
      app: "unknown",
      because: [],
    },
  })
  const devices = () =>
    fleet.stackDevices("ann", dayStart + 2 * HOUR).get(stackBaselineKey(stack1)) ?? 0
  t.equal(devices(), 1)
  teacher.addressChanged("10.9.0.1", dayStart)
  while (teacher.step(() => []));
  t.equal(devices(), 0)
  t.end()
})
