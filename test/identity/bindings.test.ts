import fc from "fast-check"
import t from "tap"
import { BindingIndex } from "../../src/identity/bindings.ts"
import { DeviceIndex } from "../../src/identity/devices.ts"
import type { Binding } from "../../src/record/binding.ts"
import { binding, clock, device, ms } from "./given.ts"

const berlin = { tenant: "acme" }

function resolve(bindings: Binding[], address: string, time: string, realm = "berlin") {
  return new BindingIndex(bindings, berlin).resolve({ realm, address, at: ms(time) })
}

t.test("an address belongs to the device whose interval contains the instant", async (t) => {
  const leases = [
    binding("b1", "10.0.0.5", "one", ["10:00", "11:00"]),
    binding("b2", "10.0.0.5", "two", ["11:00", "12:00"]),
    binding("b3", "10.0.0.6", "three", ["10:00", null]),
    binding("b4", "10.0.0.7", "four", ["10:00", "11:00"], { realm: "vrf-guest" }),
    binding("b5", "::ffff:10.0.0.8", "five", ["10:00", "11:00"]),
    binding("b6", "2001:db8:0:1::/64", "six", ["10:00", "11:00"]),
    binding("b7", "2001:DB8:0:1::99", "seven", ["10:00", "10:30"]),
    binding("b8", "10.9.0.0/17", "eight", ["10:00", "11:00"]),
    binding("b9", "10.0.0.9", "nine", ["10:00", "10:00"]),
  ]
  const rows: [name: string, address: string, time: string, device: string | null][] = [
    ["inside", "10.0.0.5", "10:30", "one"],
    ["the start belongs to it", "10.0.0.5", "10:00", "one"],
    ["the last millisecond before a reuse is the old device's", "10.0.0.5", "10:59:59.999", "one"],
    ["the end of a lease is the start of the next", "10.0.0.5", "11:00", "two"],
    ["after the last lease", "10.0.0.5", "12:30", null],
    ["before the first lease", "10.0.0.5", "9:00", null],
    ["a binding without end lasts", "10.0.0.6", "23:00", "three"],
    ["an address means nothing in another realm", "10.0.0.7", "10:30", null],
    ["never bound", "10.0.0.200", "10:30", null],
    ["bound as IPv4-mapped, seen as IPv4", "10.0.0.8", "10:30", "five"],
    ["bound as IPv4, seen as IPv4-mapped", "::ffff:10.0.0.5", "10:30", "one"],
    ["IPv4-mapped in hexadecimal", "::ffff:a00:5", "10:30", "one"],
    ["any address of a device's prefix", "2001:db8:0:1:dead:beef::1", "10:30", "six"],
    ["the next prefix is not its own", "2001:db8:0:2::1", "10:30", null],
    ["the longest prefix wins", "2001:db8:0:1::99", "10:15", "seven"],
    ["a shorter prefix holds when the longer has ended", "2001:db8:0:1::99", "10:45", "six"],
    ["a prefix that ends inside a digit", "10.9.127.255", "10:30", "eight"],
    ["outside of it", "10.9.128.0", "10:30", null],
    ["an empty interval contains nothing", "10.0.0.9", "10:00", null],
    ["an interface zone is not part of the address", "2001:db8:0:1::5%wlan0", "10:30", "six"],
    ["no address at all", "proxy.example", "10:30", null],
  ]
  for (const [name, address, time, device] of rows) {
    const choice = resolve(leases, address, time)
    t.equal(choice.device_id, device, name)
    t.equal(choice.attribution, device === null ? "absent" : "bound", name)
  }
  t.equal(resolve(leases, "10.0.0.7", "10:30", "vrf-guest").device_id, "four")
})

