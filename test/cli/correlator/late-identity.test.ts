/** Who was behind a connection does not depend on when we hear of leases, devices and app events. */
import fc from "fast-check"
import t from "tap"
import { InventoryMemory } from "../../../src/cli/correlator/inventory-memory.ts"
import { Correlator } from "../../../src/cli/correlator/pass.ts"
import { loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { Store } from "../../../src/evidence/store.ts"
import { AppEventIndex } from "../../../src/identity/app-events.ts"
import { attribute } from "../../../src/identity/join.ts"
import { networkBinding } from "../../../src/identity/network-binding.ts"
import { joinSettings } from "../../../src/identity/settings.ts"
import type { BindingNames } from "../../../src/record/binding.ts"
import type { RecordOf } from "../../../src/record/kinds.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { type PinnedDevice, pinnedDevice } from "../../support/pinned-device.ts"
import { appEvent, dayStart } from "../../support/records.ts"

const whose = { tenant: "acme", site: "hq" }
const hour = 3_600_000
/** In which all that is told late comes: some hours less than `scope.allowed-lateness`. */
const span = 6.5 * 24 * hour
const now = dayStart + 12 * hour
const address = "10.9.0.1"

type Given = { [K in "devices" | "postures" | "bindings" | "app-events"]: [K, RecordOf[K]] }[
  | "devices"
  | "postures"
  | "bindings"
  | "app-events"]

/** Two phones that had one address one after the other: by MAC from leases, by user from RADIUS. */
function story(mode: "explicit" | "transparent") {
  const common = { ...whose, sensor_id: "collector", v: 1 as const }
  const ann = pinnedDevice("ann", address, now - 4 * hour, whose)
  const bob = pinnedDevice("bob", address, now - 10 * 60_000, whose)
  const lease = (
    source: "dhcp" | "radius",
    names: Partial<BindingNames>,
    from: number,
    to: number,
    at = from,
  ) =>
    networkBinding(
      { common, source, confidence: 0.8 },
      { realm: null, address, names, from, to, at },
    )
  const mac = { wifi_mac: "3c:22:fb:00:00:01" }
  const facts = [ann, bob].map((phone) => seen(phone, mode))
  const told: Given[] = [
    // A lease, renewed, and released: stated three times.
    ["bindings", lease("dhcp", mac, now - 6 * hour, now - 5 * hour)],
    ["bindings", lease("dhcp", mac, now - 6 * hour, now - hour, now - 5 * hour)],
    ["bindings", lease("dhcp", mac, now - 6 * hour, now - 3 * hour, now - 3 * hour)],
    [
      "bindings",
      lease("radius", { user: "bob", wifi_mac: "da:a1:19:00:00:02" }, now - 2 * hour, now + hour),
    ],
    // A name on the guest network that inventory will never know.
    ["bindings", lease("dhcp", { wifi_mac: "da:a1:19:00:00:02" }, now - 2 * hour, now + hour)],
    ...ann.devices.flatMap((one): Given[] => [
      [
        "devices",
        { ...one, id: "ann-enrolled", observed_at: new Date(now - 20 * hour).toISOString() },
      ],
      ["devices", { ...one, ...mac }],
    ]),
    ...bob.devices.map((one): Given => ["devices", { ...one, user: "bob" }]),
    ...[...ann.postures, ...bob.postures].map((one): Given => ["postures", one]),
    ...facts.flatMap(({ events }) => events.map((one): Given => ["app-events", one])),
  ]
  return { apps: [...ann.apps, ...bob.apps], facts, told }
}

/** Behind an explicit proxy CONNECT names the app's program; else mobile EDR tells of the connections. */
function seen(phone: PinnedDevice, mode: "explicit" | "transparent") {
  const [device] = phone.devices
  const [app] = phone.apps
  const as = <Fact extends { sni: string | null; connect_user_agent: string | null }>(
    fact: Fact,
  ) =>
    mode === "explicit"
      ? { ...fact, connect_host: fact.sni }
      : { ...fact, connect_host: null, connect_user_agent: null }
  const attempts = phone.attempts.map(as)
  const flows = phone.flows.map(as)
  const events = [...attempts, ...flows].map((fact) => {
    const event = appEvent(Date.parse(fact.observed_at) - dayStart, {
      ...whose,
      type: "network_connect",
    })
    const names = { ...event.device, device_id: device?.device_id ?? null }
    const dest = { host: fact.sni, ip: null, port: 443, src_port: null }
    const id = `event-${fact.id}`
    return {
      ...event,
      id,
      event_id: id,
      device: names,
      app: { ...event.app, id: app?.app_id ?? null },
      dest,
    }
  })
  return { attempts, flows, events: mode === "explicit" ? [] : events }
}

interface Outcome {
  attributed: [string, string, string | null][]
  findings: string[]
}

/** What comes of it when it is told in these pieces, the last of them `span` late. */
function outcomeOf(
  store: Store,
  dir: string,
  mode: "explicit" | "transparent",
  pieces: readonly Given[][],
): Outcome {
  const config = loadConfig(null, { ...whose, data: dir })
  let time = now
  const clock = () => time
  const { apps, facts } = story(mode)
  const attempts = facts.flatMap((each) => each.attempts)
  const flows = facts.flatMap((each) => each.flows)
  store.append("apps", apps)
  const unusable = (id: string, error: unknown) => t.fail(`${id}: ${error}`)
  const inventory = new InventoryMemory({ store, config, clock, unusable })
  const correlator = new Correlator({ store, config, clock, log: () => {} })
  while (correlator.pass());
  store.append("attempts", attempts)
  store.append("flows", flows)
  for (const piece of [[], ...pieces]) {
    for (const [kind, record] of piece) store.append(kind, [record] as never)
    inventory.refresh()
    while (correlator.pass());
    time += Math.ceil(span / pieces.length)
  }
  const { current } = inventory
  const settings = { ...joinSettings(config.identity), tenant: whose.tenant }
  const events = new AppEventIndex(store.all("app-events"), current.devices, settings)
  return {
    attributed: [...attempts, ...flows].map((fact) => {
      const who = attribute(fact, { ...current, events })
      return [fact.id, who.device_id, who.app_id]
    }),
    findings: [...store.all("findings")]
      .filter(({ state }) => state !== "closed")
      .map(({ analytic, key, verdict, confidence, refusals }) =>
        [analytic, key.device_id, key.app_id, key.destination, verdict, confidence, refusals].join(
          " ",
        ),
      )
      .sort(),
  }
}

for (const mode of ["explicit", "transparent"] as const)
  t.test(
    `leases, devices and app events in any order, days late: one attribution, ${mode}`,
    async (t) => {
      const outcome = (pieces: readonly Given[][]) => {
        const dir = newDir(t)
        const store = openStore(dir)
        try {
          return outcomeOf(store, dir, mode, pieces)
        } finally {
          store.close()
        }
      }
      const { told } = story(mode)
      const punctual = outcome([told])
      t.same(
        new Set(
          punctual.attributed.map(([id, device, app]) => `${id.split("-")[1]} ${device} ${app}`),
        ),
        new Set(["ann phone-ann com.example.ann", "bob phone-bob com.example.bob"]),
      )
      t.equal(punctual.findings.filter((each) => each.includes("confirmed")).length, 2)
      const order = fc
        .shuffledSubarray(told, { minLength: told.length, maxLength: told.length })
        .chain((all) => fc.tuple(fc.constant(all), fc.integer({ min: 1, max: all.length })))
      fc.assert(
        fc.property(order, ([all, size]) => {
          const pieces = Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
            all.slice(index * size, (index + 1) * size),
          )
          t.same(outcome(pieces), punctual)
        }),
        { numRuns: 8 },
      )
    },
  )

