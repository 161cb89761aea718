/** Operators' logs: pino, one event name in kebab-case and fields of records. */
import { type Logger, pino } from "pino"
import type { Config } from "../config.ts"
import type { Log } from "../intercept/log.ts"

/** `role` and `pid` tell the processes of one sensor apart. */
export function openLog(config: Config, role: string): Logger {
  const base = { role, pid: process.pid, sensor_id: config["sensor-id"] }
  return pino({ level: config.log, base }, standardOutput())
}

/** A terminal that was closed takes nothing more (EIO): the process goes on, or ends, without a log. Left
 * alone the stream would try for ever to write its last lines, and the process would never end. */
function standardOutput() {
  const output = pino.destination({ dest: 1, sync: true })
  output.on("error", () => {
    const nothing = () => {}
    Object.assign(output, { write: nothing, flush: nothing, flushSync: nothing, end: nothing })
  })
  return output
}

export function logTo(logger: Logger): Log {
  return (level, event, fields) => logger[level](fields, event)
}
