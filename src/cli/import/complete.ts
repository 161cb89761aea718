/**
 * From a line's object to a record: its kind found, what every record has filled in, parsed.
 *
 * An id that is not given is made from what the line says, so that the same line is the same
 * record whenever it is imported. Native telemetry (docs/records.md) needs no rule of its own: it
 * has the fields of an app event without those that only we know.
 */
import { createHash } from "node:crypto"
import { canonicalPrefix } from "../../identity/address-key.ts"
import { strengthOf } from "../../observe/outcome.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Binding } from "../../record/binding.ts"
import { type Kind, kindNames, kindOfRecord, kinds, type RecordOf } from "../../record/kinds.ts"
import { type Problem, problemOf } from "../../record/problem.ts"

export interface ImportContext {
  defaults: { tenant: string; site: string; sensor_id: string }
  /** Of lines that do not say it themselves: by the file's name. */
  kind: Kind | null
  /** Time of the import, and last change of the file, in epoch milliseconds. */
  now: number
  fileTime: number
}

/** The audit is what was done here: it is exported, and never taken in. */
export type ImportableKind = Exclude<Kind, "register-changes">

export interface Completed {
  kind: ImportableKind
  record: RecordOf[ImportableKind]
  /** Times that were filled in: not part of what the line says. */
  filled: readonly ("received_at" | "observed_at")[]
  /** What was not taken as it stood. */
  tell: Problem | null
}

export interface Rejected {
  kind: Kind | null
  problem: Problem
}

interface Fields {
  record?: unknown
  id?: unknown
  tenant?: unknown
  observed_at?: unknown
  received_at?: unknown
  valid_from?: unknown
  created_at?: unknown
  source?: unknown
  event_id?: unknown
  [field: string]: unknown
}

export function complete(raw: unknown, context: ImportContext): Completed | Rejected {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return { kind: null, problem: { field: null, text: "must be one JSON object a line" } }
  }
  const { record: name, ...fields } = raw as Fields
  const kind = kindOf(name, fields, context.kind)
  if (kind === null) return { kind, problem: unknownKind(name) }
  if (kind === "register-changes") return { kind, problem: auditStays }
  const { record: whole, filled } = fill(kind, fields, context)
  const parsed = kinds[kind].schema.safeParse(whole, { reportInput: true })
  if (parsed.success && kind === "bindings") {
    const binding = parsed.data as Binding
    const address = canonicalPrefix(binding.address)
    return { kind, record: { ...binding, address }, filled, tell: null }
  }
  if (parsed.success && kind === "attempts")
    return { kind, ...withStrength(parsed.data as Attempt), filled }
  if (parsed.success) return { kind, record: parsed.data, filled, tell: null }
  const issue = parsed.error.issues[0]
  return { kind, problem: issue ? problemOf(issue) : { field: null, text: parsed.error.message } }
}

const auditStays: Problem = {
  field: "record",
  text: "the audit of a register tells what was done with it there, so it is not taken in; keep the file as it is, and import `register` for the entries themselves",
}

/** A refusal without a strength would never be judged, so it gets the one that its outcome has by the facts; one that is
 * given stands. Nothing else has any. */
function withStrength(attempt: Attempt): { record: Attempt; tell: Problem | null } {
  const strength = strengthOf(attempt.outcome, attempt)
  if (strength !== null)
    return { record: { ...attempt, strength: attempt.strength ?? strength }, tell: null }
  if (attempt.strength === null) return { record: attempt, tell: null }
  const text = `${attempt.strength} is left out: ${attempt.outcome} is no refusal, and only refusals have one; correct the outcome if it was one, else write null`
  return { record: { ...attempt, strength: null }, tell: { field: "strength", text } }
}

/** An id for what was said again on a subject after something else had been said in between. */
export function idAgain(id: string, observedAt: string): string {
  return digest([id, observedAt])
}

function kindOf(name: unknown, fields: Fields, byFile: Kind | null): Kind | null {
  if (typeof name === "string") {
    return kindOfRecord(name) ?? kindNames.find((one) => one === name) ?? null
  }
  if (name !== undefined) return null
  if (byFile) return byFile
  return "event_id" in fields && "type" in fields ? "app-events" : null
}

function unknownKind(name: unknown): Problem {
  const names = kindNames.map((kind) => kinds[kind].record).join(", ")
  const text =
    name === undefined ? "is missing; add it" : `${JSON.stringify(name)} is no kind; correct it`
  return { field: "record", text: `${text} (one of ${names})` }
}

function fill(kind: Kind, fields: Fields, context: ImportContext) {
  const record: Fields = { v: 1, ...context.defaults, ...fields }
  const filled: ("received_at" | "observed_at")[] = []
  if (kind === "bindings") record.observed_at ??= fields.valid_from
  if (kind === "register") record.observed_at ??= fields.created_at
  if (kind === "devices" || kind === "postures" || kind === "apps") {
    if (record.observed_at === undefined) filled.push("observed_at")
    record.observed_at ??= new Date(context.fileTime).toISOString()
  }
  if (kind === "app-events") {
    if (record.received_at === undefined) filled.push("received_at")
    record.received_at ??= new Date(context.now).toISOString()
  }
  record.id ??= idOf(kind, record, fields)
  return { record, filled }
}

/** An app event is the same if its source says so; any other record if the line says the same. */
function idOf(kind: Kind, record: Fields, fields: Fields): string {
  const said = kind === "app-events" ? [record.source, record.event_id] : sorted(fields)
  return digest([kind, record.tenant, said])
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32)
}

/** Fields by name, so that the order of columns or keys makes no other record. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => [name, sorted(field)])
}
