/** `pinsensor erase`: a device is gone from every kind and from the bytes of the file, and stays away. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import t, { type Test } from "tap"
import { SourceKeeper } from "../../src/cli/collector/keeper.ts"
import { erase } from "../../src/cli/erase.ts"
import { storeFile } from "../../src/evidence/database.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import type { AppEvent } from "../../src/record/app-event.ts"
import { Binding } from "../../src/record/binding.ts"
import { kindNames } from "../../src/record/kinds.ts"
import { alert, finding, incident } from "../alert/samples.ts"
import { labelOn } from "../analytics/labels-given.ts"
import { appEvent, newDir, registerEntry, ten } from "../evidence/fixtures.ts"
import { attempt, device, flow, posture } from "../support/records.ts"

const tenant = "default"
const iso = (ms: number) => new Date(ms).toISOString()
const hour = 3_600_000

/** Everything by which the erased phone is called; none of it may stay. */
const own = {
  device_id: "intune:phone-of-ann",
  serial: "SERIALANN77",
  udid: "00008110-ANN",
  imei: "356938035643809",
  wifi_mac: "00:11:22:aa:bb:cc",
  user: "ann.example@acme.example",
}
const others = { device_id: "phone-of-bob", serial: "SERIALBOB88", user: "bob@acme.example" }
const traces = Object.values(own)

function bound(id: string, address: string, to: number | null, over: object): Binding {
  const when = { observed_at: iso(ten), valid_from: iso(ten), valid_to: to && iso(to) }
  const common = { tenant, site: "hq", sensor_id: "s", v: 1 }
  return Binding.parse({ ...common, id, address, source: "dhcp", ...when, ...over })
}

const event = (id: string, names: Partial<AppEvent["device"]>): AppEvent => {
  const made = appEvent(id, id)
  return { ...made, tenant, device: { ...made.device, ...names } }
}
const seenAt = (id: string, ms: number, client_ip: string) => ({
  ...attempt("api.bank.example", 0, "refused-alert"),
  id,
  tenant,
  client_ip,
  observed_at: iso(ms),
})

function given(t: Test): { dir: string; store: Store } {
  const dir = newDir(t)
  const store = openStore(dir)
  t.teardown(() => store.close())
  const at = { observed_at: iso(ten), tenant }
  store.append("devices", [
    device({ ...at, ...own, id: "dev-1" }),
    device({ ...at, ...own, id: "dev-2", observed_at: iso(ten + 1), groups: ["phones"] }),
    device({ ...at, ...others, id: "dev-3" }),
  ])
  store.append("postures", [
    posture({ ...at, id: "p-1", device_id: own.device_id }),
    posture({ ...at, id: "p-2", device_id: others.device_id }),
  ])
  store.append("bindings", [
    bound("b-1", "10.0.0.1", ten + hour, { device_id: own.device_id }),
    bound("b-2", "10.0.0.2", null, { names: mac(own.wifi_mac) }),
    bound("b-3", "10.0.0.3", null, { device_id: others.device_id }),
    // Two at once: nobody can tell whose it was.
    bound("b-4", "10.0.0.4", null, { device_id: own.device_id }),
    bound("b-5", "10.0.0.4", null, { device_id: others.device_id }),
    // An address of another within the network of its own.
    bound("b-6", "10.0.1.0/24", null, { device_id: own.device_id }),
    bound("b-7", "10.0.1.9", null, { device_id: others.device_id }),
  ])
  store.append("attempts", [
    seenAt("a-own", ten + 5, "10.0.0.1"),
    seenAt("a-after", ten + 2 * hour, "10.0.0.1"),
    seenAt("a-by-mac", ten + 5, "10.0.0.2"),
    seenAt("a-other", ten + 5, "10.0.0.3"),
    seenAt("a-ambiguous", ten + 5, "10.0.0.4"),
    seenAt("a-in-network", ten + 5, "10.0.1.8"),
    seenAt("a-other-in-network", ten + 5, "10.0.1.9"),
  ])
  store.append("flows", [
    { ...flow("x.example", 0), id: "f-own", tenant, client_ip: "10.0.0.1", observed_at: iso(ten) },
  ])
  store.append("app-events", [
    event("e-1", { serial: own.serial.toLowerCase() }),
    event("e-2", { user: own.user }),
    event("e-3", { serial: others.serial }),
  ])
  const key = { ...finding().key, device_id: own.device_id }
  const theirs = { ...key, device_id: others.device_id }
  const because = [`unlike ${own.device_id} of ${own.user}, which refused`]
  store.append("findings", [
    finding({ tenant, id: "fi-1", key }),
    finding({ tenant, id: "fi-2", key: theirs, reasons: because }),
  ])
  const both = [own.device_id, others.device_id]
  store.append("incidents", [
    incident({ tenant, id: "i-1", device_ids: [own.device_id], finding_ids: ["fi-1"] }),
    incident({
      tenant,
      id: "i-2",
      device_ids: both,
      device_count: 2,
      finding_ids: ["fi-1", "fi-2"],
      lead_finding: "fi-1",
    }),
  ])
  store.append("alerts", [
    alert({ tenant, id: "al-1", incident_id: "i-1", device_id: own.device_id, user: own.user }),
    alert({
      tenant,
      id: "al-2",
      incident_id: "i-2",
      device_id: others.device_id,
      reasons: because,
    }),
  ])
  store.enqueue("al-1", "sink", ten)
  store.enqueue("al-2", "sink", ten)
  store.putAlertState("i-2", { devices: both }, null)
  const entry = registerEntry("r-1", "api.bank.example", null)
  const scope = { ...entry.scope, device_id: own.device_id }
  store.putRegister([{ ...entry, tenant, scope }], "netops", ten)
  store.putRegister(
    [{ ...entry, tenant, id: "r-2", reason: `${own.user} cannot work` }],
    "netops",
    ten,
  )
  const label = labelOn(finding({ tenant, key }), { reason: `asked by ${own.user}` })
  store.putLabels([label, { ...label, id: "l-2", reason: "of nobody" }], "ana@desk")
  store.sources.saw("intune", tenant, both, ten)
  store.coverage.addActivity(
    tenant,
    both.map((device_id) => ({ device_id, traffic_ms: ten, event_ms: null })),
  )
  return { dir, store }
}

