import fc from "fast-check"
import t from "tap"
import { AppEventIndex } from "../../src/identity/app-events.ts"
import { AppIndex } from "../../src/identity/apps.ts"
import { BindingIndex } from "../../src/identity/bindings.ts"
import { DeviceIndex } from "../../src/identity/devices.ts"
import { attribute, type JoinInput, joinDevice } from "../../src/identity/join.ts"
import {
  IdentitySettings,
  type JoinSettings,
  joinDefaults,
  joinSettings,
} from "../../src/identity/settings.ts"
import type { Device } from "../../src/record/device.ts"
import { app, attempt, binding, device, event, flow, posture } from "./given.ts"

const tenant = "acme"

/** Everything about one world; what a test does not give is empty. */
function input(given: Partial<JoinInput> & { device_id: string }, known: Device[] = []): JoinInput {
  return {
    attempts: [],
    flows: [],
    app_events: [],
    bindings: new BindingIndex([], { tenant }),
    devices: new DeviceIndex(known, [], { tenant }),
    apps: new AppIndex([], { tenant }),
    ...given,
  }
}

t.test("one app event attributes every connection it fits, attempts and flows alike", async (t) => {
  const evidence = joinDevice(
    input(
      {
        device_id: "phone",
        attempts: [attempt("t2", "10:00:03"), attempt("t1", "10:00"), attempt("t3", "10:30")],
        flows: [flow("f1", "10:00:04", { client_port: 50_007 })],
        app_events: [event("e1", "10:00:01", "shop", { host: "api.shop.example" })],
        bindings: new BindingIndex([binding("b1", "10.0.0.5", "phone", ["9:00", null])], {
          tenant,
        }),
      },
      [device("phone")],
    ),
  )
  t.equal(evidence.device?.device_id, "phone")
  t.same(
    evidence.attempts.map(({ fact, who }) => [fact.id, who.device, who.app, who.app_id]),
    [
      ["t1", "bound", "observed", "shop"],
      ["t2", "bound", "observed", "shop"],
      ["t3", "bound", "unknown", null],
    ],
  )
  t.same(
    evidence.flows.map(({ fact, who }) => [fact.id, who.binding_id, who.app]),
    [["f1", "b1", "observed"]],
  )
  t.same(
    evidence.app_events.map((one) => one.id),
    ["e1"],
  )
  t.match(evidence.attempts[0]?.who.because, [/b1 from dhcp/, /e1 from edr/])
})

t.test("a connection belongs to the device that had the address when it began", async (t) => {
  const bindings = new BindingIndex(
    [
      binding("b1", "10.0.0.5", "phone", ["9:00", "10:00"]),
      binding("b2", "10.0.0.5", "tablet", ["10:00", "11:00"]),
    ],
    { tenant },
  )
  const attempts = [attempt("t1", "9:59:59.999"), attempt("t2", "10:00"), attempt("t3", "12:00")]
  const ids = (device_id: string) =>
    joinDevice(input({ device_id, attempts, bindings })).attempts.map(({ fact }) => fact.id)
  t.same(ids("phone"), ["t1"])
  t.same(ids("tablet"), ["t2"])
  t.same(ids("address:10.0.0.5"), ["t3"])
})

t.test("an unbound address is its own subject, without device and posture", async (t) => {
  const evidence = joinDevice(
    input({
      device_id: "address:10.0.0.5",
      attempts: [attempt("t1", "10:00"), attempt("t2", "10:00", { client_ip: "::ffff:10.0.0.5" })],
    }),
  )
  t.equal(evidence.device, null)
  t.same(evidence.postures, [])
  t.same(
    evidence.attempts.map(({ who }) => [who.device, who.binding_id, who.profile]),
    [
      ["absent", null, "device"],
      ["absent", null, "device"],
    ],
  )
})

