/**
 * How long what kind of record is kept. In: parsed YAML or JSON. Out: checked durations in
 * milliseconds. It must not know how records are forgotten (retention.ts).
 */
import { z } from "zod"
import { Duration } from "../record/duration.ts"

/** Null: for ever. What was imported is as old as it says it is, so nothing is forgotten unless the
 * operator says so. */
const kept = Duration.nullable().default(null)

/** Of inventory (devices, postures, apps) only statements that a newer one has overtaken are
 * forgotten, of bindings only those that have ended, of findings and incidents only closed ones, of
 * alerts what nobody waits for any more. The audit of the register and what people said stay. */
export const RetentionSettings = z.strictObject({
  attempts: kept,
  flows: kept,
  "app-events": kept,
  devices: kept,
  postures: kept,
  apps: kept,
  bindings: kept,
  drifts: kept,
  findings: kept,
  incidents: kept,
  alerts: kept,
  /** When devices were last listed by a source, seen in traffic or told of by an agent. */
  sightings: kept,
})
export type RetentionSettings = z.infer<typeof RetentionSettings>
