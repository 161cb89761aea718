import t from "tap"
import { stateTimeline } from "../../src/analytics/state-at.ts"
import { bank, dayStart, stateEvent } from "../support/records.ts"

const other = { id: "org.other", version: null, signer_sha256: null }
const nobody = { id: null, version: null, signer_sha256: null }

t.test(
  "a state stands from when it was told, for as long as it may, until it is told anew",
  async (t) => {
    const at = stateTimeline(
      [
        stateEvent(100, { app_state: "background" }),
        stateEvent(200, { app_state: "foreground", recent_user_interaction: false }),
        stateEvent(250, { app_state: "unknown" }),
        stateEvent(300, { device_locked: true }, { app: other }),
        stateEvent(400, { app_state: "background" }, { app: other }),
        stateEvent(500, { recent_user_interaction: true }, { app: nobody }),
      ],
      bank,
    )
    const rows = [
      { ms: 99, state: [null, null, null] },
      { ms: 100, state: [true, null, null] },
      { ms: 199, state: [true, null, null] },
      { ms: 260, state: [false, null, false] },
      { ms: 450, state: [false, true, false] },
      { ms: 500, state: [false, true, true] },
      { ms: 1_200, state: [false, true, true] },
      { ms: 1_201, state: [null, true, true] },
      { ms: 1_501, state: [null, null, null] },
    ]
    for (const { ms, state } of rows) {
      const { background, locked, recentInteraction } = at(dayStart + ms, 1_000)
      t.same([background, locked, recentInteraction], state, `at ${ms}`)
    }
  },
)

t.test("without an app only the lock and the device's own events are told", async (t) => {
  const events = [stateEvent(1, { app_state: "background", device_locked: true })]
  t.match(stateTimeline(events, null)(dayStart + 2, 10), { background: null, locked: true })
})
