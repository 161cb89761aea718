import t from "tap"
import { appStories } from "../../src/analytics/app-story.ts"
import { management } from "../../src/analytics/managed-app.ts"
import { scopeDevice } from "../../src/analytics/scope.ts"
import type { Posture } from "../../src/record/posture.ts"
import { at, bank, context, evidence, HOUR, posture, someone, who } from "../support/records.ts"
import { refusedAt, settings } from "./worlds.ts"

const listed = (managed: boolean | null) => [
  { app_id: bank, name: null, version: null, signer_sha256: null, managed },
]

function ask(postures: Posture[], attribution = who()) {
  const device = evidence({ attempts: refusedAt([1, 3, 5], {}, attribution), postures })
  const [key] = scopeDevice(device, context(), settings)
  if (!key) throw new Error("no key")
  return management({ ...key, device, context: context(), settings, story: appStories([]) })
}

t.test(
  "whether the app is managed is what MDM says, and unknown where it says nothing",
  async (t) => {
    const work = who({ profile: "work" })
    const rows: { name: string; got: boolean | null; want: boolean | null }[] = [
      { name: "flag true", got: ask([posture({ apps: listed(true) })]).managed, want: true },
      { name: "flag false", got: ask([posture({ apps: listed(false) })]).managed, want: false },
      { name: "no posture", got: ask([]).managed, want: null },
      {
        name: "a posture told later",
        got: ask([posture({ observed_at: at(HOUR) })]).managed,
        want: null,
      },
      { name: "not listed", got: ask([posture({ apps: [] })]).managed, want: false },
      {
        name: "not on a list of only some apps",
        got: ask([posture({ apps: [], apps_partial: true })]).managed,
        want: null,
      },
      {
        name: "listed without a flag on a managed device",
        got: ask([posture({ apps: listed(null) })]).managed,
        want: true,
      },
      {
        name: "listed without a flag on a device of unknown management",
        got: ask([posture({ apps: listed(null), managed: null })]).managed,
        want: null,
      },
      {
        name: "listed without a flag in a work profile",
        got: ask([posture({ profile: "work", apps: listed(null), managed: null })], work).managed,
        want: true,
      },
      {
        name: "no list on a managed device",
        got: ask([posture({ apps: null })]).managed,
        want: true,
      },
      {
        name: "no list on an unmanaged device",
        got: ask([posture({ apps: null, managed: false })]).managed,
        want: false,
      },
      {
        name: "a personal profile",
        got: ask(
          [posture({ profile: "personal", apps: listed(true) })],
          who({ profile: "personal" }),
        ).managed,
        want: false,
      },
      { name: "no app known", got: ask([posture()], someone()).managed, want: null },
    ]
    for (const { name, got, want } of rows) t.equal(got, want, name)
  },
)

t.test("supervision is the device's, whatever is known of the app", async (t) => {
  for (const supervised of [true, false, null])
    t.equal(ask([posture({ supervised, apps: [] })]).supervised, supervised)
})