const mac = (wifi_mac: string) => ({
  wifi_mac,
  user: null,
  serial: null,
  udid: null,
  imei: null,
  mdm_id: null,
})

async function said(t: Test, dir: string, ...args: string[]): Promise<string> {
  const captured = t.capture(process.stdout, "write", () => true)
  try {
    erase([...args, "--data", dir])
  } finally {
    captured.restore()
  }
  return captured()
    .map(({ args: [text] }) => String(text))
    .join("")
}

const why = ["--reason", "left the company", "--on-behalf-of", "dpo"]

/** Which of the names stand in the files of the database, as bytes. */
function inFiles(dir: string, words: readonly string[]): string[] {
  const all = readdirSync(dir).map((name) => readFileSync(join(dir, name), "latin1").toLowerCase())
  return words.filter((word) => all.some((bytes) => bytes.includes(word.toLowerCase())))
}

t.test("no byte of an erased device stays in the file or its log", async (t) => {
  const { dir, store } = given(t)
  t.strictSame(inFiles(dir, traces), traces, "they are there before")
  t.match(
    await said(t, dir, own.device_id, ...why),
    /^erased \([0-9a-f]{10}\): 4 attempts, 1 flows/,
  )
  t.strictSame(inFiles(dir, traces), [])
  const ids = (kind: (typeof kindNames)[number]) => [...store.all(kind)].map(({ id }) => id)
  t.strictSame(ids("attempts").sort(), ["a-after", "a-other", "a-other-in-network"])
  t.strictSame(ids("devices"), ["dev-3"])
  t.strictSame(ids("postures"), ["p-2"])
  t.strictSame(ids("bindings").sort(), ["b-3", "b-5", "b-7"])
  t.strictSame(ids("app-events"), ["e-3"])
  t.strictSame(ids("findings"), ["fi-2"])
  t.strictSame(ids("alerts"), ["al-2"])
  t.strictSame(ids("flows"), [])
  t.match(store.get("incidents", "i-2"), {
    device_ids: [others.device_id],
    device_count: 1,
    finding_ids: ["fi-2"],
    lead_finding: "fi-2",
  })
  t.equal(store.get("incidents", "i-1"), null)
  t.match(store.get("findings", "fi-2")?.reasons[0], /^unlike erased-\w+ of erased-\w+, which/)
  t.strictSame(ids("register"), ["r-2"], "a bypass of this device alone has ended")
  t.equal(store.dueOutbox("sink", ten + 1, 10).length, 1)
  t.strictSame(
    store.coverage.activity(tenant).map(({ device_id }) => device_id),
    [others.device_id],
  )
})

