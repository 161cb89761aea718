import t from "tap"
import { attemptToken } from "../../src/observe/token.ts"
import type { AttemptFacts, Phase } from "../../src/record/attempt.ts"
import { attempt } from "../support/records.ts"

const at: Phase = { ms: 1, bytes_in: 1, bytes_out: 1 }
const none = {
  hello: null,
  certificate: null,
  delivered: null,
  finished: null,
  first_data: null,
  closed: null,
}
const all = { hello: at, certificate: at, delivered: at, finished: at, first_data: at, closed: at }

const rows: [string, Partial<AttemptFacts>, string][] = [
  ["nothing", { phases: none, end: "timeout", ended_by: "sensor" }, ".....|timeout:sensor"],
  [
    "hello only",
    { phases: { ...none, hello: at }, end: "fin", ended_by: "client" },
    "H....|fin:client",
  ],
  [
    "refused by alert",
    {
      phases: { ...all, finished: null, first_data: null },
      alert: 48,
      end: "rst",
      ended_by: "client",
    },
    "HCD..a48|rst:client",
  ],
  [
    "refused after Finished",
    { phases: { ...all, first_data: null }, end: "fin", ended_by: "client" },
    "HCDF.|fin:client",
  ],
  [
    "accepted, still open",
    { phases: { ...all, closed: null }, end: "none", ended_by: null },
    "HCDFA|none:open",
  ],
  [
    "an alert of number 0 is shown",
    { phases: all, alert: 0, end: "fin", ended_by: "origin" },
    "HCDFAa0|fin:origin",
  ],
]
for (const [name, over, token] of rows)
  t.test(`the token of an attempt: ${name}`, async (t) => {
    t.equal(attemptToken({ ...attempt("a.example", 0, "idle"), alert: null, ...over }), token)
  })
