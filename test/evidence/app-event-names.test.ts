import { join } from "node:path"
import Database from "better-sqlite3"
import t from "tap"
import { storeFile } from "../../src/evidence/database.ts"
import { migrations } from "../../src/evidence/migrations.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import type { DeviceNames } from "../../src/record/app-event.ts"
import { appEvent, dayStart } from "../support/records.ts"
import { newDir } from "./fixtures.ts"

const nobody = {
  device_id: null,
  mdm_id: null,
  serial: null,
  udid: null,
  imei: null,
  wifi_mac: null,
  user: null,
}
const always = [0, Number.MAX_SAFE_INTEGER] as const

function event(id: string, names: Partial<DeviceNames>, ms = 0) {
  return appEvent(ms, { id, event_id: id, device: { ...nobody, ip: "10.0.0.1", ...names } })
}

function found(store: Store, names: Partial<DeviceNames>): string[] {
  const { ip: _, ...asked } = { ...nobody, ip: null, ...names }
  return store.appEventsNaming(asked, ...always, 10).map(({ id }) => id)
}

const rows: [
  name: string,
  event: Partial<DeviceNames>,
  asked: Partial<DeviceNames>,
  is: boolean,
][] = [
  ["its id", { device_id: "d1" }, { device_id: "d1" }, true],
  ["a serial in other letters", { serial: "AbC1" }, { serial: "aBc1" }, true],
  [
    "a MAC written otherwise",
    { wifi_mac: "aa:bb:cc:00:11:22" },
    { wifi_mac: "AABB.CC00.1122" },
    true,
  ],
  ["a user who is not ASCII", { user: "jörg" }, { user: "JÖRG" }, true],
  ["any of its names", { serial: "s1", user: "ann" }, { user: "ann", mdm_id: "m" }, true],
  ["another's id", { device_id: "d2" }, { device_id: "d1" }, false],
  ["the same text as another sort of name", { serial: "d1" }, { device_id: "d1" }, false],
  ["nothing but an address", {}, { device_id: "d1" }, false],
]
for (const [name, names, asked, is] of rows)
  t.test(`an event that names ${name} is ${is ? "" : "not "}found`, async (t) => {
    const store = openStore(newDir(t))
    t.teardown(() => store.close())
    store.append("app-events", [event("e1", names)])
    t.strictSame(found(store, asked), is ? ["e1"] : [])
  })

t.test(
  "of more events than are wanted the newest are given, each once, oldest first",
  async (t) => {
    const store = openStore(newDir(t))
    t.teardown(() => store.close())
    const names = { device_id: "d1", serial: "s1" }
    store.append(
      "app-events",
      [2, 1, 3].map((ms) => event(`e${ms}`, names, ms)),
    )
    const asked = { ...nobody, ...names }
    const given = store.appEventsNaming(asked, ...always, 2)
    t.strictSame(
      given.map(({ id }) => id),
      ["e2", "e3"],
    )
    t.equal(
      store.appEventsNaming(asked, dayStart, dayStart + 2, 9).length,
      1,
      "up to, not including",
    )
    t.strictSame([store.appEventCount(...always, 9), store.appEventCount(...always, 2)], [3, 2])
    store.retain("app-events", dayStart + 3, 10)
    t.strictSame(found(store, names), ["e3"], "what is forgotten is named no more")
  },
)

t.test("events that were stored before are found by their names too", async (t) => {
  const dir = newDir(t)
  const old = new Database(join(dir, storeFile))
  old.exec(`CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT`)
  for (const { version, name, sql } of migrations.filter((one) => one.version < 4)) {
    old.exec(sql)
    old.prepare("INSERT INTO migrations VALUES (?, ?)").run(version, name)
  }
  const { tenant, source, event_id, ...rest } = event("e1", { serial: "ABC", user: "Jörg" })
  const body = JSON.stringify({ tenant, source, event_id, ...rest })
  old
    .prepare(
      "INSERT INTO app_events (id, observed_ms, tenant, source, event_id, body) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .run("e1", dayStart, tenant, source, event_id, body)
  old.close()
  const store = openStore(dir)
  t.teardown(() => store.close())
  t.strictSame(found(store, { serial: "abc" }), ["e1"])
  t.strictSame(found(store, { user: "jörg" }), ["e1"])
})
