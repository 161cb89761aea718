/** What came of the story: the sensor's records as exported, and the alerts as received. */
import { setTimeout as sleep } from "node:timers/promises"
import { kindOfRecord, kinds, type RecordOf } from "../record/kinds.ts"
import { differences, type Outcome } from "./compare.ts"
import type { LabSensor } from "./sensor.ts"
import type { SyslogReceiver } from "./syslog-receiver.ts"

export interface WholeOutcome extends Outcome {
  register: readonly RecordOf["register"][]
}

/** Longest wait for the last records to be written and judged, and between two looks, in
 * milliseconds. */
const patience = 6_000
const between = 500

/** As soon as it is as told; else as it is when the time is over. */
export async function settledOutcome(
  sensor: LabSensor,
  syslog: SyslogReceiver,
  clock: () => number,
): Promise<WholeOutcome> {
  const until = clock() + patience
  for (;;) {
    const outcome = await outcomeNow(sensor, syslog)
    if (clock() >= until || differences(outcome).length === 0) return outcome
    await sleep(between)
  }
}

async function outcomeNow(sensor: LabSensor, syslog: SyslogReceiver): Promise<WholeOutcome> {
  const lines = await sensor.records("attempts", "flows", "findings", "register")
  return {
    attempts: ofKind("attempts", lines),
    flows: ofKind("flows", lines),
    findings: ofKind("findings", lines),
    register: ofKind("register", lines),
    alerts: ofKind(
      "alerts",
      syslog.received.items.flatMap(({ json }) => (json === null ? [] : [json])),
    ),
  }
}

/** Lines that are no record of the kind are left out: what is missing then differs from what was
 * told. */
function ofKind<K extends keyof WholeOutcome>(
  kind: K,
  lines: readonly Record<string, unknown>[],
): RecordOf[K][] {
  return lines.flatMap(({ record, ...fields }) => {
    if (kindOfRecord(String(record)) !== kind) return []
    const parsed = kinds[kind].schema.safeParse(fields)
    return parsed.success ? [parsed.data as RecordOf[K]] : []
  })
}
