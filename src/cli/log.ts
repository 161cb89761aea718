/** Operators' logs: pino, one event name in kebab-case and fields of records. */
import { type Logger, pino } from "pino"
import type { Config } from "../config.ts"
import type { Log } from "../intercept/sensor-deps.ts"

/** `role` and `pid` tell the processes of one sensor apart. */
export function openLog(config: Config, role: string): Logger {
  return pino({
    level: config.log,
    base: { role, pid: process.pid, sensor_id: config["sensor-id"] },
  })
}

export function logTo(logger: Logger): Log {
  return (level, event, fields) => logger[level](fields, event)
}
