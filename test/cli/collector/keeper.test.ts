import t from "tap"
import { SourceKeeper } from "../../../src/cli/collector/keeper.ts"
import { openStore } from "../../../src/evidence/open.ts"
import { Device } from "../../../src/record/device.ts"
import { iso, newDir, ten } from "../../evidence/fixtures.ts"

const common = { tenant: "acme", site: "hq", sensor_id: "collector", v: 1 } as const
const phone = (id: string, ms: number, os_version: string) =>
  Device.parse({
    ...common,
    id,
    observed_at: iso(ms),
    device_id: "intune:1",
    platform: "ios",
    os_version,
  })

function given(t: Parameters<typeof newDir>[0]) {
  const dir = newDir(t)
  const store = openStore(dir)
  t.teardown(() => store.close())
  const open = () =>
    new SourceKeeper({ store, name: "mdm/main", kind: "intune", tenant: "acme", clock: () => ten })
  return { store, keeper: open(), open }
}

t.test("records and place are kept together, or neither", (t) => {
  const { store, keeper } = given(t)
  keeper.keep({ records: { devices: [phone("a", ten, "18.0")] }, place: { page: 2 } })
  t.strictSame(keeper.place(), { page: 2 })

  const broken = { ...phone("b", ten + 1, "18.1"), device_id: null } as unknown as Device
  t.throws(() => keeper.keep({ records: { devices: [broken] }, place: { page: 3 } }))
  t.strictSame(keeper.place(), { page: 2 }, "the place did not move")
  t.equal([...store.all("devices")].length, 1)
  t.throws(() => keeper.keep({ place: "x".repeat(70_000) }), /place is longer/)
  t.end()
})

t.test("a sweep of what has not changed stores nothing, and what changes back is stored", (t) => {
  const { store, keeper } = given(t)
  const say = (id: string, ms: number, version: string) =>
    keeper.keep({ records: { devices: [phone(id, ms, version)] }, seen: ["intune:1"] })
  t.match(say("a", ten, "18.0"), { added: 1, known: 0 })
  t.match(say("b", ten + 1, "18.0"), { added: 0, known: 1 })
  t.match(say("c", ten + 2, "18.1"), { added: 1, known: 0 })
  t.match(say("d", ten + 3, "18.0"), { added: 1, known: 0 })
  t.match(say("e", ten - 9, "18.0"), { added: 1 }, "older than what is in force: it is history")
  t.equal(store.device("acme", "intune:1")?.id, "d")
  t.match(store.sources.devicesSeen("acme"), [
    { source: "mdm/main", device_id: "intune:1", seen_ms: ten },
  ])
  t.end()
})

t.test("what was taken is counted over a restart, and its health starts anew", (t) => {
  const { store, keeper, open } = given(t)
  keeper.tell({ state: "ok", last_ok_at: iso(ten), progress: { done: 1, of: 2 } })
  keeper.keep({ records: { devices: [phone("a", ten, "18.0")] } })
  const again = open()
  again.keep({ records: { devices: [phone("b", ten + 1, "18.1")] } })
  const [state] = store.sources.all()
  t.match(state, {
    kind: "intune",
    health: { state: "starting", taken: 2, last_ok_at: iso(ten), progress: null },
  })
  t.equal(state?.health.newest_at, iso(ten + 1))
  t.end()
})

t.test("an id that is taken by another content is told, and the stored one stays", (t) => {
  const { store, keeper } = given(t)
  keeper.keep({ records: { devices: [phone("a", ten, "18.0")] } })
  t.strictSame(keeper.keep({ records: { devices: [phone("a", ten + 1, "19.0")] } }).conflicts, [
    "a",
  ])
  t.equal(store.device("acme", "intune:1")?.os_version, "18.0")
  t.end()
})
