import t from "tap"
import type { Allowance } from "../../src/analytics/allowed.ts"
import { appStories } from "../../src/analytics/app-story.ts"
import { concludes } from "../../src/analytics/conclude.ts"
import { scopeDevice } from "../../src/analytics/scope.ts"
import { context, evidence, who } from "../support/records.ts"
import { refusedAt, settings } from "./worlds.ts"

t.test(
  "only an observed and fully allowed app is expected; others lose a step at most",
  async (t) => {
    const rows = [
      { app: "observed", allowed: "no", expected: false, confidence: "high" },
      { app: "observed", allowed: "incomplete", expected: false, confidence: "medium" },
      { app: "observed", allowed: "yes", expected: true, confidence: "record" },
      { app: "inferred", allowed: "yes", expected: false, confidence: "medium" },
    ] as const
    for (const { app, allowed, expected, confidence } of rows) {
      const device = evidence({ attempts: refusedAt([1, 3, 5], {}, who({ app })) })
      const [key] = scopeDevice(device, context(), settings)
      if (!key) throw new Error("no key")
      const allowance: Allowance = { allowed, isListed: true, why: "because" }
      const concluded = concludes({
        analytic: "AN1725",
        version: "1.1",
        channels: [],
        weighed: { confidence: "high", reasons: [] },
        allowance,
        exposed: false,
        subject: { ...key, device, context: context(), settings, story: appStories([]) },
      })
      t.match(concluded, { expected, confidence }, `${app}, ${allowed}`)
    }
  },
)