t.test("of several devices the surest source wins, or none is named", async (t) => {
  const at: [string, string] = ["10:00", "11:00"]
  const rows: [
    name: string,
    bindings: Binding[],
    is: { device: string | null; as: string; losers: string[] },
  ][] = [
    [
      "a certificate beats a lease of higher confidence",
      [
        binding("b1", "10.0.0.5", "one", at, { source: "dhcp", confidence: 1 }),
        binding("b2", "10.0.0.5", "two", at, { source: "device-certificate", confidence: 0.5 }),
      ],
      { device: "two", as: "bound", losers: ["b1"] },
    ],
    [
      "of one source the higher confidence wins",
      [
        binding("b1", "10.0.0.5", "one", at, { confidence: 0.6 }),
        binding("b2", "10.0.0.5", "two", at, { confidence: 0.7 }),
      ],
      { device: "two", as: "bound", losers: ["b1"] },
    ],
    [
      "equal confidence for two devices names neither",
      [binding("b1", "10.0.0.5", "one", at), binding("b2", "10.0.0.5", "two", at)],
      { device: null, as: "ambiguous", losers: ["b1", "b2"] },
    ],
    [
      "two sources that agree on a device are not ambiguous",
      [
        binding("b1", "10.0.0.5", "one", at, { source: "dhcp" }),
        binding("b2", "10.0.0.5", "one", at, { source: "radius" }),
      ],
      { device: "one", as: "bound", losers: [] },
    ],
    [
      "a renewal that overlaps its lease is the same device",
      [binding("b1", "10.0.0.5", "one", at), binding("b2", "10.0.0.5", "one", ["10:20", "11:20"])],
      { device: "one", as: "bound", losers: [] },
    ],
    [
      "declared shared by the operator, whatever else is said",
      [
        binding("b1", "10.0.0.5", "one", at, { source: "device-certificate" }),
        binding("b2", "10.0.0.0/24", "nat", at, { shared: true, source: "import" }),
      ],
      { device: null, as: "shared", losers: ["b1", "b2"] },
    ],
    [
      "Android and iOS at once stand behind a NAT",
      [
        binding("b1", "10.0.0.5", "android", at, { confidence: 0.9 }),
        binding("b2", "10.0.0.5", "ios", at, { confidence: 0.5 }),
      ],
      { device: null, as: "shared", losers: ["b1", "b2"] },
    ],
    [
      "Android now and iOS by a worse source are no proof of sharing",
      [
        binding("b1", "10.0.0.5", "android", at, { source: "radius" }),
        binding("b2", "10.0.0.5", "ios", at, { source: "mdm" }),
      ],
      { device: "android", as: "bound", losers: ["b2"] },
    ],
    [
      "several proxy users at once share the address even of a certified device",
      [
        binding("b1", "10.0.0.5", "one", at, { source: "device-certificate" }),
        binding("b2", "10.0.0.5", "one", at, { source: "proxy-user" }),
        binding("b3", "10.0.0.5", "two", at, { source: "proxy-user", confidence: 0.1 }),
      ],
      { device: null, as: "shared", losers: ["b1", "b2", "b3"] },
    ],
  ]
  const platformOf = (id: string) => (id === "android" || id === "ios" ? id : "unknown")
  for (const [name, bindings, is] of rows) {
    const index = new BindingIndex(bindings, { ...berlin, platformOf })
    const choice = index.resolve({ realm: "berlin", address: "10.0.0.5", at: ms("10:30") })
    t.equal(choice.device_id, is.device, name)
    t.equal(choice.attribution, is.as, name)
    t.same([...choice.losers].sort(), is.losers, name)
  }
})

t.test("the clock tolerance helps only where nothing contains the instant", async (t) => {
  const leases = [
    binding("b1", "10.0.0.5", "one", ["10:00", "11:00"]),
    binding("b2", "10.0.0.5", "two", ["11:00:10", "12:00"]),
  ]
  const rows: [name: string, time: string, device: string | null, as: string][] = [
    ["just after the end", "11:00:01", "one", "bound"],
    ["just before the start", "11:00:08", "two", "bound"],
    ["within reach of both", "11:00:05", null, "ambiguous"],
    ["out of reach", "12:00:06", null, "absent"],
    ["a containing interval is never outvoted by a near one", "11:00:12", "two", "bound"],
    ["nor the other way round", "10:59:59", "one", "bound"],
  ]
  const index = new BindingIndex(leases, { ...berlin, clockToleranceMs: 5_001 })
  for (const [name, time, device, as] of rows) {
    const choice = index.resolve({ realm: "berlin", address: "10.0.0.5", at: ms(time) })
    t.equal(choice.device_id, device, name)
    t.equal(choice.attribution, as, name)
  }
  t.match(
    index.resolve({ realm: "berlin", address: "10.0.0.5", at: ms("11:00:01") }).because,
    /clock tolerance of 5001 ms/,
  )
})

t.test("a lasting binding is ended by a later statement of it, in any order", async (t) => {
  const open = binding("b1", "10.0.0.5", "one", ["10:00", null])
  const ended = binding("b2", "10.0.0.5", "one", ["10:00", "10:30"], {
    observed_at: clock("10:30"),
  })
  const next = binding("b3", "10.0.0.5", "two", ["10:30", null])
  for (const order of [
    [open, ended, next],
    [next, ended, open],
  ]) {
    t.equal(resolve(order, "10.0.0.5", "10:29").binding_id, "b2")
    t.equal(resolve(order, "10.0.0.5", "10:30").device_id, "two")
  }
})

