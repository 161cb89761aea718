import t from "tap"
import { appStories } from "../../src/analytics/app-story.ts"
import { trustEvidence } from "../../src/analytics/trust-events.ts"
import type { AppEvent } from "../../src/record/app-event.ts"
import { bank, dayStart, pinEvent } from "../support/records.ts"

const sessions = [1_000, 5_000].map((ms) => ({
  id: `s${ms}`,
  start: dayStart + ms,
  end: dayStart + ms + 100,
}))

function ask(events: AppEvent[], appVersion: string | null = "7.1") {
  const question = { appVersion, destination: "api.bank.example", sessions, windowMs: 500 }
  return trustEvidence(appStories(events)(bank), question)
}

const host = (name: string) => ({ dest: { host: name, ip: null, port: null, src_port: null } })
const version = (text: string) => ({ app: { id: bank, version: text, signer_sha256: null } })

t.test("an evaluation precedes the session that begins within the window after it", async (t) => {
  const rows = [
    { name: "at the window's edge", event: pinEvent(500), count: 1 },
    { name: "earlier", event: pinEvent(499), count: 0 },
    { name: "at the session", event: pinEvent(1_000), count: 1 },
    { name: "after it", event: pinEvent(1_001), count: 0 },
    { name: "of this host", event: pinEvent(900, host("API.bank.example")), count: 1 },
    { name: "of another host", event: pinEvent(900, host("www.bank.example")), count: 0 },
    { name: "of this version", event: pinEvent(900, version("7.1")), count: 1 },
    { name: "of another version", event: pinEvent(900, version("7.0")), count: 0 },
  ]
  for (const { name, event, count } of rows) t.equal(ask([event]).preceding.length, count, name)
})

t.test("an evaluation about another host does not hide one about this host", async (t) => {
  const found = ask([pinEvent(800), pinEvent(900, host("www.bank.example"))])
  t.equal(found.preceding.length, 1)
  t.equal(found.preceding[0]?.session.id, "s1000")
})

t.test("evaluations that no session followed are told apart from none", async (t) => {
  t.equal(ask([pinEvent(2_000)]).apart.length, 1)
  t.equal(ask([pinEvent(2_000), pinEvent(900)]).apart.length, 0)
})

t.test("a static fact counts for its own version only", async (t) => {
  const fact = (text: string | null) =>
    pinEvent(0, {
      app: { id: bank, version: text, signer_sha256: null },
      trust: { kind: "pin_comparison", evidence: "static" },
    })
  t.equal(ask([fact("7.1")]).statics.length, 1)
  t.equal(ask([fact("7.0")]).statics.length, 0)
  t.equal(ask([fact(null)]).statics.length, 0)
  t.equal(ask([fact("7.1")], null).statics.length, 0)
})
