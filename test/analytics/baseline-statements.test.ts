import t from "tap"
import { BaselineStatements } from "../../src/analytics/baseline-statements.ts"
import type { BaselineChange } from "../../src/record/baseline-change.ts"
import { bank } from "../support/records.ts"
import { dayAt, said } from "./pairs.ts"

const of = (changes: readonly BaselineChange[]) => {
  const statements = new BaselineStatements()
  for (const change of changes) statements.add(change)
  return statements
}
const day = (number: number) => new Date(dayAt(number)).toISOString()

t.test("the newest statement that covers a destination holds", async (t) => {
  const below = said({ id: "below", destination: "*.bank.example", observed_at: day(1) })
  const exact = said({ id: "exact", what: "removed", observed_at: day(2) })
  const address = said({ id: "port", destination: "192.0.2.1:443" })
  const network = said({ id: "net", destination: "192.0.2.0/24", what: "removed" })
  const all = of([exact, below, address, network])
  const rows: [string, string, string | null][] = [
    ["the exact one is newer", "api.bank.example", "exact"],
    ["below the name", "cdn.bank.example", "below"],
    ["not the name itself", "bank.example", null],
    ["an address in a network, at a port", "192.0.2.7:8443", "net"],
    ["an address and port of its own", "192.0.2.1:443", "port"],
    ["another name", "bank.test", null],
  ]
  for (const [name, destination, id] of rows)
    t.equal(all.of(bank, destination, dayAt(3))?.id ?? null, id, name)
  t.equal(all.of("org.other", "api.bank.example", dayAt(3)), null, "another app")
})

t.test("a withdrawal takes back its own statement, not what another pattern says", async (t) => {
  const statements = of([
    said({ destination: "*.bank.example", observed_at: day(1) }),
    said({ what: "removed", observed_at: day(2) }),
    said({ what: "withdrawn", observed_at: day(3) }),
  ])
  t.equal(statements.of(bank, "api.bank.example", dayAt(4))?.what, "added", "by the pattern")
  t.equal(statements.of(bank, "cdn.bank.example", dayAt(4))?.what, "added")
})

t.test("learning stops at the first of the freezes that follow one another", async (t) => {
  const freeze = (id: string, app_id: string | null, from: number, to: number) =>
    said({
      id,
      what: "frozen",
      app_id,
      destination: null,
      observed_at: day(from),
      expires_at: day(to),
    })
  const thaw = said({ what: "thawed", destination: null, observed_at: day(8) })
  const statements = of([freeze("b", null, 4, 9), freeze("a", bank, 2, 6), thaw])
  const rows: [number, number][] = [
    [1, dayAt(1)],
    [3, dayAt(2) - 1],
    [5, dayAt(2) - 1],
    [7, dayAt(2) - 1],
    [9, dayAt(9)],
  ]
  for (const [at, until] of rows)
    t.equal(statements.learnedUntil(bank, dayAt(at)), until, `day ${at}`)
  t.equal(statements.learnedUntil("org.other", dayAt(5)), dayAt(4) - 1, "frozen for all")
  t.equal(statements.freeze(bank, dayAt(7))?.id, "b")
  t.equal(statements.freeze(bank, dayAt(10)), null)
})
