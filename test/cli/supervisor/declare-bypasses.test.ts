import t from "tap"
import { DeclaredBypasses, declareIn } from "../../../src/cli/supervisor/declare-bypasses.ts"
import { type ConfigInput, loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import { newDir, registerEntry, ten } from "../../evidence/fixtures.ts"
import { holds } from "../../support/processes.ts"

const push = { name: "push", when: { sni: ["push.example"] }, do: "splice" as const }
const config = (given: Partial<ConfigInput>) =>
  loadConfig(null, {
    tenant: "acme",
    site: "hq",
    "sensor-id": "s",
    ca: { "on-expired": "block" },
    ...given,
  })
const lists = { health: { do: "splice" as const, hosts: ["*.clinic.example"] } }
const later = ten + 1_000

t.test("what is declared stands in the register until the configuration drops it", async (t) => {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  store.putRegister([registerEntry("r-1", "api.bank.example", null)], "netops", ten)
  const declare = (given: Partial<ConfigInput>, now: number) =>
    declareIn(
      store,
      config({ lists: { "captive-portal": { do: "inspect" } }, ...given }),
      "/etc/p.yaml",
      now,
    )
  const mine = () =>
    [...store.all("register")].filter(({ id }) => /^rule:|^list:health|^setting/.test(id))

  const first = config({ rules: [push], lists })
  declareIn(store, first, "/etc/p.yaml", ten)
  t.match(
    mine().map(({ id, owner, created_at }) => ({ id, owner, created_at })),
    [
      { id: "rule:push", owner: "config /etc/p.yaml", created_at: new Date(ten).toISOString() },
      { id: "list:health", owner: "config /etc/p.yaml" },
    ],
  )
  const seq = store.registerAuditSeq()
  t.match(declareIn(store, first, "/etc/p.yaml", later), { changed: 0, removed: 0 })
  t.equal(store.registerAuditSeq(), seq, "what has not changed writes nothing")

  declareIn(store, config({ rules: [{ ...push, owner: "ann" }], lists }), "/etc/p.yaml", later)
  t.match(store.registerAudit(seq, 10), [
    { entry_id: "rule:push", what: "changed", who: "config", reason: /^\/etc\/p.yaml, revision / },
  ])
  t.match(store.get("register", "rule:push"), {
    owner: "ann",
    created_at: new Date(ten).toISOString(),
  })

  declare({ rules: [] }, later)
  const ended = { expires_at: new Date(later).toISOString() }
  t.match(mine(), [
    { id: "rule:push", ...ended },
    { id: "list:health", ...ended },
  ])
  t.match(store.get("register", "r-1"), { expires_at: null }, "entries of the register itself stay")
  t.match(store.registerAudit(seq + 1, 10).slice(0, 1), [
    { what: "removed", who: "config", reason: /^not in \/etc\/p.yaml, revision / },
  ])
})

t.test(
  "what passed by a rule stays known when the rule is taken out, and put in again",
  async (t) => {
    const store = openStore(newDir(t))
    t.teardown(() => store.close())
    const hit = (event: "open" | "close", part: string, bytes: number) => ({
      entry_id: "rule:push",
      at_ms: later,
      event,
      sensor_id: "s",
      connection_id: `c${part}`,
      bytes,
    })
    const use = () => {
      const { hits, bytes, expires_at } = store.get("register", "rule:push") ?? {}
      return { hits, bytes, ended: expires_at !== null }
    }
    declareIn(store, config({ rules: [push] }), null, ten)
    store.useRegister([hit("open", "", 0), hit("close", "/1", 100)])
    t.match(declareIn(store, config({}), null, later), { removed: 1 })
    t.match(declareIn(store, config({}), null, later), { removed: 0 }, "it ends once")
    store.useRegister([hit("close", "", 5_000)])
    t.strictSame(use(), { hits: 1, bytes: 5_100, ended: true }, "a connection outlasts its rule")
    t.match(declareIn(store, config({ rules: [push] }), null, later), { changed: 1 })
    t.strictSame(use(), { hits: 1, bytes: 5_100, ended: false })
    t.strictSame(
      store.registerHistory("rule:push").map(({ what }) => what),
      ["added", "removed", "renewed"],
    )
  },
)

t.test(
  "settings by which something is spliced are declared, those that refuse are not",
  async (t) => {
    const store = openStore(newDir(t))
    t.teardown(() => store.close())
    const settings = (given: Partial<ConfigInput>) => {
      declareIn(store, config(given), null, ten)
      return [...store.all("register")]
        .filter((one) => one.source === "setting")
        .map(({ id }) => id)
    }
    t.strictSame(settings({ privacy: { "personal-devices": "inspect" } }), [])
    t.strictSame(
      settings({
        ca: { "on-expired": "splice" },
        overload: { do: "splice" },
        origin: { "on-untrusted": "splice", "on-no-name": "splice" },
      }),
      [
        "setting:ca.on-expired",
        "setting:overload.do",
        "setting:origin.on-untrusted",
        "setting:origin.on-no-name",
        "setting:privacy.personal-devices",
      ],
      "personal devices are spliced unless the settings say otherwise",
    )
  },
)

t.test(
  "a store that cannot be written stops nothing, is told once and tried again: fails open",
  async (t) => {
    const dir = newDir(t)
    const events: string[] = []
    let broken = true
    const declared = new DeclaredBypasses({
      open: () => {
        if (broken) throw new Error("evidence: cannot use it")
        return openStore(dir)
      },
      file: null,
      retryMs: 20,
      clock: () => ten,
      log: (_, event) => events.push(event),
    })
    t.teardown(() => declared.close())
    declared.declare(config({ rules: [push] }))
    declared.declare(config({ rules: [push] }))
    t.strictSame(events, ["bypasses-undeclared"])
    broken = false
    t.ok(await holds(() => events.length > 1, 5_000))
    t.strictSame(events, ["bypasses-undeclared", "bypasses-declared"])
    const store = openStore(dir)
    t.ok(store.get("register", "rule:push"))
    store.close()
  },
)
