/** What the kernel says of a sensor's processes: resident memory and descriptors. Linux. */
import { readdirSync, readFileSync } from "node:fs"
import { childrenOf } from "../../test/support/processes.ts"

export interface Use {
  /** Resident memory, in MiB. */
  mib: number
  descriptors: number
}

/** The worker that has the connections: the supervisor and the correlator have none. */
export function workerOf(supervisor: number): number {
  const worker = childrenOf(supervisor).find(({ role }) => role === "sensor-worker")
  if (!worker) throw new Error("the sensor has no worker; see its log")
  return worker.pid
}

export function useOf(pid: number): Use {
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1])
  return { mib: kib / 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length }
}

/** The most memory of a process while something goes on, looked at five times a second. */
export async function mostDuring<Result>(
  pid: number,
  what: Promise<Result>,
): Promise<{ result: Result; most: Use }> {
  const most = useOf(pid)
  const timer = setInterval(() => {
    const now = useOf(pid)
    most.mib = Math.max(most.mib, now.mib)
    most.descriptors = Math.max(most.descriptors, now.descriptors)
  }, 200)
  try {
    return { result: await what, most }
  } finally {
    clearInterval(timer)
  }
}

/** Waits until a process has at most so many descriptors, at the longest half a minute. */
export async function descriptorsDownTo(pid: number, count: number): Promise<number> {
  for (let n = 0; n < 300 && useOf(pid).descriptors > count; n++)
    await new Promise((resolve) => setTimeout(resolve, 100))
  return useOf(pid).descriptors
}

/** How many descriptors a process that is started now may open. */
export function descriptorLimit(): number {
  const limits = readFileSync("/proc/self/limits", "utf8")
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
}
