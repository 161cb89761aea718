/**
 * A fleet of phones as a bench for the judgement.
 *
 *     node bench/fleet/fleet.ts make  --world base --seed 7 --devices 200 --days 3 --out DIR
 *     node bench/fleet/fleet.ts run   --world base --seeds 1,2,3 --devices 24 --days 1 [--slice 300] [--out DIR]
 *     node bench/fleet/fleet.ts prove --seeds tune|frozen --out DIR [--minutes 25] [--processes 2] [--part 1]
 *     node bench/fleet/fleet.ts table --out DIR [--into PAGE]   the tables of what `prove` left in DIR
 *     node bench/fleet/fleet.ts score --truth DIR/truth.ndjson --findings FILE [--alerts FILE]
 *     node bench/fleet/fleet.ts score --out DIR          every world that runs left in DIR, added up
 *     node bench/fleet/fleet.ts check
 */
import { readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { check } from "./check.ts"
import { makeInto } from "./open-loop.ts"
import { firstSeeds, type Seeds } from "./plan.ts"
import { prove as proveAll } from "./proof/prove.ts"
import { headFile, readResults } from "./proof/results.ts"
import { intoPage, tablesOf } from "./proof/tables.ts"
import { runWorld } from "./run-world.ts"
import { table as tableOf } from "./score/report.ts"
import { scoreFiles, scoreFolder } from "./score/score-files.ts"
import type { WorldScore } from "./score/score-world.ts"
import { switchesOf } from "./switches.ts"
import { makeWorld } from "./world/make-world.ts"

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
    slice: { type: "string", default: "300" },
    /** Seconds of ours after which no further slice is begun. */
    limit: { type: "string", default: "110" },
    /** The same for a proof, in minutes. */
    minutes: { type: "string", default: "25" },
    processes: { type: "string", default: "2" },
    /** Share of the plan's worlds. */
    part: { type: "string", default: "1" },
    out: { type: "string" },
    /** A page with places for the tables. */
    into: { type: "string" },
    truth: { type: "string" },
    findings: { type: "string" },
    alerts: { type: "string" },
  },
})

const verbs: Record<string, () => void | Promise<void>> = { make, run, prove, table, score, check }
const verb = verbs[positionals[0] ?? ""]
if (!verb) throw new Error(`fleet: say one of ${Object.keys(verbs).join(", ")}`)
await verb()

function make(): void {
  if (!values.out) throw new Error("fleet: make needs --out DIR")
  const world = makeWorld({
    seed: values.seed,
    phones: Number(values.devices),
    days: Number(values.days),
    pinShare: pinShare(),
    switches: switchesOf(values.world),
  })
  const counts = makeInto(values.out, world)
  for (const [kind, count] of counts) console.log(`${kind}: ${count}`)
}

function run(): void {
  const scores: WorldScore[] = []
  const deadline = Date.now() + Number(values.limit) * 1_000
  for (const seed of values.seeds.split(",")) {
    if (Date.now() > deadline) break
    const { cases, seconds, stoppedAt, troubles, score } = runWorld({
      world: values.world,
      seed,
      phones: Number(values.devices),
      days: Number(values.days),
      pinShare: pinShare(),
      slice: Number(values.slice) * 1_000,
      deadline,
      out: values.out ? join(values.out, seed) : null,
    })
    const whole = stoppedAt === null ? "" : `, stopped at ${new Date(stoppedAt).toISOString()}`
    console.log(`world ${seed}: ${cases} cases, ${Math.round(seconds)} s${whole}`)
    for (const { event, count, first } of troubles)
      console.log(`  ${event} ${count} times, first ${first.slice(0, 200)}`)
    for (const wrong of score.falselyConfirmed)
      console.log(`  falsely confirmed: ${JSON.stringify(wrong)}`)
    for (const wrong of score.falselySent) console.log(`  falsely sent: ${JSON.stringify(wrong)}`)
    for (const pin of score.missed) console.log(`  missed: ${JSON.stringify(pin)}`)
    scores.push(score)
  }
  console.log(tableOf(scores))
}

async function prove(): Promise<void> {
  if (!values.out) throw new Error("fleet: prove needs --out DIR")
  if (!(values.seeds in firstSeeds)) throw new Error("fleet: prove needs --seeds tune or frozen")
  await proveAll({
    out: values.out,
    seeds: values.seeds as Seeds,
    processes: Number(values.processes),
    deadline: Date.now() + Number(values.minutes) * 60_000,
    part: Number(values.part),
    tell: (line) => console.log(line),
  })
  table()
}

function table(): void {
  if (!values.out) throw new Error("fleet: table needs --out DIR")
  const head = JSON.parse(readFileSync(join(values.out, headFile), "utf8"))
  const tables = tablesOf(readResults(values.out), head)
  if (values.into) {
    const page = readFileSync(values.into, "utf8")
    writeFileSync(values.into, intoPage(page, tables))
  } else for (const [name, text] of tables) console.log(`## ${name}\n\n${text}\n`)
}

function pinShare(): number | null {
  return values.pins === undefined ? null : Number(values.pins)
}

function score(): void {
  const { out, truth, findings, alerts = null } = values
  if (out) console.log(tableOf(scoreFolder(out)))
  else if (truth && findings) {
    const frame = JSON.parse(readFileSync(join(dirname(truth), "world.json"), "utf8"))
    console.log(tableOf([scoreFiles({ truth, findings, alerts, frame })]))
  } else throw new Error("fleet: score needs --truth FILE --findings FILE, or --out DIR of runs")
}
