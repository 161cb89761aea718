/** Feeds a target its inputs and watches time and memory. */
import { Random } from "./random.ts"
import type { FuzzTarget } from "./target.ts"

export interface FuzzFailure {
  target: string
  seed: number
  index: number
  why: string
  /** The input in hex. */
  input: string
}

export interface FuzzResult {
  target: string
  inputs: number
  accepted: number
  /** Milliseconds for one input: half of them need less; the slowest, as the best of three tries. */
  medianMs: number
  worstMs: number
  /** Bytes by which the heap after collection grew from the second quarter of the run to the last. */
  growth: number | null
  failure: FuzzFailure | null
}

export interface FuzzRun {
  target: FuzzTarget
  seed: number
  first: number
  count: number
  /** Told before each input, so that somebody else can see which one hangs. */
  onInput?: (index: number) => void
}

/** One input may take so long, in milliseconds; the largest have 80 KB. */
export const slowestInput = 50
/** An input that took longer is tried again, for CPU time alone: a collection, the compiler or another
 * process may have been the cause. */
const suspiciousMs = 10
/** How much the heap may grow from the second quarter of a run to the last one. */
export const mostGrowth = 3 * 1024 * 1024
const memorySamples = 40
/** Every so many inputs one's time counts for the median. */
const medianEvery = 64

export async function runTarget(run: FuzzRun): Promise<FuzzResult> {
  const { target, seed, first, count } = run
  const memory: number[] = []
  const times: number[] = []
  const sampleEvery = Math.max(1, Math.floor(count / memorySamples))
  let accepted = 0
  let worstMs = 0
  const result = (inputs: number, failure: FuzzFailure | null): FuzzResult => ({
    target: target.name,
    inputs,
    accepted,
    medianMs: median(times),
    worstMs,
    growth: growthOf(memory),
    failure,
  })
  for (let done = 0; done < count; done++) {
    const index = first + done
    run.onInput?.(index)
    const random = new Random(seed, target.name, index)
    let input: Uint8Array = new Uint8Array(0)
    const failed = (why: string) =>
      result(done + 1, { target: target.name, seed, index, why, input: hex(input) })
    try {
      input = target.input(random)
      const began = performance.now()
      const answer = target.check(input, random)
      if (answer instanceof Promise ? await answer : answer) accepted++
      const tookMs = performance.now() - began
      if (done % medianEvery === 0) times.push(tookMs)
      if (tookMs > Math.max(worstMs, suspiciousMs)) {
        worstMs = Math.max(worstMs, await bestOfThree(run, index))
        if (worstMs > slowestInput) return failed(`it took ${worstMs.toFixed(1)} ms`)
      } else worstMs = Math.max(worstMs, tookMs)
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error))
    }
    if (globalThis.gc && done % sampleEvery === 0) memory.push(heapNow())
  }
  return result(count, null)
}

async function bestOfThree({ target, seed }: FuzzRun, index: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < 3; tries++) {
    const random = new Random(seed, target.name, index)
    const input = target.input(random)
    const began = process.threadCpuUsage()
    await target.check(input, random)
    const { user, system } = process.threadCpuUsage(began)
    best = Math.min(best, (user + system) / 1_000)
  }
  return best
}

/** The input with this number, made again. */
export function inputOf(target: FuzzTarget, seed: number, index: number): string {
  return hex(target.input(new Random(seed, target.name, index)))
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex")
}

export function heapNow(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Caches may fill in the first quarter. */
export function growthOf(memory: readonly number[]): number | null {
  if (memory.length < 16) return null
  const quarter = Math.floor(memory.length / 4)
  return median(memory.slice(-quarter)) - median(memory.slice(quarter, 2 * quarter))
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
