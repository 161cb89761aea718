import t from "tap"
import { coverage } from "../../src/analytics/coverage.ts"
import { coverageFinding, shareText } from "../../src/analytics/coverage-finding.ts"
import { CoverageSettings } from "../../src/analytics/coverage-settings.ts"
import { Finding } from "../../src/record/finding.ts"
import { dayStart, HOUR } from "../support/records.ts"

const common = { tenant: "t1", site: "hq", sensor_id: "s1", v: 1 as const }
const found = (quic: number, now: number) =>
  coverage({
    counts: new Map([
      ["all", { connections: 1_000, bytes: 0 }],
      ["quic", { connections: quic, bytes: 0 }],
    ]),
    devices: [],
    sources: [],
    managed_apps: new Set(),
    declared_apps: new Set(),
    acceptances: [],
    settings: CoverageSettings.parse({}),
    now,
  }).map((gap) => coverageFinding(gap, { common, now, since: now - HOUR }))

t.test("a gap is one finding, which opens and closes with it", (t) => {
  const of = (findings: Finding[]) => findings.find(({ key }) => key.device_id === "coverage:quic")
  const wide = of(found(410, dayStart))
  const narrow = of(found(10, dayStart + HOUR))
  t.equal(wide?.id, narrow?.id)
  t.match(wide, { analytic: "coverage", state: "open", confidence: "medium" })
  t.match(wide?.reasons[0], /^41 % \(410 of 1000\) connections used QUIC/)
  t.equal(narrow?.state, "closed")
  t.strictSame(Finding.parse(wide), wide)
  t.end()
})

t.test("a share is told without hiding what is small or nearly all", (t) => {
  const text = (count: number, of: number) =>
    shareText({ count, of, share: of === 0 ? 0 : count / of })
  t.equal(text(0, 0), "0 % (0 of 0)")
  t.equal(text(1, 1_000), "0.1 % (1 of 1000)")
  t.equal(text(999, 1_000), "99.9 % (999 of 1000)")
  t.equal(text(1, 3), "33 % (1 of 3)")
  t.end()
})
