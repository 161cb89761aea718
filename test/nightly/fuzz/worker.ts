/** One target in a thread of its own; the number of the input at work stands in shared memory. */
import { parentPort, workerData } from "node:worker_threads"
import { runTarget } from "./run-target.ts"
import { targetNamed } from "./targets.ts"
import { runTcp, tcpTarget } from "./tcp-target.ts"

export interface Work {
  target: string
  seed: number
  first: number
  count: number
  /** Input at work, and how many were begun. */
  progress: Int32Array
}

const { target, progress, ...run } = workerData as Work
const onInput = (index: number) => {
  Atomics.store(progress, 0, index)
  Atomics.add(progress, 1, 1)
}
const result =
  target === tcpTarget
    ? await runTcp({ ...run, onInput })
    : await runTarget({ ...run, target: targetNamed(target), onInput })
parentPort?.postMessage(result)
