/** The processes below one, as Linux lists them. */
import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

export interface ChildOf {
  pid: number
  /** `sensor-worker`, `correlator` or `collector`. */
  role: string
}

/** Children of a process, oldest first. Threads, and what has ended, are not counted. */
export function childrenOf(parent: number): ChildOf[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = text(`/proc/${name}/stat`)
      const [state, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      if (Number(ppid) !== parent || state === "Z") return []
      const role = /([a-z-]+)\.ts/.exec(text(`/proc/${name}/cmdline`).split("\0")[1] ?? "")?.[1]
      return [{ pid: Number(name), role: role ?? "?" }]
    })
    .sort((a, b) => a.pid - b.pid)
}

export function isAlive(pid: number): boolean {
  const stat = text(`/proc/${pid}/stat`)
  return stat !== "" && !/\) Z /.test(stat)
}

/** Waits until something holds; false if it does not within the time, in milliseconds. */
export async function holds(what: () => boolean | Promise<boolean>, withinMs: number) {
  for (const until = Date.now() + withinMs; Date.now() < until; await sleep(50))
    if (await what()) return true
  return what()
}

/** CPU time of a process and its threads so far, in milliseconds (at 100 ticks a second). */
export function cpuMs(pid: number): number {
  const stat = text(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
