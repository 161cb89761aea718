import { renameSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { PolicyWatch } from "../../src/cli/policy-watch.ts"
import { loadConfig } from "../../src/config.ts"
import { openStore } from "../../src/evidence/open.ts"
import { TrialUse } from "../../src/policy/trial-use.ts"
import { newDir, registerEntry, ten } from "../evidence/fixtures.ts"
import { holds } from "../support/processes.ts"

/** A watch over the store in `dir`, and the names of what it logs. */
function watching(t: { teardown(fn: () => void): void }, dir: string) {
  const events: string[] = []
  const watch = new PolicyWatch({
    open: () => openStore(dir, { readonly: true }),
    config: loadConfig(null, { tenant: "acme", site: "hq", data: dir }),
    trials: new TrialUse(),
    log: (_, event) => events.push(event),
  })
  t.teardown(() => watch.close())
  return { watch, events }
}

const second = 1_000

t.test("a change of the register by another process is in force within a second", async (t) => {
  const dir = newDir(t)
  const other = openStore(dir)
  t.teardown(() => other.close())
  const { watch, events } = watching(t, dir)
  const empty = watch.current
  other.putRegister([registerEntry("r-1", "api.bank.example", null)], "netops", ten)
  t.ok(await holds(() => watch.current !== empty, second))
  const spliced = watch.current
  other.removeRegister("r-1", "netops", "no longer", ten)
  t.ok(await holds(() => watch.current !== spliced, second), "and so is its removal")
  t.strictSame(events, ["register-changed", "register-changed", "register-changed"])
})

t.test("what is not the register changes no policy", async (t) => {
  const dir = newDir(t)
  const other = openStore(dir)
  t.teardown(() => other.close())
  const { watch } = watching(t, dir)
  const before = watch.current
  other.saveCursor("somebody", 7)
  t.notOk(await holds(() => watch.current !== before, 500))
})

t.test(
  "a store that is not there yet leaves the configured rules in force: fails closed",
  async (t) => {
    const dir = newDir(t)
    const { watch, events } = watching(t, dir)
    t.strictSame(events, ["register-unreadable"])
    t.strictSame(watch.clients.of("10.0.0.1", ten), { device_id: null, device_groups: [] })
    const before = watch.current
    const other = openStore(dir)
    other.putRegister([registerEntry("r-1", "api.bank.example", null)], "netops", ten)
    other.close()
    t.ok(await holds(() => watch.current !== before, second), "and is read when it is there")
    t.match(events.at(-1), "register-readable")
  },
)

t.test("a store that was replaced is followed under its name", async (t) => {
  const dir = newDir(t)
  openStore(dir).close()
  const { watch } = watching(t, dir)
  renameSync(join(dir, "evidence.sqlite"), join(dir, "old.sqlite"))
  const other = openStore(dir)
  t.teardown(() => other.close())
  await holds(() => false, 400)
  const before = watch.current
  other.putRegister([registerEntry("r-1", "api.bank.example", null)], "netops", ten)
  t.ok(await holds(() => watch.current !== before, second))
})
