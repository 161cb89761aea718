/** How kinds are kept: which only grow, which keep one version, and the rows they become. */
import type { Kind } from "../record/kinds.ts"

/** Kinds whose records are kept as they are, for ever the same under one id. */
export type FactKind =
  | "attempts"
  | "flows"
  | "app-events"
  | "devices"
  | "postures"
  | "apps"
  | "bindings"
  | "drifts"
/** Kinds of which only the current version is kept. The register is apart: it is audited. */
export type JudgementKind = "findings" | "incidents"
/** Kinds that only grow, and so can be followed from a cursor. */
export type LogKind = FactKind | "alerts" | "labels" | "baseline-changes" | "coverage-acceptances"
export type AppendableKind = LogKind | JudgementKind

/** One use of a register entry by a connection: its beginning, or its end with the bytes. */
export interface RegisterHit {
  entry_id: string
  at_ms: number
  event: "open" | "close"
  sensor_id: string
  connection_id: string
  /** Bytes of both directions at `close`; 0 at `open`. */
  bytes: number
}

export type SqlValue = string | number | null

/** A row on its way to its table, values in the order of the statement in append.ts. */
export interface Row {
  kind: AppendableKind | "register-hits"
  values: SqlValue[]
}

/** The table of a kind. */
export function tableOf(kind: Kind): string {
  if (kind === "app-events") return "app_events"
  if (kind === "baseline-changes") return "baseline_changes"
  if (kind === "coverage-acceptances") return "coverage_acceptances"
  return kind === "register-changes" ? "register_audit" : kind
}
