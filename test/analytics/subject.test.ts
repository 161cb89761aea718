import t from "tap"
import { appStories } from "../../src/analytics/app-story.ts"
import { scopeDevice } from "../../src/analytics/scope.ts"
import {
  ceilings,
  channel,
  postureOf,
  registered,
  type Subject,
  sessionsOf,
} from "../../src/analytics/subject.ts"
import type { DeviceEvidence, JudgementContext } from "../../src/record/attributed.ts"
import { app, at, context, MINUTE, posture, who } from "../support/records.ts"
import { confirmedWorld, settings, target } from "./worlds.ts"

function subject(device: DeviceEvidence, over: Partial<JudgementContext> = {}): Subject {
  const chosen = context(over)
  const key = scopeDevice(device, chosen, settings).find(
    ({ judgement }) => judgement.key.destination === target,
  )
  if (!key) throw new Error("no key")
  return { ...key, device, context: chosen, settings, story: appStories(device.app_events) }
}

t.test("sessions are refusals and control flows, once each, in the order of time", async (t) => {
  const starts = sessionsOf(subject(confirmedWorld())).map((each) => each.start)
  t.equal(starts.length, 6)
  t.same(
    starts,
    [...starts].sort((a, b) => a - b),
  )
})

t.test("the register is asked for the app on this platform", async (t) => {
  const apps = [app(), app({ platform: "ios" }), app({ app_id: "org.other" })]
  t.same(registered(subject(confirmedWorld(), { apps })), apps.slice(0, 1))
})

t.test("the posture is the one in force at the last evidence", async (t) => {
  const early = posture()
  const late = posture({ observed_at: at(13 * MINUTE) })
  t.equal(postureOf(subject(confirmedWorld(who(), { postures: [late, early] })))?.id, early.id)
})

t.test("ceilings that hold in both analytics", async (t) => {
  t.same(ceilings(subject(confirmedWorld()), 4), [])
  t.match(ceilings(subject(confirmedWorld()), 5), [{ at: "low", why: /below Inspection/ }])
  const shared = subject(confirmedWorld(who({ device: "shared" })))
  t.match(ceilings(shared, 1), [{ at: "low", why: /shared/ }])
})

t.test("a channel names at most 50 records, once each", async (t) => {
  const ids = Array.from({ length: 120 }, (_, index) => `id-${index % 60}`)
  const source = { channel: "API", component: null, log_source: null }
  t.equal(channel(source, "met", "why", ids).evidence_ids.length, 50)
})