t.test("a binding that comes later changes the answer about the past", async (t) => {
  const index = new BindingIndex([binding("b1", "10.0.0.5", "one", ["10:00", "11:00"])], berlin)
  const device = () =>
    index.resolve({ realm: "berlin", address: "10.0.0.5", at: ms("10:30") }).device_id
  t.equal(device(), "one")
  index.add(binding("b2", "10.0.0.5", "two", ["10:00", "11:00"], { source: "radius" }))
  t.equal(device(), "two")
  index.add(
    binding("b3", "10.0.0.5", "two", ["10:00", "10:15"], {
      source: "radius",
      observed_at: clock("12:00"),
    }),
  )
  t.equal(device(), "one", "the surer source took back the rest of its interval")
  t.same(
    index.ofDevice("two", 0, ms("23:00")).map((found) => found.id),
    ["b3"],
  )
})

t.test("bindings of another tenant, beyond the limit, or unreadable are not used", async (t) => {
  const given = [
    binding("b1", "10.0.0.5", "foreign", ["10:00", null], { tenant: "other" }),
    binding("b2", "10.0.0.6", "oldest", ["8:00", null]),
    binding("b3", "10.0.0.7", "newer", ["9:00", null]),
    binding("b4", "10.0.0.8", "newest", ["9:30", null]),
    binding("b5", "not-an-address", "nowhere", ["9:30", null]),
  ]
  const index = new BindingIndex(given, { ...berlin, limit: 2 })
  const at = ms("10:30")
  t.equal(index.resolve({ realm: "berlin", address: "10.0.0.5", at }).device_id, null)
  t.equal(index.resolve({ realm: "berlin", address: "10.0.0.6", at }).device_id, null)
  t.equal(index.resolve({ realm: "berlin", address: "10.0.0.7", at }).device_id, "newer")
  t.same(index.ofDevice("oldest", 0, at), [])
  t.same(index.dropped, { limit: 1, unreadable: 1 })
})

t.test("the bindings of a device in a span of time say where to look for its facts", async (t) => {
  const index = new BindingIndex(
    [
      binding("b3", "10.0.0.7", "one", ["12:00", null]),
      binding("b1", "10.0.0.5", "one", ["8:00", "9:00"]),
      binding("b2", "10.0.0.6", "one", ["9:00", "10:00"]),
      binding("b4", "10.0.0.8", "two", ["9:00", "10:00"]),
    ],
    berlin,
  )
  const ids = (from: string, to: string) =>
    index.ofDevice("one", ms(from), ms(to)).map((found) => found.id)
  t.same(ids("9:00", "12:00"), ["b2"])
  t.same(ids("8:30", "12:01"), ["b1", "b2", "b3"])
  t.same(index.ofDevice("nobody", 0, ms("23:00")), [])
})

t.test("the holders of an address are all devices that ever had it, by prefix too", async (t) => {
  const index = new BindingIndex(
    [
      binding("b1", "10.0.0.5", "two", ["8:00", "9:00"]),
      binding("b2", "10.0.0.5", "one", ["9:00", null]),
      binding("b3", "10.0.0.0/24", "gateway", ["9:00", null], { realm: "other" }),
      binding("b4", "2001:db8:0:1::/64", "three", ["9:00", null]),
    ],
    berlin,
  )
  t.same(index.holders("::ffff:10.0.0.5"), ["gateway", "one", "two"])
  t.same(index.holders("2001:db8:0:1::77"), ["three"])
  t.same(index.holders("192.0.2.1"), [])
})

t.test("a device held an address until its last binding of it ended", async (t) => {
  const index = new BindingIndex(
    [
      binding("b1", "10.0.0.5", "one", ["9:00", "10:00"]),
      binding("b2", "::ffff:10.0.0.5", "one", ["10:00", "11:00"]),
      binding("b3", "10.0.0.6", "one", ["12:00", "13:00"]),
      binding("b4", "10.0.0.5", "two", ["13:00", null]),
      binding("b5", "10.0.0.0/24", "gateway", ["9:00", "10:00"]),
    ],
    berlin,
  )
  t.equal(index.heldUntil("one", "10.0.0.5"), ms("11:00"))
  t.ok(index.heldUntil("two", "10.0.0.5") > ms("23:00"))
  t.equal(index.heldUntil("gateway", "10.0.0.5"), Number.POSITIVE_INFINITY, "a prefix says nothing")
  t.equal(index.heldUntil("three", "10.0.0.5"), Number.POSITIVE_INFINITY, "nor does nothing")
})

