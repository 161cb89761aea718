/** Judgements are remembered up to a bound, and what goes first is what nobody was told of. */
import t from "tap"
import { incidentId } from "../../../src/analytics/incidents.ts"
import { JudgedMemory } from "../../../src/cli/correlator/judged-memory.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { Finding } from "../../../src/record/finding.ts"
import { confirmedWorld, findTarget } from "../../analytics/worlds.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { MINUTE, pinEvent, posture, who } from "../../support/records.ts"

const plain = findTarget(
  confirmedWorld(who(), { app_events: [pinEvent(MINUTE - 1)], postures: [posture()] }),
)
const most = 10
/** More than the slack above it. */
const beyond = 15

function findings(name: string, count: number, over: Partial<Finding>): Finding[] {
  if (!plain) throw new Error("the world gives no finding")
  return Array.from({ length: count }, (_, nth) => ({
    ...plain,
    ...over,
    id: `${name}-${nth}`,
    key: { ...plain.key, device_id: `${name}-${nth}` },
  }))
}

const closed = findings("closed", beyond, { state: "closed", confidence: "high" })
const record = findings("record", beyond, { state: "open", confidence: "record" })
const told = findings("told", beyond, { state: "open", confidence: "medium" })

const rows: [string, Finding[], Finding[]][] = [
  ["closed ones go, oldest first", [...told.slice(5), ...closed], told.slice(5)],
  ["closed ones go before open ones", [...record.slice(5), ...closed], record.slice(5)],
  ["of those that are only recorded the oldest go", record, record.slice(-most)],
  ["those only recorded go before those that are told", [...told, ...record], told],
  ["those that are told stay, however many", told, told],
]

for (const [title, given, left] of rows)
  t.test(`beyond the bound: ${title}`, async (t) => {
    const store = openStore(newDir(t))
    t.teardown(() => store.close())
    const memory = new JudgedMemory(store, most)
    for (const finding of given) memory.keep([finding])
    const remembered = given.filter(({ key }) => memory.findingsOf(key.device_id).length > 0)
    t.strictSame(
      remembered.map(({ id }) => id),
      left.map(({ id }) => id),
    )
    t.equal(memory.size, left.length)
    const incidents = new Set(given.map(incidentId))
    const rolled = memory.rollUp([], incidents, { site: "hq", sensor_id: "s1" })
    const listed = rolled.flatMap(({ incident }) => incident.finding_ids)
    t.equal(listed.length, left.length, "in the lists of incidents too")
    store.append("findings", given)
    t.ok(new JudgedMemory(store, most).size <= Math.max(most, left.length) + 1, "nor after a start")
  })
