/** What was marked, and whether it is still that. */
import t from "tap"
import { differences, LabelSettings, markedOf } from "../../src/analytics/label-drift.ts"
import type { DriftSignOfLabel, Finding } from "../../src/record/finding.ts"
import type { LabelScopeKind } from "../../src/record/label.ts"
import { finding } from "../alert/samples.ts"
import { labelOn } from "./labels-given.ts"

const settings = LabelSettings.parse({})
const key = finding().key
const signer = "ab".repeat(32)
const was = finding({ app_signer: signer })

const rows: {
  name: string
  now: Partial<Finding>
  kind?: LabelScopeKind
  signs: DriftSignOfLabel[]
}[] = [
  { name: "nothing", now: {}, signs: [] },
  { name: "another signer", now: { app_signer: "cd".repeat(32) }, signs: ["signer"] },
  {
    name: "the same signer in another spelling",
    now: { app_signer: signer.toUpperCase().replace(/(..)(?=.)/g, "$1:") },
    signs: [],
  },
  { name: "another version", now: { key: { ...key, app_version: "8.0" } }, signs: ["version"] },
  { name: "another stack", now: { key: { ...key, stack: "t13_other" } }, signs: ["stack"] },
  { name: "a version not known any more", now: { key: { ...key, app_version: null } }, signs: [] },
  { name: "another domain", now: { registrable_domain: "evil.example" }, signs: ["domain"] },
  { name: "a weaker verdict", now: { verdict: "suspected" }, signs: [] },
  { name: "a verdict of the same class", now: { verdict: "probable" }, signs: [] },
  { name: "a verdict of another class", now: { verdict: "opaque-persistent" }, signs: ["verdict"] },
  { name: "anchors of its own", now: { verdict: "private-trust" }, signs: ["verdict"] },
  { name: "more, below the least volume", now: { refusals: 99 }, signs: [] },
  { name: "another volume", now: { refusals: 100 }, signs: ["volume"] },
  {
    name: "another signer of one of all apps of a device",
    now: { app_signer: "cd".repeat(32), key: { ...key, app_version: "8.0", stack: "other" } },
    kind: "device",
    signs: [],
  },
]
for (const { name, now, kind = "app", signs } of rows)
  t.test(`since it was marked: ${name}`, (t) => {
    const label = labelOn(was, { kind })
    const found = differences({ ...was, ...now }, label, settings)
    t.strictSame(
      found.map(({ sign }) => sign),
      signs,
    )
    t.strictSame(differences({ ...was, ...now }, label, { ...settings, "reopen-on": [] }), [])
    t.strictSame(differences({ ...was, ...now }, { ...label, marked: null }, settings), [])
    t.end()
  })

t.test("what is kept is the variety of all findings in the scope", (t) => {
  const other = finding({
    id: "2",
    verdict: "probable",
    refusals: 40,
    key: { ...key, app_version: "7.2" },
  })
  t.match(markedOf(was, [was, other]), {
    verdict: "confirmed",
    findings: 2,
    verdicts: ["confirmed", "probable"],
    app_versions: ["7.1", "7.2"],
    app_signers: [signer],
    volume: 40,
  })
  const many = Array.from({ length: 101 }, (_, n) =>
    finding({ id: `f${n}`, key: { ...key, app_version: `1.${n}` } }),
  )
  t.equal(markedOf(was, many), null, "with more variety than fits nothing would be drift")
  t.end()
})
