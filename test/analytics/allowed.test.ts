import t from "tap"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import type { JudgementContext } from "../../src/record/attributed.ts"
import { app, bank, MINUTE, pinEvent, posture, someone, who } from "../support/records.ts"
import { acceptsElsewhere, confirmedWorld, findTarget, refusedAt, target } from "./worlds.ts"

const signer = "ab".repeat(32)
const colons = "AB:".repeat(31).concat("AB")
const otherSigner = "cd".repeat(32)

interface Row {
  name: string
  AN1725: Record<string, unknown>
  context?: Partial<JudgementContext>
  signer?: string | null
  expected: boolean
  confidence: string
}

const entry = { app: bank, "signer-sha256": signer }
const rows: Row[] = [
  {
    name: "app, signer and destination",
    AN1725: { AllowedAppList: [entry], AllowedDestinationList: [target] },
    signer,
    expected: true,
    confidence: "record",
  },
  {
    name: "the signer in another spelling",
    AN1725: {
      AllowedAppList: [{ app: bank, "signer-sha256": colons }],
      AllowedDestinationList: [target],
    },
    signer,
    expected: true,
    confidence: "record",
  },
  {
    name: "the signer from the app register",
    AN1725: { AllowedAppList: [bank], AllowedDestinationList: [target] },
    context: { apps: [app({ signer_sha256: signer })] },
    signer,
    expected: true,
    confidence: "record",
  },
  {
    name: "the destination from the app register",
    AN1725: { AllowedAppList: [entry] },
    context: { apps: [app({ approved_destinations: ["*.bank.example"] })] },
    signer,
    expected: true,
    confidence: "record",
  },
  {
    name: "any signer, said so",
    AN1725: {
      AllowedAppList: [{ app: bank, "signer-sha256": "any" }],
      AllowedDestinationList: [target],
    },
    signer: null,
    expected: true,
    confidence: "record",
  },
  {
    name: "a look-alike with another signer",
    AN1725: { AllowedAppList: [entry], AllowedDestinationList: [target] },
    signer: otherSigner,
    expected: false,
    confidence: "medium",
  },
  {
    name: "an allowed app at another destination",
    AN1725: { AllowedAppList: [entry], AllowedDestinationList: ["www.corp.example"] },
    signer,
    expected: false,
    confidence: "high",
  },
  {
    name: "another app",
    AN1725: {
      AllowedAppList: [{ app: "org.other", "signer-sha256": signer }],
      AllowedDestinationList: [target],
    },
    signer,
    expected: false,
    confidence: "high",
  },
  {
    name: "no signer declared: only lowered",
    AN1725: { AllowedAppList: [bank], AllowedDestinationList: [target] },
    signer,
    expected: false,
    confidence: "low",
  },
  {
    name: "no signer seen: only lowered",
    AN1725: { AllowedAppList: [entry], AllowedDestinationList: [target] },
    signer: null,
    expected: false,
    confidence: "low",
  },
]

t.test("allowed means the triple of app, signer and destination", async (t) => {
  for (const row of rows) {
    const given = confirmedWorld(who({ app_signer: row.signer ?? null }), {
      app_events: [pinEvent(MINUTE - 1)],
      postures: [posture()],
    })
    const finding = findTarget(given, row.context, AnalyticsSettings.parse({ AN1725: row.AN1725 }))
    t.equal(finding?.expected, row.expected, row.name)
    t.equal(finding?.confidence, row.confidence, `${row.name}: ${row.confidence}`)
  }
})

t.test("an inferred app is never suppressed, only lowered", async (t) => {
  const given = confirmedWorld(who({ app_signer: signer }), {
    attempts: [
      ...acceptsElsewhere(),
      ...refusedAt([1, 12], {}, who({ app_signer: signer })),
      ...refusedAt([3, 5], {}, someone()),
    ],
    app_events: [pinEvent(MINUTE - 1)],
    postures: [posture()],
  })
  const allowed = { AllowedAppList: [entry], AllowedDestinationList: [target] }
  const finding = findTarget(given, {}, AnalyticsSettings.parse({ AN1725: allowed }))
  t.equal(finding?.app_attribution, "inferred")
  t.equal(finding?.expected, false)
  t.equal(finding?.confidence, "low")
})