t.test("what the sources do not decide is blamed on no device", async (t) => {
  const rows: [name: string, bindings: [device: string, more: object][], as: string][] = [
    [
      "equal leases",
      [
        ["phone", {}],
        ["tablet", {}],
      ],
      "ambiguous",
    ],
    ["declared shared", [["phone", { shared: true }]], "shared"],
    [
      "Android and iOS at once",
      [
        ["phone", { confidence: 0.9 }],
        ["ipad", {}],
      ],
      "shared",
    ],
  ]
  const devices = new DeviceIndex(
    [device("phone"), device("tablet"), device("ipad", { platform: "ios" })],
    [],
    { tenant },
  )
  for (const [name, given, as] of rows) {
    const bindings = new BindingIndex(
      given.map(([id, more]) => binding(`b-${id}`, "10.0.0.5", id, ["9:00", null], more)),
      { tenant, platformOf: (id) => devices.platformOf(id) },
    )
    const attempts = [attempt("t1", "10:00")]
    const app_events = [event("e1", "10:00", "shop", { host: "api.shop.example" })]
    const subject = { device_id: "address:10.0.0.5", attempts, app_events, bindings, devices }
    const who = joinDevice(input(subject)).attempts[0]?.who
    t.equal(who?.device, as, name)
    t.equal(who?.app, "unknown", `${name}: an event of one of them tells nothing`)
  }
})

t.test("who logs in to the proxy breaks a tie, undoes a binding, and makes none", async (t) => {
  const devices = new DeviceIndex(
    [device("phone", { user: "ann" }), device("tablet", { user: "bob" })],
    [],
    { tenant },
  )
  const phone = binding("b1", "10.0.0.5", "phone", ["9:00", "12:00"])
  const tablet = binding("b2", "10.0.0.5", "tablet", ["9:00", "12:00"])
  const next = binding("b3", "10.0.0.5", "tablet", ["12:00", null])
  const by = (id: string, time: string, proxy_user: string | null) =>
    attempt(id, time, { proxy_user })
  const rows: [
    name: string,
    bindings: (typeof phone)[],
    attempts: ReturnType<typeof attempt>[],
    is: [as: string, binding: string | null],
  ][] = [
    [
      "a tie, and the user has one of them",
      [phone, tablet],
      [by("t1", "10:00", "ANN")],
      ["bound", "b1"],
    ],
    [
      "a tie, and a user of neither",
      [phone, tablet],
      [by("t1", "10:00", "eve")],
      ["ambiguous", null],
    ],
    [
      "a tie, and nobody logged in",
      [phone, tablet],
      [by("t1", "10:00", null)],
      ["ambiguous", null],
    ],
    [
      "two users within minutes",
      [phone],
      [by("t1", "10:00", "ann"), by("t2", "10:04", "bob")],
      ["shared", null],
    ],
    [
      "two users an hour apart",
      [phone],
      [by("t1", "10:00", "ann"), by("t2", "11:00", "bob")],
      ["bound", "b1"],
    ],
    [
      "one user in two spellings",
      [phone],
      [by("t1", "10:00", "ann"), by("t2", "10:01", "ANN")],
      ["bound", "b1"],
    ],
    [
      "two users as the lease changes hands",
      [phone, next],
      [by("t1", "11:59:59", "ann"), by("t2", "12:00:01", "bob")],
      ["bound", "b1"],
    ],
    ["a login alone", [], [by("t1", "10:00", "ann")], ["absent", null]],
  ]
  for (const [name, given, attempts, is] of rows) {
    const bindings = new BindingIndex(given, { tenant })
    const found = ["phone", "tablet", "address:10.0.0.5"]
      .flatMap(
        (device_id) => joinDevice(input({ device_id, attempts, bindings, devices })).attempts,
      )
      .find(({ fact }) => fact.id === "t1")
    t.same([found?.who.device, found?.who.binding_id], is, name)
  }
})

t.test("evidence of two tenants is never joined", async (t) => {
  const bindings = new BindingIndex([binding("b1", "10.0.0.5", "phone", ["9:00", null])], {
    tenant,
  })
  const devices = new DeviceIndex([device("phone")], [], { tenant })
  const foreign = attempt("t1", "10:00", { tenant: "other" })
  t.same(
    joinDevice(input({ device_id: "phone", attempts: [foreign], bindings, devices })).attempts,
    [],
  )
  const apps = new AppIndex([], { tenant })
  const events = new AppEventIndex([], devices, { tenant })
  const who = attribute(foreign, { bindings, devices, apps, events })
  t.equal(who.device, "absent")
  t.equal(who.device_id, "address:10.0.0.5")
})

