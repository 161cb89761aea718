import t from "tap"
import { EVERY_DESTINATION } from "../../src/analytics/ca-missing.ts"
import { Finding } from "../../src/record/finding.ts"
import { attempt, by, evidence, MINUTE, posture, someone, stateEvent } from "../support/records.ts"
import { findingsOf } from "./worlds.ts"

const attempts = [1, 2, 3, 4, 5].map((n) =>
  by(attempt(`www.site${n}.example`, n * MINUTE, "refused-alert"), someone()),
)
const absent = posture({ inspection_ca: "absent" })

t.test("a device without the CA that refuses everything is one operational finding", async (t) => {
  const findings = findingsOf(evidence({ attempts, postures: [absent] }))
  const [operational, second] = findings.filter(({ analytic }) => analytic === "ca-missing")
  t.equal(second, undefined, "one for the device, not one for each destination")
  t.strictSame(Finding.parse(operational), operational)
  t.match(operational, {
    key: { device_id: "d1", app_id: null, destination: EVERY_DESTINATION },
    confidence: "low",
    refusals: 5,
  })
  t.equal(operational?.evidence_ids.length, 5)
})

t.test(
  "a missing CA explains the refusals: the analytic's own findings are recorded only",
  async (t) => {
    const told = [stateEvent(0, { device_locked: true })]
    const confidences = (postures: ReturnType<typeof posture>[]) => [
      ...new Set(
        findingsOf(evidence({ attempts, postures, app_events: told }))
          .filter(({ analytic }) => analytic === "AN1725")
          .map(({ confidence }) => confidence),
      ),
    ]
    t.same(confidences([absent]), ["record"])
    t.same(confidences([]), ["low"])
  },
)

t.test("CA missing is never said where posture does not say so", async (t) => {
  for (const inspection_ca of ["unknown", "user-store", "system", "mdm-trusted"] as const) {
    const findings = findingsOf(evidence({ attempts, postures: [posture({ inspection_ca })] }))
    t.notOk(
      findings.some(({ analytic }) => analytic === "ca-missing"),
      inspection_ca,
    )
  }
})
