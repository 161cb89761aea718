import t from "tap"
import { judgeScope } from "../../src/analytics/scope.ts"
import { faultKey } from "../../src/analytics/sensor-fault.ts"
import { lacking } from "../../src/policy/trial/why-not-armed.ts"
import type { Outcome } from "../../src/record/attempt.ts"
import {
  attempt,
  by,
  ca1,
  context,
  device,
  evidence,
  MINUTE,
  posture,
  someone,
} from "../support/records.ts"
import { findingsOf, settings } from "./worlds.ts"

const unknown = someone()

/** An iPhone that trusts us, and an app on it that takes a new name for each try. */
function iphone(names: readonly string[], more: [number, string, Outcome][] = []) {
  const seen: [number, string, Outcome][] = [
    ...[0, 1, 2].flatMap((hour): [number, string, Outcome][] => [
      [hour * 30, "a.news.example", "accepted"],
      [hour * 30 + 1, "b.maps.example", "accepted"],
    ]),
    ...names.map((name, index): [number, string, Outcome] => [
      5 + 10 * index,
      name,
      "refused-close",
    ]),
    ...more,
  ]
  return evidence({
    device: device({ platform: "ios" }),
    postures: [posture()],
    attempts: seen.map(([minute, sni, outcome]) =>
      by(attempt(sni, minute * MINUTE, outcome), unknown),
    ),
  })
}

const rotated = ["x1.c2.example", "x2.c2.example", "x3.c2.example", "x4.c2.example"]
const whole = (given: ReturnType<typeof iphone>, over = {}) =>
  judgeScope(given, context(over), settings).find(({ key }) => key.destination === "*.c2.example")

t.test(
  "a new name for each try is suspected by its domain, recorded and never tried",
  async (t) => {
    const judgement = whole(iphone(rotated))
    t.equal(judgement?.verdict, "suspected")
    t.equal(judgement?.refusals.length, 4)
    t.match(judgement?.reasons.join(" "), /4 names below c2.example/)
    t.ok(judgement)
    if (judgement)
      t.match(lacking(judgement), /named no host/, "no trial meets a name that is gone")
    const [finding, second] = findingsOf(iphone(rotated))
    t.equal(second, undefined)
    t.equal(finding?.key.destination, "*.c2.example")
    t.equal(finding?.registrable_domain, "c2.example")
    t.equal(finding?.confidence, "record")
  },
)

t.test("a domain is not rolled up where its names tell otherwise", async (t) => {
  const rows: [string, ReturnType<typeof iphone>, object?][] = [
    ["fewer names than refusals are asked for", iphone(rotated.slice(0, 2))],
    ["one of them accepted", iphone(rotated, [[50, "x5.c2.example", "accepted"]])],
    [
      "one that is refused often enough speaks for itself",
      iphone(rotated, [
        [50, "x1.c2.example", "refused-close"],
        [52, "x1.c2.example", "refused-close"],
      ]),
    ],
    [
      "other names of no domain in common",
      iphone(["a.b1.example", "a.b2.example", "a.b3.example"]),
    ],
    [
      "a sensor fault",
      iphone(rotated),
      {
        sensor_fault: new Set([
          faultKey({ issuing_ca: ca1, sensor_config: "c1", sensor_id: "s1" }),
        ]),
      },
    ],
    [
      "no acceptance around them",
      { ...iphone(rotated), attempts: iphone(rotated).attempts.slice(6) },
    ],
  ]
  for (const [name, given, over] of rows) t.equal(whole(given, over), undefined, name)
})