t.test(
  "what only grows still checks, says what was redacted, and still finds who alters it",
  async (t) => {
    const { dir, store } = given(t)
    const { audit: before, labels } = store.check()
    await said(t, dir, own.device_id, ...why)
    const after = store.check()
    t.strictSame(after.problems, [])
    t.match(after.audit, { rows: before.rows + 1, redacted: 3 })
    t.match(after.labels, { rows: 2, redacted: 2, head: labels.head }, "the chain goes on")
    store.putLabels([{ ...labelOn(finding({ tenant })), id: "l-3" }], "ana@desk")
    t.ok(store.check().ok)
    const raw = new Database(join(dir, storeFile))
    t.throws(() => raw.exec("UPDATE labels SET body = '{}'"), /labels only grow/)
    raw.exec(`DROP TRIGGER register_audit_stays;
    UPDATE register_audit SET reason = 'nothing to see' WHERE seq = 1`)
    raw.close()
    t.match(store.check().problems, [/row 1 .* is not what was written/])
  },
)

t.test("an erased device stays away, until it is allowed to return", async (t) => {
  const { dir, store } = given(t)
  await said(t, dir, own.device_id, ...why)
  const at = { observed_at: iso(ten + hour), tenant }
  const again = device({ ...at, ...own, id: "again" })
  const enrolled = device({ ...at, device_id: "jamf:4", serial: own.serial, id: "anew" })
  const bob = device({ ...at, ...others, id: "bob" })
  const parts = { store, name: "intune", kind: "intune", tenant, clock: () => ten }
  const swept = new SourceKeeper(parts).keep({
    records: { devices: [again] },
    seen: [own.device_id, others.device_id],
  })
  t.match(swept, { added: 0, known: 0 })
  t.strictSame(inFiles(dir, traces), [], "a sweep that lists it leaves no trace")
  t.match(store.append("devices", [again, enrolled, bob]), { added: 1, erased: 2 })
  t.match(store.append("bindings", [bound("n", "10.0.0.9", null, { names: mac(own.wifi_mac) })]), {
    added: 0,
    erased: 1,
  })
  t.match(store.append("app-events", [event("late", { serial: own.serial })]), { erased: 1 })
  t.match(store.append("postures", [posture({ ...at, device_id: own.device_id })]), { erased: 1 })
  t.match(await said(t, dir, own.device_id, ...why), /was erased before .*; it stays away/)
  await said(t, dir, own.device_id, "--allow-return", ...why)
  t.match(store.append("devices", [again]), { added: 1 })
  t.match(
    await said(t, dir, "--list"),
    /done, may return {2}by .* on behalf of dpo: left the company/,
  )
})

t.test("a dry run counts and changes nothing; one that was killed goes on", async (t) => {
  const { dir, store } = given(t)
  const all = () => kindNames.flatMap((kind) => [...store.bodies(kind)])
  const before = all()
  t.match(await said(t, dir, own.device_id, ...why, "--dry-run"), /^would erase 4 attempts/)
  t.strictSame(all(), before)
  t.strictSame(store.privacy.erasures.all(), [])
  // Killed after the first steps: the attempts are gone, all else is there.
  const names = Object.entries(own).filter(([name]) => name !== "user")
  const body = { who: "x", reason: "y", counts: {} }
  const stone = { id: "begun", at_ms: ten, tenant, done: false, returns: false, body }
  store.privacy.erasures.begin(stone, names, "salt")
  store.privacy.eraseRows().drop("attempts", [1])
  t.match(await said(t, dir, own.device_id, ...why), /^erased \(begun\): 3 attempts/)
  t.strictSame(inFiles(dir, traces), [])
  t.equal(store.privacy.erasures.all().length, 1)
})

t.test("who follows the store misses nothing that comes after an erasure", async (t) => {
  const { dir, store } = given(t)
  for (const kind of ["attempts", "app-events", "flows"] as const)
    store.saveCursor(`correlator/${kind}`, store.lastSeq(kind))
  await said(t, dir, own.device_id, ...why)
  store.append("attempts", [seenAt("new", ten + 9, "10.0.0.3")])
  store.append("flows", [{ ...flow("x.example", 0), id: "new", tenant, client_ip: "10.0.0.3" }])
  store.append("app-events", [event("new", { serial: others.serial })])
  for (const kind of ["attempts", "app-events", "flows"] as const) {
    const seen = store.follow(kind, store.cursor(`correlator/${kind}`), 100)
    t.ok(
      seen.some(({ record }) => record.id === "new"),
      kind,
    )
  }
})

t.test("a device that nobody knows is not erased, and no store is made for it", async (t) => {
  const { dir } = given(t)
  t.rejects(said(t, dir, "no-such", ...why), /no record of tenant default knows the device no-such/)
  t.rejects(said(t, dir, own.device_id), /say why with --reason/)
  const empty = newDir(t)
  writeFileSync(join(empty, "other"), "")
  t.rejects(said(t, empty, "x", ...why), /there is no .*evidence.sqlite/)
  t.notOk(existsSync(join(empty, storeFile)))
})
