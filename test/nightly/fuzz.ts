/**
 * `node test/nightly/fuzz.ts [--count N] [--seed S] [--target NAME] [--first N] [--threads N]`
 *
 * Feeds the readers of wire input millions of mutated inputs and holds them to their properties. The
 * same seed gives the same inputs; a failure names its seed and number, with which `--target NAME --seed
 * S --first NUMBER --count 1` runs that input alone. Exit code 1 if any property, the time of an
 * input or the heap did not hold.
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { setFlagsFromString } from "node:v8"
import { Worker } from "node:worker_threads"
import { type FuzzFailure, type FuzzResult, inputOf, mostGrowth } from "./fuzz/run-target.ts"
import { fuzzTargets, targetNamed } from "./fuzz/targets.ts"
import type { Work } from "./fuzz/worker.ts"

/** Inputs of a nightly run, the real sockets among them. */
const allInputs = 5_300_000
const tcpShare = 20_000
/** Without a step for so long an input hangs, in milliseconds. */
const hangMs = 30_000
const tellEvery = 10_000

const { values } = parseArgs({
  options: {
    count: { type: "string", default: String(allInputs) },
    seed: { type: "string", default: "1" },
    first: { type: "string", default: "0" },
    target: { type: "string" },
    threads: { type: "string", default: String(Math.min(2, availableParallelism())) },
  },
})
const count = Number(values.count)
const seed = Number(values.seed)
const first = Number(values.first)
setFlagsFromString("--expose-gc")

const began = performance.now()
const works = planned()
const total = works.reduce((sum, work) => sum + work.count, 0)
const results: FuzzResult[] = []
const waiting = [...works]
const ticker = setInterval(tell, tellEvery)
await Promise.all(Array.from({ length: Number(values.threads) }, takeNext))
clearInterval(ticker)
report()

/** What each target is given, those that take longest first. */
function planned(): Work[] {
  const work = (target: string, count: number): Work => ({
    target,
    seed,
    first,
    count,
    progress: new Int32Array(new SharedArrayBuffer(8)),
  })
  if (values.target !== undefined) return [work(values.target, count)]
  const shares = fuzzTargets.reduce((sum, { share }) => sum + share, tcpShare)
  const part = (share: number) => Math.ceil((count * share) / shares)
  return [
    work("tcp", part(tcpShare)),
    ...fuzzTargets.map(({ name, share }) => work(name, part(share))),
  ]
}

async function takeNext(): Promise<void> {
  for (let work = waiting.shift(); work; work = waiting.shift()) results.push(await done(work))
}

/** Ends a thread that hangs or breaks, and says at which input. */
function done(work: Work): Promise<FuzzResult> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./fuzz/worker.ts", import.meta.url), { workerData: work })
    let last = -1
    let since = performance.now()
    const watch = setInterval(() => {
      const at = Atomics.load(work.progress, 1)
      if (at !== last) since = performance.now()
      last = at
      if (performance.now() - since > hangMs && at < work.count) broken("it hangs")
    }, 1_000)
    const end = (result: FuzzResult) => {
      clearInterval(watch)
      worker.removeAllListeners()
      worker.terminate().then(() => resolve(result))
    }
    const broken = (why: string) => end(brokenAt(work, why))
    worker.once("message", end)
    worker.once("exit", () => broken("it ended without an answer"))
    worker.once("error", (error) => broken(`it throws out of the target: ${error}`))
  })
}

function brokenAt(work: Work, why: string): FuzzResult {
  const index = Atomics.load(work.progress, 0)
  const input = work.target === "tcp" ? "" : inputOf(targetNamed(work.target), seed, index)
  const failure: FuzzFailure = { target: work.target, seed, index, why, input }
  const inputs = Atomics.load(work.progress, 1)
  return {
    target: work.target,
    inputs,
    accepted: 0,
    medianMs: 0,
    worstMs: 0,
    growth: null,
    failure,
  }
}

function tell(): void {
  const begun = works.reduce((sum, { progress }) => sum + Atomics.load(progress, 1), 0)
  const seconds = Math.round((performance.now() - began) / 1_000)
  console.log(`${seconds} s: ${begun} of ${total} inputs (${Math.floor((100 * begun) / total)} %)`)
}

function report(): void {
  const row = (cells: readonly string[]) =>
    console.log(cells.map((cell, at) => (at === 0 ? cell.padEnd(22) : cell.padStart(11))).join(""))
  row(["target", "inputs", "accepted", "median ms", "worst ms", "heap KiB"])
  for (const { target, inputs, accepted, medianMs, worstMs, growth } of results)
    row([
      target,
      String(inputs),
      `${((100 * accepted) / Math.max(1, inputs)).toFixed(1)} %`,
      medianMs.toFixed(3),
      worstMs.toFixed(2),
      growth === null ? "-" : String(Math.round(growth / 1_024)),
    ])
  const failures = results.flatMap(({ failure }) => (failure ? [failure] : []))
  for (const { target, seed, index, why, input } of failures)
    console.log(`FAILED ${target}, seed ${seed}, number ${index}: ${why}\n  ${input}`)
  const grown = results.filter(({ growth }) => (growth ?? 0) > mostGrowth)
  for (const { target, growth } of grown)
    console.log(`FAILED ${target}: the heap grew by ${growth}`)
  const inputs = results.reduce((sum, result) => sum + result.inputs, 0)
  const seconds = ((performance.now() - began) / 1_000).toFixed(0)
  console.log(
    `${inputs} inputs in ${seconds} s, seed ${seed}: ${failures.length + grown.length} failures`,
  )
  process.exitCode = failures.length + grown.length > 0 ? 1 : 0
}
