/**
 * A fleet of phones as a bench for the judgement.
 *
 *     node bench/fleet/fleet.ts make  --world base --seed 7 --devices 200 --days 3 --out DIR
 *     node bench/fleet/fleet.ts run   --world base --seeds 1,2,3 --devices 24 --days 1 [--slice 120] [--out DIR]
 *     node bench/fleet/fleet.ts score --truth DIR/truth.ndjson --findings FILE [--alerts FILE]
 *     node bench/fleet/fleet.ts score --out DIR          every world that runs left in DIR, added up
 *     node bench/fleet/fleet.ts check
 */
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { check } from "./check.ts"
import { live } from "./closed-loop.ts"
import { frameOf, makeInto, WorldFiles } from "./open-loop.ts"
import { table } from "./score/report.ts"
import { scoreFiles, scoreFolder } from "./score/score-files.ts"
import { scoreWorld, type WorldScore } from "./score/score-world.ts"
import { markDetectable } from "./simulate/detectable.ts"
import { switchesOf } from "./switches.ts"
import { makeWorld } from "./world/make-world.ts"
import type { World } from "./world/model.ts"

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    world: { type: "string", default: "base" },
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "1" },
    devices: { type: "string", default: "24" },
    days: { type: "string", default: "1" },
    /** Share of apps that pin, in place of IMC's range. */
    pins: { type: "string" },
    /** Seconds of the world between two looks of the correlator. */
    slice: { type: "string", default: "120" },
    /** Seconds of ours after which no further slice is begun. */
    limit: { type: "string", default: "110" },
    out: { type: "string" },
    truth: { type: "string" },
    findings: { type: "string" },
    alerts: { type: "string" },
  },
})

const verbs: Record<string, () => void | Promise<void>> = { make, run, score, check }
const verb = verbs[positionals[0] ?? ""]
if (!verb) throw new Error(`fleet: say one of ${Object.keys(verbs).join(", ")}`)
await verb()

function world(seed: string): World {
  return makeWorld({
    seed,
    phones: Number(values.devices),
    days: Number(values.days),
    pinShare: values.pins === undefined ? null : Number(values.pins),
    switches: switchesOf(values.world),
  })
}

function make(): void {
  if (!values.out) throw new Error("fleet: make needs --out DIR")
  const counts = makeInto(values.out, world(values.seed))
  for (const [kind, count] of counts) console.log(`${kind}: ${count}`)
}

function run(): void {
  const scores: WorldScore[] = []
  const deadline = Date.now() + Number(values.limit) * 1_000
  for (const seed of values.seeds.split(",")) {
    if (Date.now() > deadline) break
    const one = world(seed)
    const began = Date.now()
    const files = values.out ? new WorldFiles(`${values.out}/${seed}`) : null
    const options = { slice: Number(values.slice) * 1_000, deadline }
    const lived = live(one, files ? { ...options, onWritten: (w) => files.write(w) } : options)
    const { simulation, history, alerts, troubles, until } = lived
    const cases = simulation.book.all
    markDetectable(cases, one)
    const frame = frameOf(one)
    files?.finish({ frame, cases, history, alerts })
    const score = scoreWorld({ cases, history, alerts, ...frame })
    const whole = until >= one.end ? "" : `, stopped at ${new Date(until).toISOString()}`
    console.log(
      `world ${seed}: ${cases.length} cases, ${Math.round((Date.now() - began) / 1_000)} s${whole}`,
    )
    for (const [event, { count, first }] of troubles)
      console.log(`  ${event} ${count} times, first ${first.slice(0, 200)}`)
    for (const wrong of score.falselyConfirmed)
      console.log(`  falsely confirmed: ${JSON.stringify(wrong)}`)
    scores.push(score)
  }
  console.log(table(scores))
}

function score(): void {
  const { out, truth, findings, alerts = null } = values
  if (out) console.log(table(scoreFolder(out)))
  else if (truth && findings) {
    const frame = JSON.parse(readFileSync(join(dirname(truth), "world.json"), "utf8"))
    console.log(table([scoreFiles({ truth, findings, alerts, frame })]))
  } else throw new Error("fleet: score needs --truth FILE --findings FILE, or --out DIR of runs")
}
