import t from "tap"
import { openStore } from "../../src/evidence/open.ts"
import { newDir, registerEntry, ten } from "./fixtures.ts"

const hour = 3_600_000

t.test(
  "a worker that polls sees each change of the register, and who made it is kept",
  async (t) => {
    const dir = newDir(t)
    const store = openStore(dir)
    const worker = openStore(dir, { readonly: true })
    t.teardown(() => [store, worker].map((one) => one.close()))
    const version = worker.dataVersion()
    const revision = worker.registerRevision()
    const bank = registerEntry("bank", "api.bank.example", ten + hour)
    store.putRegister([bank, registerEntry("push", "push.example", null)], "anna", ten)
    t.not(worker.dataVersion(), version)
    t.equal(worker.registerRevision(), revision + 2)
    t.same(
      worker.registerEntries(ten).map((one) => one.id),
      ["bank", "push"],
    )
    t.same(
      worker.registerEntries(ten + hour).map((one) => one.id),
      ["push"],
      "expired at its time",
    )

    t.same(store.putRegister([bank], "anna", ten), { added: 0, changed: 0, known: 1 })
    t.equal(worker.registerRevision(), revision + 2, "the same again is no change")
    store.putRegister([{ ...bank, owner: "bert" }], "bert", ten + 1)
    t.equal(store.removeRegister("bank", "cleo", "no longer pinned", ten + 2), true)
    t.equal(store.removeRegister("bank", "cleo", "twice", ten + 3), false)
    t.same(
      worker.registerEntries(ten).map((one) => one.id),
      ["push"],
    )
    t.same(
      store
        .registerAudit(0, 10)
        .map(({ who, what, reason, before, after }) => [
          who,
          what,
          reason,
          before?.owner ?? null,
          after?.owner ?? null,
        ]),
      [
        ["anna", "added", "pinned by its vendor", null, "netops"],
        ["anna", "added", "pinned by its vendor", null, "netops"],
        ["bert", "changed", "pinned by its vendor", "netops", "bert"],
        ["cleo", "removed", "no longer pinned", "bert", null],
      ],
    )
    t.throws(() => worker.putRegister([bank], "worker", ten), /readonly/)
  },
)

t.test("a use of a register entry is counted once, however often it is sent", async (t) => {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  const open = { kind: "register-hits", values: ["e", ten, "open", "s", "c-1", 0] } as const
  const close = {
    kind: "register-hits",
    values: ["e", ten + 5, "close", "s", "c-1", 4096],
  } as const
  const rows = [open, close, open].map((row) => ({ ...row, values: [...row.values] }))
  t.match(store.appendSerialised(rows), { added: 2, known: 1 })
  t.same(store.followHits(1, 10), [
    {
      seq: 2,
      hit: {
        entry_id: "e",
        at_ms: ten + 5,
        event: "close",
        sensor_id: "s",
        connection_id: "c-1",
        bytes: 4096,
      },
    },
  ])
})
