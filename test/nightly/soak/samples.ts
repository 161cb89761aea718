/** What Linux says of the processes of a sensor, every few seconds, and whether it stays flat. */
import { readdirSync, readFileSync } from "node:fs"
import { childrenOf, cpuMs } from "../../support/processes.ts"

export interface Sample {
  /** Milliseconds since the soak began. */
  atMs: number
  pid: number
  role: string
  /** KiB: resident, and the process's own part of what is shared. */
  rss: number
  pss: number
  descriptors: number
  threads: number
  cpuMs: number
}

/** The same right after a collection. */
export interface Collected extends Sample {
  /** KiB of heap and external memory that are in use. */
  live: number
}

/** The supervisor and its children. */
export function sampleAll(supervisor: number, atMs: number): Sample[] {
  const all = [{ pid: supervisor, role: "supervisor" }, ...childrenOf(supervisor)]
  return all.flatMap(({ pid, role }) => {
    const status = read(`/proc/${pid}/status`)
    const sample = {
      atMs,
      pid,
      role,
      rss: number(status, "VmRSS"),
      pss: number(read(`/proc/${pid}/smaps_rollup`), "Pss"),
      descriptors: countOf(`/proc/${pid}/fd`),
      threads: number(status, "Threads"),
      cpuMs: cpuMs(pid),
    }
    // It ended while it was looked at.
    return status === "" ? [] : [sample]
  })
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

function countOf(folder: string): number {
  try {
    return readdirSync(folder).length
  } catch {
    return 0
  }
}

function number(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0)
}

export interface Trend {
  median: number
  /** By how much it grew over the time looked at, as the median of all slopes has it (Theil-Sen):
   * single spikes do not move it. */
  growth: number
}

/** Over the last two thirds of the samples: caches and heaps fill in the first. */
export function trendOf<Of extends Sample>(
  samples: readonly Of[],
  value: (sample: Of) => number,
): Trend {
  const late = samples.slice(Math.ceil(samples.length / 3))
  const slopes: number[] = []
  for (const [index, one] of late.entries())
    for (const other of late.slice(index + 1))
      slopes.push((value(other) - value(one)) / (other.atMs - one.atMs))
  const span = (late.at(-1)?.atMs ?? 0) - (late[0]?.atMs ?? 0)
  return { median: median(late.map(value)), growth: median(slopes) * span }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