t.test(
  "a device that inventory hears of later gets its earlier leases; a twin takes them back",
  async (t) => {
    const dir = newDir(t)
    const store = openStore(dir)
    t.teardown(() => store.close())
    const config = loadConfig(null, { ...whose, data: dir })
    const inventory = new InventoryMemory({ store, config, clock: () => now, unusable: () => {} })
    const common = { ...whose, sensor_id: "collector", v: 1 as const }
    const bind = (wifi_mac: string, at: string) =>
      networkBinding(
        { common, source: "dhcp", confidence: 0.8 },
        {
          realm: null,
          address: at,
          names: { wifi_mac },
          from: now - hour,
          to: null,
          at: now - hour,
        },
      )
    const [phone, twin] = ["ann", "bob"].map(
      (name) => pinnedDevice(name, address, now, whose).devices[0],
    )
    const mac = "3c:22:fb:00:00:01"
    const resolve = (at: string) =>
      inventory.current.bindings.resolve({ realm: "hq", address: at, at: now })
    const made = bind("da:a1:19:00:00:02", "10.9.0.2")
    t.same(made.flags, ["locally-administered-mac"])
    store.append("bindings", [bind(mac, address), made])
    t.same([...(inventory.refresh()?.addresses ?? [])], [address, "10.9.0.2"])
    t.match(resolve(address), {
      attribution: "absent",
      because: /not in inventory/,
      losers: [/^dhcp-/],
    })
    t.match(resolve("10.9.0.2"), { attribution: "absent", because: /randomised/ })

    if (!phone || !twin) throw new Error("no phones")
    store.append("devices", [{ ...phone, wifi_mac: mac.toUpperCase().replaceAll(":", "-") }])
    t.same(inventory.refresh()?.addresses, new Set([address]), "who was seen there is judged again")
    t.match(resolve(address), { attribution: "bound", device_id: "phone-ann" })

    store.append("devices", [{ ...twin, wifi_mac: mac }])
    const concerned = inventory.refresh()
    t.same(concerned?.addresses, new Set([address]))
    t.ok(concerned?.devices.has("phone-ann"), "the one that had it until now, too")
    t.match(resolve(address), { attribution: "absent", because: /belongs to several devices/ })
    t.same(inventory.current.bindings.ofDevice("phone-ann", 0, now), [])
    t.same(resolve("10.9.0.3").attribution, "absent")
  },
)
