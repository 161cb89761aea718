/**
 * Event time: what is found does not depend on when we hear of it. Random days of a few phones come in the right
 * order, in any other within `scope.allowed-lateness` and with restarts in between, and are replayed. Trials are off
 * (`control.mode`), and what was over between two looks is left out of the comparison (`comparable`).
 */
import fc from "fast-check"
import t from "tap"
import { Correlator } from "../../../src/cli/correlator/pass.ts"
import { usualSpan } from "../../../src/cli/correlator/past-look.ts"
import { replay } from "../../../src/cli/replay/replay.ts"
import { loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import type { Store } from "../../../src/evidence/store.ts"
import type { Finding } from "../../../src/record/finding.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { dayStart, HOUR } from "../../support/records.ts"
import { type Arrival, whose } from "../replay/mixed-world.ts"
import { known, story } from "./told-days.ts"

/** More of them by hand: PINSENSOR_EVENT_TIME_RUNS=500. */
const runs = Number(process.env["PINSENSOR_EVENT_TIME_RUNS"] ?? 4)
const seed = Number(process.env["PINSENSOR_EVENT_TIME_SEED"] ?? 56)
const config = loadConfig(null, { ...whose, control: { mode: "off" } })
const silent = () => {}

/** What live stores when it comes in these batches, the sensor started anew before some of them. */
function live(
  store: Store,
  batches: readonly (readonly Arrival[])[],
  restarts: readonly number[] = [],
): Finding[] {
  let time = dayStart + 400 * 24 * HOUR
  const start = () => new Correlator({ store, config, clock: () => time, log: silent })
  let correlator = start()
  for (const [index, batch] of batches.entries()) {
    if (restarts.includes(index)) correlator = start()
    for (const { kind, record } of batch) store.append(kind, [record as never])
    time += 1_000
    while (correlator.pass());
  }
  return byId(store.all("findings"))
}

function replayed(store: Store): Finding[] {
  const [lane] = replay({ store, configs: [{ config, fromPhases: false }], log: silent }).lanes
  return byId(lane?.findings ?? [])
}

const byId = (findings: Iterable<Finding>) => [...findings].sort((a, b) => (a.id < b.id ? -1 : 1))

/**
 * What came, or came again, and went between two looks of the right order is closed, and found by those alone who looked
 * in between: docs/replay.md. `passed`: how many of them there are.
 */
function comparable(some: readonly Finding[], right: readonly Finding[]) {
  const rightById = new Map(right.map((finding) => [finding.id, finding]))
  const passed = new Set(
    some
      .filter(({ id, state, last_seen }) => {
        const other = rightById.get(id)
        const isOver = state === "closed" && (!other || other.state === "closed")
        return isOver && (!other || other.last_seen < last_seen)
      })
      .map(({ id }) => id),
  )
  const rest = (side: readonly Finding[]) => side.filter(({ id }) => !passed.has(id))
  return { found: rest(some), expected: rest(right), passed: passed.size }
}

/** What one side has and the other has not, or has otherwise: short, because a finding fills a page. */
function differences(some: readonly Finding[], right: readonly Finding[]): string[] {
  const textOf = (finding: Finding) => JSON.stringify(finding)
  const [found, expected] = [some, right].map((side) => new Set(side.map(textOf)))
  const told = (sign: string) => (one: Finding) => {
    const { id, state, analytic, key, verdict, confidence, refusals, first_seen, last_seen } = one
    const where = [key.device_id, key.app_id, key.destination]
    const what = [verdict, confidence, refusals, first_seen, last_seen]
    return [sign, id.slice(0, 6), state, analytic, ...where, ...what].join(" ")
  }
  return [
    ...some.filter((one) => !expected?.has(textOf(one))).map(told("+")),
    ...right.filter((one) => !found?.has(textOf(one))).map(told("-")),
  ].sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1))
}

/** Looked at as often as `replay` does. */
function inSpans(inOrder: readonly Arrival[]): Arrival[][] {
  const spanOf = ({ record }: Arrival) => Math.floor(Date.parse(record.observed_at) / usualSpan)
  return [...Map.groupBy(inOrder, spanOf).values()]
}

function inPieces(arrivals: readonly Arrival[], at: readonly number[]): Arrival[][] {
  const cuts = [0, ...at.toSorted((a, b) => a - b), arrivals.length]
  return cuts.slice(1).map((cut, index) => arrivals.slice(cuts[index], cut))
}

if (runs > 4) t.setTimeout(runs * 30_000)

const title =
  "whatever comes when, restarts and replay: without trials, the findings of the right order but for closed ones that were over between two looks"
t.test(title, (t) => {
  const dir = newDir(t)
  let world = 0
  const on = <Made>(work: (store: Store) => Made): Made => {
    world += 1
    const store = openStore(`${dir}/${world}`)
    try {
      return work(store)
    } finally {
      store.close()
    }
  }
  const counts = { findings: 0, closed: 0, suspected: 0, controlled: 0, passed: 0 }
  for (const [nth, one] of fc.sample(story, { numRuns: runs, seed }).entries()) {
    const { inOrder, asItCame, cuts, restarts } = one
    const [right, again] = on((store) => [
      live(store, [known(), ...inSpans(inOrder)]),
      replayed(store),
    ])
    const ways: [string, Finding[]][] = [
      ["one by one", on((store) => live(store, [known(), ...inOrder.map((each) => [each])]))],
      [
        "in pieces with restarts",
        on((store) => live(store, [known(), ...inPieces(inOrder, cuts)], restarts)),
      ],
    ]
    const otherAgain = on((store) => {
      const batches = [known(), ...inPieces(asItCame, cuts)]
      ways.push(["in another order with restarts", live(store, batches, restarts)])
      return replayed(store)
    })
    t.strictSame(differences(again, right), [], `replay of the right order, story ${nth}`)
    t.strictSame(differences(otherAgain, right), [], `replay of another order, story ${nth}`)
    for (const [way, findings] of ways) {
      const { found, expected, passed } = comparable(findings, right)
      t.strictSame(differences(found, expected), [], `${way}, story ${nth}`)
      counts.passed += passed
    }
    counts.findings += right.length
    counts.closed += right.filter(({ state }) => state === "closed").length
    counts.suspected += right.filter(({ verdict }) => verdict === "suspected").length
    const controlled = ["confirmed", "probable"]
    counts.controlled += right.filter(({ verdict }) => controlled.includes(verdict)).length
  }
  t.comment(JSON.stringify(counts))
  for (const kind of ["closed", "suspected", "controlled"] as const)
    t.ok(counts[kind] > 0, `${kind}: ${counts[kind]}`)
  t.ok(counts.passed < counts.findings, "most of it is the same")
  t.end()
})
