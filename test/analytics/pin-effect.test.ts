import t from "tap"
import { device, evidence } from "../support/records.ts"
import { confirmedWorld, findTarget, refusedAt } from "./worlds.ts"

const laptop = device({ platform: "other" })

t.test("elsewhere than on Android and iOS the effect has no ATT&CK id and stays low", async (t) => {
  const confirmed = findTarget({ ...confirmedWorld(), device: laptop })
  t.match(confirmed, { analytic: "pin-effect", verdict: "confirmed", confidence: "low" })
  t.same(
    confirmed?.channels.map(({ channel, state }) => [channel, state]),
    [
      ["Insp", "met"],
      ["Flow", "met"],
    ],
  )
  const refusing = findTarget(evidence({ device: laptop, attempts: refusedAt([1, 3, 5]) }))
  t.match(refusing, { verdict: "refuses-here", confidence: "record" })
  t.equal(refusing?.channels[1]?.state, "not-observable")
  t.equal(findTarget(evidence({ device: laptop, attempts: refusedAt([1]) })), undefined)
})
