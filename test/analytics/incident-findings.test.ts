import fc from "fast-check"
import t from "tap"
import { IncidentFindings } from "../../src/analytics/incident-findings.ts"
import type { Finding } from "../../src/record/finding.ts"
import { label } from "../alert/samples.ts"
import { at } from "../support/records.ts"
import { confirmedWorld, findTarget } from "./worlds.ts"

const labels = fc.constantFrom(
  null,
  label({ label: "expected", standing: "in-force" }),
  label({ label: "malicious", standing: "in-force" }),
  label({ label: "benign", standing: "reopened" }),
  label({ label: "benign", standing: "lowered" }),
)
const plain = findTarget(confirmedWorld())
if (!plain) throw new Error("the world gives no finding")

/** A version of one of a few findings. */
const version = fc
  .record({
    id: fc.nat({ max: 11 }),
    device: fc.nat({ max: 4 }),
    first: fc.nat({ max: 5 }),
    last: fc.nat({ max: 9 }),
    state: fc.constantFrom("open" as const, "open" as const, "held" as const, "closed" as const),
    confidence: fc.constantFrom("high" as const, "medium" as const, "low" as const),
    severity: fc.constantFrom("critical" as const, "high" as const, "low" as const),
    expected: fc.boolean(),
    label: labels,
    gone: fc.boolean(),
  })
  .map(({ id, device, first, last, gone, ...said }) => ({
    gone,
    version: {
      ...plain,
      ...said,
      id: `f-${id}`,
      key: { ...plain.key, device_id: `d-${device}` },
      first_seen: at(first),
      last_seen: at(10 + last),
    },
  }))

t.test("findings that come, change and go leave what they would have made at once", (t) => {
  fc.assert(
    fc.property(fc.array(version, { maxLength: 40 }), (versions) => {
      const kept = new IncidentFindings()
      const now = new Map<string, Finding>()
      for (const { version, gone } of versions) {
        const before = now.get(version.id)
        if (before) kept.remove(before)
        now.delete(version.id)
        if (gone && before) continue
        kept.add(version)
        now.set(version.id, version)
        const fresh = new IncidentFindings()
        for (const one of now.values()) fresh.add(one)
        t.strictSame(kept.told(), fresh.told()) || fail()
        t.strictSame(kept.empty, now.size === 0)
      }
    }),
    { numRuns: 40 },
  )
  t.end()
})

function fail(): never {
  throw new Error("they differ")
}

t.test("a finding that nobody expects leads, however sure those are that are allowed", (t) => {
  const kept = new IncidentFindings()
  const known: Finding = { ...plain, id: "known", expected: true, confidence: "high" }
  const other: Finding = { ...plain, id: "other", expected: false, confidence: "medium" }
  for (const finding of [known, other]) kept.add(finding)
  t.match(kept.told(), { lead: { id: "other" }, confidence: "medium", open: true })
  kept.remove(other)
  t.match(kept.told(), { lead: { id: "known" }, confidence: "high" })
  t.end()
})
