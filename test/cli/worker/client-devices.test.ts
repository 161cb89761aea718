import t from "tap"
import { ClientDevices } from "../../../src/cli/worker/client-devices.ts"
import { loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { Binding } from "../../../src/record/binding.ts"
import type { Ownership } from "../../../src/record/device.ts"
import { binding, device, newDir, ten } from "../../evidence/fixtures.ts"

const hour = 3_600_000
const nobody = { device_id: null, device_groups: [] }

/** A store with these bindings and the device d-1 of the group phones, asked unless policy does not. */
function world(t: { teardown(fn: () => void): void }, bindings: readonly Binding[]) {
  const store = openStore(newDir(t))
  store.append("bindings", bindings)
  store.append("devices", [{ ...device("device-1", "d-1", ten, "ann"), groups: ["phones"] }])
  const events: string[] = []
  const config = loadConfig(null, { tenant: "acme", site: "hq" })
  const policy = { asks: true }
  const log = (_: string, event: string) => events.push(event)
  const clients = new ClientDevices(config, log, () => policy.asks)
  clients.readFrom(store)
  return { store, clients, events, policy }
}

const one = binding("b-1", "10.0.0.1", ten, ten + hour)
const another = { ...binding("b-2", "10.0.0.1", ten, ten + hour), device_id: "d-2" }
const nameless = { wifi_mac: null, serial: null, udid: null, imei: null, mdm_id: null }
const named = (user: string) => ({ ...one, device_id: null, names: { user, ...nameless } })
const rows = [
  { name: "bound by a name of its device", bindings: [named("ANN")], at: ten + 1, known: true },
  { name: "bound by a name of nobody", bindings: [named("eve")], at: ten + 1, known: false },
  { name: "bound", bindings: [one], at: ten + 1, known: true },
  { name: "bound before, not now", bindings: [one], at: ten + 2 * hour, known: false },
  { name: "bound to two devices alike", bindings: [one, another], at: ten + 1, known: false },
  { name: "shared", bindings: [{ ...one, shared: true }], at: ten + 1, known: false },
  {
    name: "another address",
    bindings: [{ ...one, address: "10.0.0.2" }],
    at: ten + 1,
    known: false,
  },
  {
    name: "in a prefix of its own",
    bindings: [{ ...one, address: "10.0.0.0/29" }],
    at: ten + 1,
    known: true,
  },
  {
    name: "in a prefix that is declared shared",
    bindings: [one, { ...one, id: "b-3", address: "10.0.0.0/8", shared: true }],
    at: ten + 1,
    known: false,
  },
  { name: "of another site", bindings: [{ ...one, site: "branch" }], at: ten + 1, known: false },
  { name: "of another tenant", bindings: [{ ...one, tenant: "other" }], at: ten + 1, known: false },
]
for (const { name, bindings, at, known } of rows)
  t.test(`who is behind an address: ${name}`, async (t) => {
    const { store, clients } = world(t, bindings)
    const own = { device_id: "d-1", device_groups: ["phones"], device_personal: false }
    const expected = known ? own : nobody
    t.strictSame(clients.of("10.0.0.1", at), expected)
    store.close()
  })

t.test(
  "a person's own phone is known by the /64 of its own, whatever address it makes up",
  async (t) => {
    const { store, clients } = world(t, [{ ...one, address: "2001:db8:0:1::/64" }])
    for (const address of ["2001:db8:0:1:8d3a::9", "2001:DB8:0:1:0:0:0:5", "2001:db8:0:1::%eth0"])
      t.match(clients.of(address, ten + 1), { device_id: "d-1" }, address)
    t.strictSame(clients.of("2001:db8:0:2::9", ten + 1), nobody)
    store.close()
  },
)

t.test("a device is a person's own as long as the newest word of inventory says so", async (t) => {
  const { store, clients } = world(t, [one])
  t.notOk(store.anyPersonalDevice("acme"))
  const own = (id: string, at: number, ownership: Ownership) => ({
    ...device(id, "d-1", at, "ann"),
    ownership,
  })
  store.append("devices", [own("device-2", ten + 1, "personal")])
  t.ok(store.anyPersonalDevice("acme"))
  t.notOk(store.anyPersonalDevice("other"))
  t.match(clients.of("10.0.0.1", ten + 1), { device_personal: true })
  store.append("devices", [own("device-3", ten + 2, "company")])
  t.notOk(store.anyPersonalDevice("acme"), "what was said before is history")
  t.match(clients.of("10.0.0.1", ten + 1_002), { device_personal: false })
  store.close()
})

t.test("nobody is asked for while policy names no device", async (t) => {
  const { store, clients, policy } = world(t, [one])
  policy.asks = false
  t.strictSame(clients.of("10.0.0.1", ten + 1), nobody)
  policy.asks = true
  t.match(clients.of("10.0.0.1", ten + 1), { device_groups: ["phones"] })
  store.close()
})

t.test("an answer is good for a second", async (t) => {
  const { store, clients } = world(t, [])
  t.strictSame(clients.of("10.0.0.1", ten + 1), nobody)
  store.append("bindings", [one])
  t.strictSame(clients.of("10.0.0.1", ten + 900), nobody)
  t.match(clients.of("10.0.0.1", ten + 1_002), { device_id: "d-1" })
  store.close()
})

t.test("a store that cannot answer knows nobody, and is told of once: fails closed", async (t) => {
  const { store, clients, events } = world(t, [one])
  store.close()
  t.strictSame(clients.of("10.0.0.1", ten + 1), nobody)
  t.strictSame(clients.of("10.0.0.2", ten + 1), nobody)
  t.strictSame(events, ["bindings-unreadable"])
})
