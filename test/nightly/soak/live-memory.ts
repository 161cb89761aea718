/**
 * What running Node processes hold after a collection, by their inspector (SIGUSR1 opens it). Without a
 * collection a trend of memory says when V8 last felt like one, not whether anything leaks: between two a
 * worker at a steady rate was seen to grow from 100 to 210 MiB, and to fall back.
 */
import { holds } from "../../support/processes.ts"

/** The inspectors of the processes that are started with this in NODE_OPTIONS are on ports of their own. */
export const inspectable = "--inspect-port=0"

export interface Inspector {
  pid: number
  /** Collects garbage; KiB of heap and external memory that are left. */
  collect(): Promise<number>
  close(): void
}

/** One process at a time: what it says on stderr then is its own. `said`: all of stderr so far. */
export async function inspect(pid: number, said: () => string): Promise<Inspector> {
  const before = said().length
  const url = () => /ws:\/\/\S+/.exec(said().slice(before))?.[0]
  process.kill(pid, "SIGUSR1")
  if (!(await holds(() => url() !== undefined, 10_000)))
    throw new Error(`process ${pid} opened no inspector`)
  const socket = new WebSocket(url() ?? "")
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = reject
  })
  let last = 0
  const call = (method: string, params: object = {}) =>
    new Promise<unknown>((resolve, reject) => {
      const id = ++last
      const take = ({ data }: MessageEvent) => {
        const answer = JSON.parse(String(data))
        if (answer.id !== id) return
        socket.removeEventListener("message", take)
        resolve(answer.result)
      }
      socket.addEventListener("message", take)
      socket.addEventListener("close", () => reject(new Error(`process ${pid} is gone`)))
      socket.send(JSON.stringify({ id, method, params }))
    })
  const expression = "(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())"
  return {
    pid,
    collect: async () => {
      await call("HeapProfiler.collectGarbage")
      const answer = await call("Runtime.evaluate", { expression })
      const bytes = (answer as { result: { value: number } }).result.value
      return Math.round(bytes / 1024)
    },
    close: () => socket.close(),
  }
}

/** What the inspector itself says on stderr. */
export const inspectorLine = /^(?:Debugger |For help, see: https:\/\/nodejs\.org|$)/
