import { renameSync } from "node:fs"
import { join } from "node:path"
import Database from "better-sqlite3"
import t from "tap"
import { PolicyWatch } from "../../../src/cli/worker/policy-watch.ts"
import { type ConfigInput, loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import { TrialUse } from "../../../src/policy/trial/trial-use.ts"
import { binding, device, newDir, registerEntry, ten } from "../../evidence/fixtures.ts"
import { holds } from "../../support/processes.ts"

const configured = (dir: string, given: Partial<ConfigInput> = {}) =>
  loadConfig(null, { tenant: "acme", site: "hq", data: dir, ...given })

/** A watch over the store in `dir`, and what it logs. */
function watching(t: { teardown(fn: () => void): void }, dir: string) {
  const log: { event: string; fields: Record<string, unknown> }[] = []
  const watch = new PolicyWatch({
    open: () => openStore(dir, { readonly: true }),
    config: configured(dir),
    trials: new TrialUse(null),
    log: (_, event, fields) => log.push({ event, fields }),
  })
  t.teardown(() => watch.close())
  const events = () => log.map(({ event }) => event)
  return { watch, log, events, has: (id: string) => watch.current.register.has(id) }
}

function otherProcess(t: { teardown(fn: () => void): void }, dir: string) {
  const store = openStore(dir)
  t.teardown(() => store.close())
  return store
}

const second = 1_000
/** For what is not about the time that it takes: the machine may have much to do. */
const soon = 15_000
const bank = registerEntry("r-1", "api.bank.example", null)
const shop = registerEntry("r-2", "api.shop.example", null)

t.test("a change of the register by another process is in force within a second", async (t) => {
  const dir = newDir(t)
  const other = otherProcess(t, dir)
  const { watch, events, has } = watching(t, dir)
  other.putRegister([bank], "netops", ten)
  t.ok(await holds(() => has("r-1"), second))
  other.putRegister([{ ...bank, scope: { ...bank.scope, sni: "bank.example" } }, shop], "x", ten)
  t.ok(await holds(() => has("r-2"), second), "a changed one, and a new one")
  t.match(watch.current.register.get("r-1"), { scope: { sni: "bank.example" } })
  other.removeRegister("r-1", "netops", "no longer", ten)
  t.ok(await holds(() => !has("r-1"), second), "and its removal")
  t.ok(has("r-2"))
  t.strictSame(events(), Array(4).fill("register-changed"))
})

t.test("only what workers decide by is taken from a change", async (t) => {
  const dir = newDir(t)
  const other = otherProcess(t, dir)
  const { log, has } = watching(t, dir)
  other.putRegister(
    [
      { ...bank, id: "proposal", standing: "proposed" },
      { ...bank, id: "rule:x", source: "rule" },
      { ...bank, id: "ended", expires_at: "2020-01-01T00:00:00.000Z" },
      bank,
    ],
    "netops",
    ten,
  )
  t.ok(await holds(() => has("r-1"), soon))
  t.match(log.at(-1), { event: "register-changed", fields: { entries: 1, changed: 1 } })
  other.putRegister([{ ...bank, standing: "proposed" }], "netops", ten)
  t.ok(await holds(() => !has("r-1"), soon), "one that was put back to a proposal goes")
})

t.test("an entry of another tenant decides nothing, read at the start or later", async (t) => {
  const dir = newDir(t)
  const other = otherProcess(t, dir)
  other.putRegister([{ ...bank, tenant: "formerly" }], "netops", ten)
  const { has } = watching(t, dir)
  other.putRegister(
    [
      { ...shop, tenant: "formerly" },
      { ...bank, id: "r-3" },
    ],
    "netops",
    ten,
  )
  t.ok(await holds(() => has("r-3"), soon))
  t.notOk(has("r-1") || has("r-2"))
})

t.test("what seemed to have ended is in force again when the clock is set right", async (t) => {
  const right = Date.now
  t.teardown(() => {
    Date.now = right
  })
  const dir = newDir(t)
  const other = otherProcess(t, dir)
  const hour = 3_600_000
  const ending = { ...bank, expires_at: new Date(right() + hour).toISOString() }
  other.putRegister([ending], "netops", ten)
  const { has } = watching(t, dir)
  t.ok(await holds(() => has("r-1"), soon))
  Date.now = () => right() + 2 * hour
  other.putRegister([{ ...ending, reason: "touched" }], "netops", ten)
  t.ok(await holds(() => !has("r-1"), soon))
  Date.now = right
  t.ok(await holds(() => has("r-1"), soon))
})

t.test("what is not the register, or decides nothing, changes no policy", async (t) => {
  const dir = newDir(t)
  const other = otherProcess(t, dir)
  const { events } = watching(t, dir)
  other.saveCursor("somebody", 7)
  other.putRegister([{ ...bank, id: "rule:x", source: "rule" }], "config", ten)
  t.notOk(await holds(() => events().length > 1, 500))
})

t.test("with 10,000 entries in force a change of one costs below 5 ms", async (t) => {
  const dir = newDir(t)
  const other = otherProcess(t, dir)
  const entry = (index: number) => registerEntry(`e-${index}`, `api-${index}.example`, null)
  other.putRegister(
    Array.from({ length: 10_000 }, (_, index) => entry(index)),
    "import",
    ten,
  )
  const { log, has } = watching(t, dir)
  t.match(log, [{ fields: { entries: 10_000, changed: 10_000 } }])
  for (const id of [10_001, 10_002, 10_003]) {
    other.putRegister([entry(id)], "netops", ten)
    t.ok(await holds(() => has(`e-${id}`), soon))
  }
  const took = log.slice(1).map(({ fields }) => Number(fields["took_ms"]))
  // The best of three: the machine is shared.
  t.ok(Math.min(...took) < 5, `${took.join(", ")} ms`)
  t.match(log.at(-1), { fields: { entries: 10_003, changed: 1 } })
  const many = Array.from({ length: 1_000 }, (_, index) => ({ ...entry(index), owner: "ann" }))
  other.putRegister(many, "import", ten)
  t.ok(await holds(() => log.at(-1)?.fields["changed"] === 1_000, soon))
})

t.test(
  "other rules, lists and control settings hold at once, over the same register",
  async (t) => {
    const dir = newDir(t)
    otherProcess(t, dir).putRegister([bank], "netops", ten)
    const { watch, has } = watching(t, dir)
    const rule = { name: "shop", when: { "device-group": ["phones"] }, do: "splice" as const }
    const lists = { banking: { do: "splice" as const, hosts: ["*.bank.example"] } }
    const { lists: before } = watch.current
    watch.reload(configured(dir, { rules: [rule], lists, control: { mode: "off" } }))
    const now = watch.current
    t.strictSame(
      now.rules.all().map(({ value }) => value.name),
      ["shop"],
    )
    t.equal(now.control.mode, "off")
    t.ok(now.lists.size < before.size, "control off takes the shipped lists out of force")
    t.ok(now.asks_device && has("r-1"))
  },
)

t.test(
  "a store that is not there yet leaves the configured rules in force: fails closed",
  async (t) => {
    const dir = newDir(t)
    const { watch, events, has } = watching(t, dir)
    t.strictSame(events(), ["register-unreadable"])
    t.strictSame(watch.clients.of("10.0.0.1", ten), { device_id: null, device_groups: [] })
    const other = openStore(dir)
    other.putRegister([bank], "netops", ten)
    other.close()
    t.ok(await holds(() => has("r-1"), soon), "and is read when it is there")
    t.match(events().at(-1), "register-readable")
  },
)

t.test("a store that was replaced is followed under its name", async (t) => {
  const dir = newDir(t)
  const first = openStore(dir)
  first.putRegister([bank], "netops", ten)
  first.close()
  const { has } = watching(t, dir)
  t.ok(has("r-1"))
  renameSync(join(dir, "evidence.sqlite"), join(dir, "old.sqlite"))
  const other = otherProcess(t, dir)
  t.ok(await holds(() => !has("r-1"), soon), "what was in the old one is gone")
  other.putRegister([shop], "netops", ten)
  t.ok(await holds(() => has("r-2"), soon))
})

t.test("a register with fewer changes than are known is read anew", async (t) => {
  const dir = newDir(t)
  const before = newDir(t)
  const old = openStore(before)
  old.putRegister([shop], "netops", ten)
  old.close()
  const other = openStore(dir)
  other.putRegister([bank], "netops", ten)
  other.putRegister([{ ...bank, id: "r-3" }], "netops", ten)
  other.close()
  const { has } = watching(t, dir)
  t.ok(has("r-1") && has("r-3"))
  // As a backup is put back while the sensor runs: into the same file.
  const backup = new Database(join(before, "evidence.sqlite"))
  await backup.backup(join(dir, "evidence.sqlite"))
  backup.close()
  t.ok(await holds(() => has("r-2") && !has("r-1"), soon))
})

t.test("whose an address is, is asked from the first personal device on", async (t) => {
  const dir = newDir(t)
  const other = otherProcess(t, dir)
  const now = Date.now()
  other.append("bindings", [binding("b-1", "10.0.0.1", now - 60_000, now + 60_000)])
  const { watch } = watching(t, dir)
  t.match(watch.clients.of("10.0.0.1", now), { device_id: null }, "nobody is asked")
  other.append("devices", [{ ...device("device-1", "d-1", now, "ann"), ownership: "personal" }])
  t.ok(await holds(() => watch.clients.of("10.0.0.1", Date.now()).device_personal === true, soon))
  watch.reload(configured(dir, { privacy: { "personal-devices": "inspect" } }))
  t.match(watch.clients.of("10.0.0.1", Date.now()), { device_id: null }, "nobody is asked again")
})