t.test("overlapping intervals are found as a plain scan finds them", async (t) => {
  const minutes = fc.integer({ min: 0, max: 600 })
  const spans = fc.array(fc.tuple(minutes, minutes), { maxLength: 40 })
  const agrees = fc.property(spans, minutes, (given, minute) => {
    const time = (m: number) => `${Math.floor(m / 60)}:${m % 60}`
    const made = given.map(([from, long], i) =>
      binding(`b${i}`, "10.0.0.5", `d${i}`, [time(from), time(from + long)], {
        confidence: i / 100,
      }),
    )
    const at = ms(time(minute))
    const holding = made.filter(
      (one) => Date.parse(one.valid_from) <= at && at < Date.parse(one.valid_to ?? ""),
    )
    const index = new BindingIndex(made, { ...berlin, clockToleranceMs: 0 })
    const choice = index.resolve({ realm: "berlin", address: "10.0.0.5", at })
    return choice.device_id === (holding.at(-1)?.device_id ?? null)
  })
  t.doesNotThrow(() => fc.assert(agrees, { numRuns: 200 }))
})

t.test("a binding by names is the device's that inventory knows by them", async (t) => {
  const at: [string, string] = ["10:00", "11:00"]
  const known = [
    device("one", { wifi_mac: "3C-22-FB-00-00-01", serial: "S1", user: "ann" }),
    device("two", { user: "bob" }),
    device("twin-a", { wifi_mac: "3c:22:fb:00:00:09" }),
    device("twin-b", { wifi_mac: "3c:22:fb:00:00:09" }),
  ]
  const devices = new DeviceIndex(known, [], berlin)
  const by = (id: string, names: object, more: object = {}) =>
    binding(id, "10.0.0.5", "", at, { ...more, device_id: null, names })
  const hardware = { wifi_mac: "3c:22:fb:00:00:01" }
  const stranger = { wifi_mac: "3c:22:fb:00:00:77" }
  const made = { wifi_mac: "da:a1:19:00:00:02" }
  const rows: [name: string, bindings: Binding[], device: string | null, because: RegExp][] = [
    ["by its MAC", [by("b1", hardware)], "one", /b1 from dhcp/],
    ["by its user", [by("b1", { user: "BOB" })], "two", /b1/],
    ["by its user and a made up MAC", [by("b1", { user: "bob", ...made })], "two", /b1/],
    [
      "by its user, whose device has another MAC",
      [by("b1", { user: "ann", ...stranger })],
      null,
      /wifi_mac is another/,
    ],
    [
      "by a MAC that inventory does not know",
      [by("b1", stranger)],
      null,
      /b1 from dhcp names no device: .*not in inventory/,
    ],
    ["by a made up MAC", [by("b1", made)], null, /randomised/],
    [
      "by a MAC of two devices",
      [by("b1", { wifi_mac: "3c:22:fb:00:00:09" })],
      null,
      /several devices/,
    ],
    [
      "two names of two devices",
      [by("b1", { ...hardware, serial: "S2", mdm_id: "x" })],
      null,
      /serial is another/,
    ],
    [
      "a made up MAC stands against no other source",
      [by("b1", made), binding("b2", "10.0.0.5", "one", at, { source: "mdm" })],
      "one",
      /b2 from mdm/,
    ],
    [
      "other hardware at the address does, for sources no surer than its own",
      [by("b1", stranger), binding("b2", "10.0.0.5", "one", at, { source: "mdm" })],
      null,
      /b1 from dhcp/,
    ],
    [
      "but not for surer ones",
      [by("b1", stranger), binding("b2", "10.0.0.5", "one", at, { source: "vpn" })],
      "one",
      /b2 from vpn/,
    ],
    [
      "nor for a device whose MAC is not known",
      [by("b1", stranger), binding("b2", "10.0.0.5", "two", at, { source: "mdm" })],
      "two",
      /b2 from mdm/,
    ],
    [
      "a lease and accounting that mean the same device",
      [by("b1", hardware), by("b2", { user: "ann" }, { source: "radius" })],
      "one",
      /b2 from radius/,
    ],
  ]
  for (const [name, bindings, deviceId, because] of rows) {
    const index = new BindingIndex(bindings, {
      ...berlin,
      deviceOf: (names) => devices.find({ ...names, device_id: null, ip: null }),
      macOf: (id) => devices.macOf(id),
    })
    const choice = index.resolve({ realm: "berlin", address: "10.0.0.5", at: ms("10:30") })
    t.equal(choice.device_id, deviceId, name)
    t.match(choice.because, because, name)
    if (deviceId === null) t.match(choice, { attribution: "absent", losers: ["b1"] }, name)
  }
})
