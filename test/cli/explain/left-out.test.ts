import t from "tap"
import { leftOut } from "../../../src/cli/explain/left-out.ts"
import type { Flow } from "../../../src/record/flow.ts"
import { finding } from "../../alert/samples.ts"
import { at, attempt, MINUTE, zeekFlow } from "../../support/records.ts"

t.test("flows of taps that are not counted are told with their number and why", async (t) => {
  const port = (client_port: number): Partial<Flow> => ({ client_port })
  const flows = [
    zeekFlow("api.bank.example", MINUTE, { ...port(40_000), id: "lan-1" }),
    zeekFlow("api.bank.example", 2 * MINUTE, { ...port(40_001), id: "lan-2" }),
    zeekFlow("api.bank.example", 2 * MINUTE, { ...port(50_000), id: "moved" }),
    zeekFlow("api.bank.example", 5 * MINUTE, { ...port(50_001), id: "direct" }),
    zeekFlow("api.bank.example", 20 * MINUTE, { ...port(40_001), id: "later" }),
  ]
  const attempts = [1, 2].map((minute) =>
    attempt("api.bank.example", minute * MINUTE, "accepted", {
      client_port: 39_999 + minute,
      id: `ours-${minute}`,
    }),
  )
  const store = { attemptsOf: () => attempts, flowsOf: () => flows }
  const about = finding({ tenant: "t1", first_seen: at(0), last_seen: at(10 * MINUTE) })
  t.same(leftOut(store, about, ["10.0.0.7"]), [
    { is: "own", count: 2, at: at(2 * MINUTE), because: "the same connection as attempt ours-2" },
    {
      is: "unproven",
      count: 1,
      at: at(2 * MINUTE),
      because: "attempt ours-2 was open to api.bank.example at that time",
    },
  ])
})
