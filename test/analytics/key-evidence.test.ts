import t from "tap"
import { groupByKey } from "../../src/analytics/actor.ts"
import { areEnough, keysOfPlace } from "../../src/analytics/key-evidence.ts"
import { sightings } from "../../src/analytics/sighting.ts"
import type { DeviceEvidence } from "../../src/record/attributed.ts"
import { attempt, ca2, context, evidence, someone, who } from "../support/records.ts"
import { refusedAt, seenAt, settings, target, trialAt } from "./worlds.ts"

function keys(over: Partial<DeviceEvidence>, network: string[] = []) {
  const input = { settings: settings.scope, network: new Set(network), register: new Map() }
  return groupByKey(sightings(evidence(over), context().now, settings))
    .flatMap((groups) => keysOfPlace(groups, input))
    .filter((key) => key.group.destination === target)
}

t.test(
  "the newest epoch is judged, and in it what was seen while the device was bound",
  async (t) => {
    const [newest] = keys({
      attempts: [...refusedAt([1, 3, 5]), ...refusedAt([7], { issuing_ca: ca2 })],
    })
    t.equal(newest?.epoch.issuing_ca, ca2)
    t.equal(newest?.refusals.length, 1)
    const [bound] = keys({
      attempts: [...refusedAt([1, 3]), ...refusedAt([5], {}, who({ device: "ambiguous" }))],
    })
    t.equal(bound?.device, "bound")
    t.equal(bound?.refusals.length, 2)
    const [shared] = keys({ attempts: refusedAt([1], {}, who({ device: "shared" })) })
    t.equal(shared?.device, "shared")
  },
)

t.test("what was dropped is counted by its reason", async (t) => {
  const resets = refusedAt([1, 3], { outcome: "refused-reset" })
  const [key] = keys(
    {
      attempts: [
        ...resets,
        ...seenAt("accepted", [9]),
        ...refusedAt([9], { outcome: "refused-after-handshake" }),
      ],
    },
    resets.map(({ fact }) => fact.id),
  )
  t.match(key?.dropped, { spare: 1, network: 2, weakAlone: 0 })
  t.equal(key?.refusals.length, 0)
  const [weak] = keys({ attempts: refusedAt([1, 3], { strength: "weak" }) })
  t.match(weak, { refusals: [], dropped: { weakAlone: 2 } })
})

t.test("an acceptance that may be the app's own is kept in view", async (t) => {
  const other = who({ app_id: "org.other" })
  const found = keys({
    attempts: [
      ...refusedAt([1, 3, 5]),
      ...seenAt("idle", [2], {}, other),
      ...seenAt("accepted", [9], {}, someone()),
    ],
  })
  const bank = found.find((key) => key.group.actor.app_id === who().app_id)
  t.equal(bank?.acceptances.length, 0)
  t.equal(bank?.perhapsOwn.length, 1, "two apps were seen here: either may have made it")
})

t.test("enough is tries, buckets and a strong one", async (t) => {
  const rows = [
    { name: "three in three buckets", refusals: refusedAt([1, 2, 3]), enough: true },
    { name: "three in two", refusals: refusedAt([1, 1.5, 2]), enough: true },
    { name: "three in one", refusals: refusedAt([1, 1.3, 1.6]), enough: false },
    { name: "two", refusals: refusedAt([1, 2]), enough: false },
    { name: "weak only", refusals: refusedAt([1, 2, 3], { strength: "weak" }), enough: false },
  ]
  for (const { name, refusals, enough } of rows) {
    const seen = sightings(evidence({ attempts: refusals }), context().now, settings)
    t.equal(areEnough(seen.attempts, settings.scope), enough, name)
  }
})

t.test("a private origin and a bypass are facts of the key", async (t) => {
  const { upstream } = attempt(target, 0, "idle")
  const [untrusted] = keys({
    attempts: refusedAt([1], { upstream: { ...upstream, status: "untrusted" } }),
  })
  t.equal(untrusted?.privateOrigin, true)
  const [plain] = keys({ attempts: refusedAt([1]) })
  t.equal(plain?.privateOrigin, false)
  const [bypassed] = keys({ flows: trialAt([1], { splice_cause: "learned", control: false }) })
  t.equal(bypassed?.bypassed.length, 1)
})
