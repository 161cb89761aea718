import fc from "fast-check"
import t from "tap"
import { appStories } from "../../src/analytics/app-story.ts"
import { appEvent, bank, dayStart, pinEvent, stateEvent } from "../support/records.ts"

const other = { id: "org.other", version: null, signer_sha256: null }
const events = [
  pinEvent(5),
  pinEvent(1, { trust: { kind: "custom_trust_manager", evidence: "runtime" } }),
  pinEvent(2, { trust: { kind: "hostname_verifier_override", evidence: "runtime" } }),
  pinEvent(3, { trust: { kind: "unknown", evidence: "runtime" } }),
  pinEvent(4, { trust: { kind: "network_security_config", evidence: "static" } }),
  pinEvent(4, { trust: { kind: "hostname_verifier_override", evidence: "static" } }),
  pinEvent(4, { app: other }),
  stateEvent(6, { app_state: "background" }),
]

t.test("a story sorts an app's trust events by what they are worth", async (t) => {
  const story = appStories(events)(bank)
  t.same(
    story.evaluations.map(({ event }) => event.trust?.kind),
    ["custom_trust_manager", "pin_comparison"],
  )
  t.equal(story.lesser.length, 2)
  t.equal(story.statics.length, 1)
})

t.test("an app is watched where a source of runtime trust events also reports on it", async (t) => {
  const elsewhere = pinEvent(1, { app: other })
  const rows = [
    { name: "the same source", events: [elsewhere, appEvent(2)], watched: true },
    { name: "another source", events: [elsewhere, appEvent(2, { source: "mdm" })], watched: false },
    { name: "nothing of the app", events: [elsewhere], watched: false },
    { name: "no runtime trust event at all", events: [appEvent(2)], watched: false },
  ]
  for (const row of rows) t.equal(appStories(row.events)(bank).watched, row.watched, row.name)
})

t.test("a story does not depend on the order of events", async (t) => {
  const plain = (given: typeof events) => {
    const { evaluations, lesser, statics, watched, stateAt } = appStories(given)(bank)
    return { evaluations, lesser, statics, watched, state: stateAt(dayStart + 10, 100) }
  }
  const expected = plain(events)
  fc.assert(
    fc.property(fc.shuffledSubarray(events, { minLength: events.length }), (shuffled) => {
      t.strictSame(plain(shuffled), expected)
    }),
    { numRuns: 30 },
  )
})
