import t from "tap"
import { DeviceIndex } from "../../src/identity/devices.ts"
import { DeviceNames } from "../../src/record/app-event.ts"
import { clock, device, ms, posture } from "./given.ts"

const inventory = [
  device("one", {
    mdm_id: "m-1",
    serial: "S1",
    udid: "u-1",
    imei: "350000000000001",
    wifi_mac: "3c:22:fb:00:00:01",
    user: "ann",
  }),
  device("two", { mdm_id: "m-2", serial: "S2", wifi_mac: "ae:22:fb:00:00:02", user: "bob" }),
  device("three", { mdm_id: "m-3", user: "bob" }),
  device("twin-a", { serial: "DUP", mdm_id: "m-4" }),
  device("twin-b", { serial: "DUP" }),
  device("elsewhere", { tenant: "other", serial: "S9" }),
]

t.test("an app event is of the device that all its names point to", async (t) => {
  const index = new DeviceIndex(inventory, [], { tenant: "acme" })
  const rows: [name: string, names: object, device: string | null, because: RegExp][] = [
    ["by our own key", { device_id: "one" }, "one", /device_id/],
    ["by our own key, though inventory has not met it", { device_id: "new" }, "new", /device_id/],
    ["by MDM id", { mdm_id: "m-2" }, "two", /mdm_id/],
    ["by MDM id in other case", { mdm_id: "M-2" }, "two", /mdm_id/],
    ["by serial", { serial: "s1" }, "one", /serial/],
    ["by UDID", { udid: "U-1" }, "one", /udid/],
    ["by IMEI", { imei: "350000000000001" }, "one", /imei/],
    ["by hardware MAC", { wifi_mac: "3C-22-FB-00-00-01" }, "one", /wifi_mac/],
    ["a randomised MAC names nobody", { wifi_mac: "ae:22:fb:00:00:02" }, null, /randomised/],
    ["a malformed MAC names nobody", { wifi_mac: "zz" }, null, /malformed/],
    ["a user with one device", { user: "Ann" }, "one", /user/],
    ["a user with two devices names neither", { user: "bob" }, null, /no device or several/],
    ["a user is not asked where another name tells", { user: "ann", mdm_id: "m-2" }, "two", /mdm/],
    ["names that agree", { mdm_id: "m-1", serial: "S1", imei: "350000000000001" }, "one", /mdm_id/],
    ["names of two devices", { mdm_id: "m-1", serial: "S2" }, null, /different devices/],
    ["our key and another's serial", { device_id: "one", serial: "S2" }, null, /different devices/],
    ["an unknown name beside a known one", { mdm_id: "m-2", imei: "1" }, "two", /mdm_id/],
    ["another serial than the device's own", { mdm_id: "m-1", serial: "S7" }, null, /serial is an/],
    ["a serial of two devices names neither", { serial: "DUP" }, null, /several devices/],
    ["but does not spoil a better name", { serial: "DUP", mdm_id: "m-4" }, "twin-a", /mdm_id/],
    ["a device of another tenant", { serial: "S9" }, null, /not in inventory/],
    ["an address alone is no name", { ip: "10.0.0.5" }, null, /names no device/],
    ["nothing", {}, null, /names no device/],
  ]
  for (const [name, names, wanted, because] of rows) {
    const match = index.find(DeviceNames.parse(names))
    t.equal(match.device_id, wanted, name)
    t.match(match.because, because, name)
  }
})

t.test("the latest record of a device is the device, in whatever order records come", async (t) => {
  const old = device("one", { serial: "OLD", observed_at: clock("1:00") })
  const now = device("one", { serial: "NOW", observed_at: clock("2:00") })
  for (const order of [
    [old, now],
    [now, old],
  ]) {
    const index = new DeviceIndex(order, [], { tenant: "acme" })
    t.equal(index.get("one")?.serial, "NOW")
    t.equal(index.find(DeviceNames.parse({ serial: "OLD" })).device_id, null)
  }
})

t.test("a name that a device gives up names it no longer, and another again", async (t) => {
  const index = new DeviceIndex(
    [device("one", { serial: "A" }), device("two", { serial: "A" })],
    [],
    {
      tenant: "acme",
    },
  )
  const bySerial = (serial: string) => index.find(DeviceNames.parse({ serial })).device_id
  t.equal(bySerial("A"), null)
  index.add(device("two", { serial: "B", observed_at: clock("2:00") }))
  t.equal(bySerial("A"), "one")
  t.equal(bySerial("B"), "two")
  index.add(device("two", { serial: "A", observed_at: clock("1:00") }))
  t.equal(bySerial("A"), "one", "an older record changes nothing")
})

t.test("devices beyond the limit are dropped and counted", async (t) => {
  const index = new DeviceIndex([device("one"), device("two"), device("one")], [], {
    tenant: "acme",
    limit: 1,
  })
  t.equal(index.get("one")?.device_id, "one")
  t.equal(index.get("two"), null)
  t.equal(index.dropped, 1)
})

t.test("the posture in force is the last one not after the time, of each profile", async (t) => {
  const postures = [
    posture("one", "12:00", null, { profile: "work" }),
    posture("one", "10:00", null),
    posture("one", "11:00", null),
    posture("two", "9:00", null),
    posture("one", "9:00", null, { tenant: "other" }),
  ]
  const { postures: history } = new DeviceIndex([], postures, { tenant: "acme" })
  const at = (time: string) => history.inForce("one", ms(time)).map((p) => p.observed_at)
  t.same(at("9:59:59.999"), [])
  history.add(posture("one", "9:30", null))
  t.same(at("9:59:59.999"), [clock("9:30")], "one that came late holds for its time")
  t.same(at("10:00"), [clock("10:00")])
  t.same(at("10:59:59.999"), [clock("10:00")])
  t.same(at("11:00"), [clock("11:00")])
  t.same(at("13:00").sort(), [clock("11:00"), clock("12:00")])
  t.same(
    history.of("one").map((p) => p.observed_at),
    [clock("9:30"), clock("10:00"), clock("11:00"), clock("12:00")],
  )
})

t.test("a group counts the devices that are in it now, of its tenant", async (t) => {
  const index = new DeviceIndex(
    [
      device("one", { groups: ["field", "all"] }),
      device("two", { groups: ["all"] }),
      device("elsewhere", { tenant: "other", groups: ["all"] }),
    ],
    [],
    { tenant: "acme" },
  )
  t.same([index.groupSize("all"), index.groupSize("field"), index.groupSize("lab")], [2, 1, 0])
  const later = device("one", { groups: ["lab"], observed_at: "2099-01-01T00:00:00.000Z" })
  index.add(later)
  t.same([index.groupSize("all"), index.groupSize("field"), index.groupSize("lab")], [1, 0, 1])
})
