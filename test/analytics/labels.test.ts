/** What people said, laid over what was found. */
import fc from "fast-check"
import t from "tap"
import { LabelSettings } from "../../src/analytics/label-drift.ts"
import { alertLevel, LabelIndex, labelled } from "../../src/analytics/labels.ts"
import type { Finding, FindingLabel } from "../../src/record/finding.ts"
import { type Label, LabelScope } from "../../src/record/label.ts"
import { finding } from "../alert/samples.ts"
import { labelOn, withdrawalOf } from "./labels-given.ts"

const settings = LabelSettings.parse({})
const key = finding().key
const signer = "ab".repeat(32)
const was = finding({ app_signer: signer })

function under(labels: readonly Label[], one: Finding): FindingLabel | null {
  const index = new LabelIndex()
  index.add(labels)
  return labelled(one, index, settings).label
}

interface Row {
  name: string
  labels: Label[]
  now?: Partial<Finding>
  expected: Partial<FindingLabel> | null
}
const back = labelOn(was)
const rows: Row[] = [
  { name: "none covers it", labels: [], expected: null },
  {
    name: "one is in force",
    labels: [labelOn(was)],
    expected: { label: "expected", standing: "in-force" },
  },
  { name: "one was taken back", labels: [back, withdrawalOf(back)], expected: null },
  {
    name: "it was taken back before it came in",
    labels: [withdrawalOf(back), back],
    expected: null,
  },
  { name: "it is of another tenant", labels: [labelOn(was, { tenant: "other" })], expected: null },
  {
    name: "evidence is newer than its end",
    labels: [labelOn(was, { expires_at: was.last_seen })],
    expected: { standing: "expired" },
  },
  {
    name: "evidence was there before it was said",
    labels: [labelOn(was)],
    now: { last_seen: "2026-11-01T00:00:00.000Z" },
    expected: { standing: "in-force" },
  },
  {
    name: "the signer is another one",
    labels: [labelOn(was)],
    now: { app_signer: "cd".repeat(32) },
    expected: { standing: "reopened", signs: ["signer"] },
  },
  {
    name: "the app is only inferred",
    labels: [labelOn(was, { kind: "app" })],
    now: { app_attribution: "inferred" },
    expected: { standing: "lowered" },
  },
  {
    name: "the app was inferred when this finding itself was looked at",
    labels: [labelOn({ ...was, app_attribution: "inferred" })],
    now: { app_attribution: "inferred" },
    expected: { standing: "in-force" },
  },
  {
    name: "the app was observed when it was marked, and is inferred now",
    labels: [labelOn(was)],
    now: { app_attribution: "inferred" },
    expected: { standing: "lowered" },
  },
  {
    name: "no source tells the signer any more",
    labels: [labelOn(was, { kind: "app" })],
    now: { app_signer: null },
    expected: { standing: "lowered" },
  },
  {
    name: "one calls it malicious, and others do not",
    labels: [
      labelOn(was),
      labelOn(was, { id: "l-2", kind: "app", label: "malicious", expires_at: null }),
      labelOn(was, { id: "l-3", label: "benign" }),
    ],
    expected: { label_id: "l-2", label: "malicious", standing: "in-force" },
  },
  {
    name: "malicious and everything is different",
    labels: [labelOn(was, { label: "malicious" })],
    now: { app_signer: "cd".repeat(32), app_attribution: "inferred", refusals: 9_999 },
    expected: { standing: "in-force", signs: [] },
  },
  {
    name: "one was reopened, and a wider one holds",
    labels: [labelOn(was), labelOn(was, { id: "l-2", kind: "device", label: "wrong" })],
    now: { app_signer: "cd".repeat(32) },
    expected: { label_id: "l-2", label: "wrong", standing: "in-force" },
  },
  {
    name: "two hold: the narrower one is told",
    labels: [labelOn(was, { id: "l-0", kind: "device", label: "wrong" }), labelOn(was)],
    expected: { label_id: "l-1" },
  },
  {
    name: "it would silence without an end",
    labels: [labelOn(was, { expires_at: null })],
    expected: null,
  },
  {
    name: "its scope says less than it needs",
    labels: [{ ...labelOn(was), scope: LabelScope.parse({ kind: "finding" }) }],
    expected: null,
  },
  {
    name: "the finding is the sensor's own fault",
    labels: [labelOn({ ...was, analytic: "sensor-fault" })],
    now: { analytic: "sensor-fault" },
    expected: null,
  },
]
for (const { name, labels, now = {}, expected } of rows)
  t.test(`the label of a finding where ${name}`, (t) => {
    const found = under(labels, { ...was, ...now })
    if (expected) t.match(found, expected)
    else t.equal(found, null)
    t.end()
  })

