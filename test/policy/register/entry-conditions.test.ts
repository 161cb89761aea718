import t from "tap"
import { ConnectionView } from "../../../src/policy/connection-view.ts"
import {
  controlAllows,
  notExpired,
  notRetested,
  sniIsSaid,
  withinTrial,
} from "../../../src/policy/register/entry-conditions.ts"
import { ControlSettings, controlOf } from "../../../src/policy/settings.ts"
import { control, facts, hour, iso, minute, noon, trial } from "../given.ts"

const view = (given: object = {}) => new ConnectionView(facts(given))

t.test("fails closed: an end that cannot be read has passed", async (t) => {
  t.equal(notExpired(null).holds(view(), noon), true)
  t.equal(notExpired(iso(noon + hour)).holds(view(), noon + hour - 1), true)
  t.equal(notExpired(iso(noon + hour)).holds(view(), noon + hour), false)
  t.equal(notExpired("soon").holds(view(), noon), false)
})

t.test("a CONNECT host is no SNI", async (t) => {
  t.equal(sniIsSaid.holds(view({ sni: null }), noon), false)
  t.equal(sniIsSaid.holds(view(), noon), true)
})

t.test("a trial's own count ends it", async (t) => {
  const at = (state: object, now: number) =>
    withinTrial(trial(state), control, null).holds(view(), now)
  const first_splice_at = iso(noon)
  t.equal(at({}, noon), true)
  t.equal(at({ first_splice_at }, noon + 2 * minute - 1), true)
  t.equal(at({ first_splice_at }, noon + 2 * minute), false)
  t.equal(at({ connections: control.connections }, noon), false)
  t.equal(at({ bytes: control.bytes }, noon), false)
})

t.test("a re-test is about one device", async (t) => {
  const condition = notRetested({ device_id: "phone-1", since: iso(noon) })
  t.equal(condition.holds(view(), noon), false)
  t.equal(condition.holds(view({ device_id: "phone-2" }), noon), true)
  t.match(condition.asks, /device is not phone-1, .* tested again since 2026-03-01T12:00/)
})

t.test("a group that has left control is told by the group that chooses", async (t) => {
  const groups = [
    { group: "kiosk", mode: "off" },
    { group: "field" },
    { group: "office", mode: "off" },
    { group: "lab", mode: "learn" },
  ]
  const settings = ControlSettings.parse({ groups })
  const allows = controlAllows(settings)
  const rows = [
    [],
    ["other"],
    ["kiosk"],
    ["office"],
    ["office", "field"],
    ["field", "kiosk"],
    ["lab"],
  ]
  for (const device_groups of rows)
    t.equal(
      allows?.holds(view({ device_groups }), noon),
      controlOf(settings, device_groups).mode !== "off",
      device_groups.join(),
    )
  t.equal(controlAllows(control), null, "nothing is asked where no group has left")
})
