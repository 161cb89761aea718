import t from "tap"
import { countAttempt, countFlow } from "../../src/analytics/coverage-counts.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import type { Attribution } from "../../src/record/attributed.ts"
import type { Flow } from "../../src/record/flow.ts"
import { attempt, by, flow, someone, who, zeekFlow } from "../support/records.ts"

const inspected: { name: string; over: Partial<Attempt>; of?: Attribution; words: string[] }[] = [
  { name: "a known device and app", over: {}, words: ["all", "app:observed", "inspected"] },
  {
    name: "an address that nobody holds",
    over: {},
    of: someone({ device: "absent", app: "unknown" }),
    words: ["absent", "all", "app:unknown", "inspected"],
  },
  { name: "no SNI", over: { sni: null }, words: ["all", "app:observed", "inspected", "no-sni"] },
  {
    name: "GREASE for ECH",
    over: { ech_offered: true, name_agrees: true },
    words: ["all", "app:observed", "inspected"],
  },
  {
    name: "ECH for another name",
    over: { ech_offered: true, name_agrees: false },
    words: ["all", "app:observed", "ech", "inspected"],
  },
  { name: "blocked", over: { decision: "block" }, words: ["all", "app:observed", "blocked"] },
]

t.test("of an attempt is counted what coverage asks for", (t) => {
  for (const { name, over, of = who({ app: "observed" }), words } of inspected) {
    const counted = countAttempt(by(attempt("a.example", 0, "accepted", over), of))
    t.strictSame(counted.words.toSorted(), words, name)
  }
  const bytes = { client_app_bytes: 100, delivered_app_bytes: 900 }
  t.equal(countAttempt(by(attempt("a.example", 0, "accepted", bytes))).bytes, 1_000)
  t.end()
})

const opaque: { name: string; flow: Flow; word: string | null }[] = [
  { name: "a trial", flow: flow("a.example", 0), word: "opaque:trial" },
  {
    name: "a bypass",
    flow: flow("a.example", 0, { splice_cause: "platform", control: false }),
    word: "opaque:platform",
  },
  { name: "around the sensor", flow: zeekFlow("a.example", 0), word: "opaque:direct" },
  {
    name: "our own session, seen by a tap",
    flow: zeekFlow("a.example", 0, { control: false }),
    word: null,
  },
]

t.test("of a flow is counted by which cause it was not inspected", (t) => {
  for (const { name, flow, word } of opaque) {
    const { words } = countFlow(by(flow))
    t.equal(words.find((one) => one.startsWith("opaque:")) ?? null, word, name)
    t.equal(words.includes("all"), word !== null, name)
  }
  t.ok(countFlow(by(zeekFlow("a.example", 0, { network: "quic" }))).words.includes("quic"))
  t.end()
})