t.test("the order in which records arrive does not matter", async (t) => {
  const attempts = Array.from({ length: 8 }, (_, i) =>
    attempt(`t${i}`, `10:0${i % 4}`, {
      client_port: 50_000 + i,
      proxy_user: i === 5 ? "bob" : null,
      connect_host: i % 2 ? "api.shop.example" : null,
    }),
  )
  const flows = [flow("f1", "10:02"), flow("f2", "10:01")]
  const app_events = [
    event("e1", "10:00", "shop", { host: "api.shop.example" }),
    event("e2", "10:01", "bank", { host: "api.shop.example" }),
    event("e3", "10:01", "shop", { host: "api.shop.example", src_port: 50_001 }),
    event("e4", "10:03", "shop", { ip: "203.0.113.10", port: 443 }),
  ]
  const given = [
    binding("b1", "10.0.0.5", "phone", ["9:00", "10:02"]),
    binding("b2", "10.0.0.5", "phone", ["9:00", "10:03"], { observed_at: "2026-11-20T10:02:00Z" }),
    binding("b3", "10.0.0.5", "tablet", ["10:03", null]),
    binding("b4", "10.0.0.5", "phone", ["10:00", null], { source: "mdm" }),
  ]
  const postures = [posture("phone", "9:00", ["shop"]), posture("phone", "10:01", ["shop", "bank"])]
  const known = [device("phone"), device("tablet"), device("phone", { id: "d2", user: "ann" })]
  const join = (order: <One>(records: One[]) => One[]) =>
    joinDevice({
      device_id: "phone",
      attempts: order(attempts),
      flows: order(flows),
      app_events: order(app_events),
      bindings: new BindingIndex(order(given), { tenant }),
      devices: new DeviceIndex(order(known), order(postures), { tenant }),
      apps: new AppIndex(order([app("shop"), app("bank")]), { tenant }),
    })
  const wanted = join((records) => records)
  t.equal(wanted.attempts.length, 6)
  const shuffles = fc.property(fc.infiniteStream(fc.nat(1_000_000)), (numbers) => {
    const found = join((records) =>
      records
        .map((record) => ({ record, place: numbers.next().value ?? 0 }))
        .sort((a, b) => a.place - b.place)
        .map(({ record }) => record),
    )
    t.strictSame(found, wanted)
  })
  fc.assert(shuffles, { numRuns: 30 })
})

t.test("the settings are durations in words, and a mistyped one is refused", async (t) => {
  t.same(joinDefaults, {
    clockToleranceMs: 2_000,
    connectToleranceMs: 5_000,
    lookupBeforeMs: 60_000,
    proxyUserWindowMs: 300_000,
    proxyAddresses: [],
    sensorAddresses: [],
    listeners: [],
    flowSkewMs: 5_000,
    portTranslation: "possible",
  })
  const given = IdentitySettings.parse({ "connect-tolerance": "10s" })
  const subject = {
    device_id: "phone",
    attempts: [attempt("t1", "10:00")],
    app_events: [event("e1", "10:00:08", "shop", { host: "api.shop.example" })],
    bindings: new BindingIndex([binding("b1", "10.0.0.5", "phone", ["9:00", null])], { tenant }),
  }
  const appWith = (settings: JoinSettings) =>
    joinDevice({ ...input(subject), settings }).attempts[0]?.who.app
  t.equal(appWith(joinSettings(given)), "observed")
  t.equal(appWith(joinDefaults), "unknown")
  t.throws(() => IdentitySettings.parse({ "connect-tolerence": "10s" }))
  t.throws(() => IdentitySettings.parse({ "connect-tolerance": 10 }))
})

t.test("postures of the device travel with its evidence, oldest first", async (t) => {
  const postures = [posture("phone", "11:00", null), posture("phone", "9:00", null)]
  const devices = new DeviceIndex([device("phone")], postures, { tenant })
  const evidence = joinDevice(input({ device_id: "phone", devices }))
  t.same(
    evidence.postures.map((one) => one.id),
    ["p-phone-9:00-device", "p-phone-11:00-device"],
  )
})
