/** What a process holds: to say after a fault that nothing of it is left. */
import { readdirSync, readlinkSync } from "node:fs"
import { Socket } from "node:net"
import { holds } from "./processes.ts"

/** Descriptors of this process. Linux; 0 elsewhere. */
function descriptors(): number {
  try {
    return readdirSync("/proc/self/fd").length
  } catch {
    return 0
  }
}

/** Sockets of another process; files come and go with what it stores. */
export function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((fd) => linkOf(`${folder}/${fd}`).startsWith("socket:")).length
}

/** Empty if it was closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ""
  }
}

/** Timers and sockets that keep this process alive. */
function resources(): number {
  return process.getActiveResourcesInfo().length
}

/** Whether this process soon holds no more than `before` again. */
export function backTo(before: Held): Promise<boolean> {
  return holds(() => {
    const now = held()
    return now.descriptors <= before.descriptors && now.resources <= before.resources
  }, 8_000)
}

export interface Held {
  descriptors: number
  resources: number
}

export function held(): Held {
  return { descriptors: descriptors(), resources: resources() }
}

/** Connections that this process has opened to a port and not closed: a sensor's legs to an origin. */
export function legsTo(port: number): number {
  const handles: unknown = Reflect.get(process, "_getActiveHandles").call(process)
  if (!Array.isArray(handles)) throw new Error("this Node does not list its handles")
  return handles.filter((one) => one instanceof Socket && one.remotePort === port).length
}