t.test("the words say who said what, when and why, and what is different since", (t) => {
  const found = under([labelOn(was)], { ...was, app_signer: "cd".repeat(32) })
  t.match(
    found?.why[0],
    /^Marked expected 2026-11-21T02:00.* by ana@desk \(owner soc\): it pins by design$/,
  )
  t.match(found?.why[1], /^Since then: another signer, cdcd.*\(then: abab/)
  t.end()
})

t.test("a finding that was stored before there were labels is left as it is", (t) => {
  const { label: _, ...old } = was
  const index = new LabelIndex()
  t.equal(labelled(old as Finding, index, settings), old)
  t.notOk("label" in old)
  t.end()
})

t.test("how much a finding counts for its incident", (t) => {
  const level = (one: Partial<Finding>) => alertLevel({ ...was, ...one })
  const standing = (over: Partial<FindingLabel>) => {
    const label = under([labelOn(was)], was)
    return label ? { label: { ...label, ...over } } : {}
  }
  t.strictSame(level({}), { confidence: "medium", severity: "medium" })
  for (const label of ["expected", "benign", "wrong"] as const)
    t.equal(level(standing({ label })), null, label)
  t.strictSame(level(standing({ standing: "lowered" })), { confidence: "low", severity: "low" })
  for (const over of ["reopened", "expired"] as const)
    t.strictSame(
      level(standing({ standing: over })),
      { confidence: "medium", severity: "medium" },
      over,
    )
  t.strictSame(level(standing({ label: "malicious" })), { confidence: "medium", severity: "high" })
  t.equal(level({ ...standing({ label: "malicious" }), severity: "high" })?.severity, "critical")
  t.end()
})

t.test("the order in which labels, withdrawals and findings come makes no difference", (t) => {
  const apps = ["com.a", "com.b", null]
  const findings = Array.from({ length: 12 }, (_, n) =>
    finding({
      id: `f${n}`,
      app_signer: n % 4 === 0 ? "cd".repeat(32) : signer,
      app_attribution: n % 5 === 0 ? "inferred" : "observed",
      last_seen: n % 6 === 0 ? "2027-03-01T00:00:00.000Z" : was.last_seen,
      key: { ...key, device_id: `d${n % 5}`, app_id: apps[n % 3] ?? null },
    }),
  )
  const words = ["expected", "benign", "wrong"] as const
  const kinds = ["finding", "app", "device-app", "device"] as const
  const marks = findings.flatMap((one, n) => {
    const kind = one.key.app_id === null ? "finding" : (kinds[n % 4] ?? "finding")
    return [
      labelOn(one, {
        id: `l${n}`,
        kind,
        label: n === 8 ? "malicious" : (words[n % 3] ?? "expected"),
      }),
    ]
  })
  const statements = [...marks, ...marks.filter((_, n) => n % 5 === 1).map(withdrawalOf)]
  const news: (Label | Finding)[] = [...statements, ...findings]
  /** As the correlator does it: a finding is labelled as it comes, and all of them when more is said. */
  const outcome = (order: readonly (Label | Finding)[]) => {
    const index = new LabelIndex()
    const stored = new Map<string, Finding>()
    for (const one of order) {
      if ("act" in one) {
        index.add([one])
        for (const [id, each] of stored) stored.set(id, labelled(each, index, settings))
      } else stored.set(one.id, labelled(one, index, settings))
    }
    return [...stored].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, { label }]) => [id, label])
  }
  const right = outcome(news)
  t.ok(new Set(right.map(([, label]) => JSON.stringify(label))).size > 4, "there is variety in it")
  fc.assert(
    fc.property(fc.shuffledSubarray(news, { minLength: news.length }), (order) => {
      t.strictSame(outcome(order), right)
    }),
    { numRuns: 60 },
  )
  t.end()
})
