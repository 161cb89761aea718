/**
 * The store: one connection to the evidence database, and everything one can ask of it.
 *
 * In: records, questions. Out: counts, records. Must not know who asks or what a verdict is. The
 * statements stand in the modules this class puts together: append, read, ask, register, outbox.
 */
import type { Database } from "better-sqlite3"
import type { AppEvent } from "../record/app-event.ts"
import type { Attempt } from "../record/attempt.ts"
import type { Binding, BindingNames } from "../record/binding.ts"
import type { Device } from "../record/device.ts"
import type { Drift } from "../record/drift.ts"
import type { Flow } from "../record/flow.ts"
import type { Kind, RecordOf } from "../record/kinds.ts"
import type { Label } from "../record/label.ts"
import type { Posture } from "../record/posture.ts"
import type { RegisterChange } from "../record/register-change.ts"
import type { RegisterEntry } from "../record/register-entry.ts"
import * as alertStates from "./alert-states.ts"
import * as events from "./app-event-names.ts"
import { type AppendCount, appendSerialised } from "./append.ts"
import * as ask from "./ask.ts"
import * as baselines from "./baselines.ts"
import { check, type StoreCheck } from "./check.ts"
import { CoverageTables } from "./coverage.ts"
import { inodeOf } from "./database.ts"
import * as drifts from "./drifts.ts"
import * as time from "./in-time.ts"
import * as outbox from "./outbox.ts"
import { prepared } from "./prepared.ts"
import { Privacy } from "./privacy.ts"
import * as read from "./read.ts"
import * as audit from "./register-audit.ts"
import * as register from "./register-table.ts"
import * as use from "./register-use.ts"
import { type ForgottenKind, retain } from "./retention.ts"
import { Rewalks } from "./rewalks.ts"
import { toRow } from "./serialise.ts"
import { SourceStates } from "./source-states.ts"
import type { AppendableKind, LogKind, RegisterHit, Row } from "./tables.ts"

export class Store {
  /** What is counted and accepted of what the sensor does not see. */
  readonly coverage: CoverageTables
  /** How far each outside source was read, and how it does. */
  readonly sources: SourceStates
  /** Erasing, and pseudonyms. */
  readonly privacy: Privacy
  /** Devices whose past is to be judged again. */
  readonly rewalks: Rewalks
  readonly #db: Database
  readonly #outboxLimit: number
  readonly #inode: number

  /** Use `openStore`. */
  constructor(db: Database, limits: { outboxLimit: number }) {
    this.#db = db
    this.#outboxLimit = limits.outboxLimit
    this.#inode = inodeOf(db.name)
    this.coverage = new CoverageTables(db)
    this.sources = new SourceStates(db)
    this.privacy = new Privacy(db)
    this.rewalks = new Rewalks(db)
  }

  close(): void {
    this.#db.close()
  }

  /** False once the file was moved or removed: what is written then reaches nobody; open again. */
  inPlace(): boolean {
    return inodeOf(this.#db.name) === this.#inode
  }

  /** All writes of `work` in one commit, or none. It must not be async. Calls may nest. */
  transaction<T>(work: () => T): T {
    return this.#db.transaction(work).immediate()
  }

  /** Facts and alerts are added once; findings and incidents replace their earlier version. */
  append<K extends AppendableKind>(kind: K, records: readonly RecordOf[K][]): AppendCount {
    const taken = this.#notErased(kind, records)
    const count = this.appendSerialised(taken.map((record) => toRow(kind, record)))
    return taken === records ? count : { ...count, erased: records.length - taken.length }
  }

  #notErased<K extends AppendableKind>(kind: K, records: readonly RecordOf[K][]) {
    if (kind !== "devices" && kind !== "postures" && kind !== "bindings" && kind !== "app-events")
      return records
    const taken = this.privacy.erasures.without(kind, records)
    return taken.length === records.length ? records : taken
  }

  /** The same for rows that another thread has serialised; kinds may be mixed. */
  appendSerialised(rows: readonly Row[]): AppendCount {
    return appendSerialised(this.#db, rows)
  }

  /** The next records after a cursor, in the order they were committed. */
  follow<K extends LogKind>(kind: K, afterSeq: number, limit: number): read.Followed<K>[] {
    return read.follow(this.#db, kind, afterSeq, limit)
  }

  lastSeq(kind: LogKind): number {
    return read.lastSeq(this.#db, kind)
  }

  /** Where a follower stands; 0 for one that never saved. */
  cursor(name: string): number {
    const sql = "SELECT seq FROM cursors WHERE name = ?"
    return (prepared(this.#db, sql).get(name) as { seq: number } | undefined)?.seq ?? 0
  }

  saveCursor(name: string, seq: number): void {
    const sql = `INSERT INTO cursors (name, seq) VALUES (?, ?)
      ON CONFLICT (name) DO UPDATE SET seq = excluded.seq`
    prepared(this.#db, sql).run(name, seq)
  }

  get<K extends Kind>(kind: K, id: string): RecordOf[K] | null {
    return read.get(this.#db, kind, id)
  }

  /** All records of a kind in the order they came, a few hundred in memory at a time. */
  *all<K extends Kind>(kind: K, sinceMs?: number): Generator<RecordOf[K]> {
    for (const body of this.bodies(kind, sinceMs)) yield JSON.parse(body)
  }

  /** The same as their canonical JSON. */
  bodies(kind: Kind, sinceMs?: number): Generator<string> {
    return read.bodiesOf(this.#db, kind, sinceMs)
  }

  /** Facts of a span of event time in its order, a few hundred in memory at a time. */
  inTime<K extends time.TimedKind>(kind: K, fromMs: number, toMs: number): Generator<RecordOf[K]> {
    return time.inTime(this.#db, kind, fromMs, toMs)
  }

  /** When the first fact at or after a time was observed. */
  firstTime(kind: time.TimedKind, fromMs: number): number | null {
    return time.firstTime(this.#db, kind, fromMs)
  }

  /** When the last fact before a time was observed. */
  lastTime(kind: time.TimedKind, toMs: number): number | null {
    return time.lastTime(this.#db, kind, toMs)
  }

  attemptsOf(clientIp: string, fromMs: number, toMs: number, limit?: number): Attempt[] {
    return ask.attemptsOf(this.#db, clientIp, fromMs, toMs, limit)
  }

  flowsOf(clientIp: string, fromMs: number, toMs: number, limit?: number): Flow[] {
    return ask.flowsOf(this.#db, clientIp, fromMs, toMs, limit)
  }

  clientsSeen(fromMs: number, toMs: number): string[] {
    return ask.clientsSeen(this.#db, fromMs, toMs)
  }

  /** From when on these clients have no more than so many attempts and flows together. */
  beginOfNewest(clients: readonly string[], fromMs: number, toMs: number, most: number): number {
    return ask.beginOfNewest(this.#db, clients, fromMs, toMs, most)
  }

  appEventsBetween(fromMs: number, toMs: number): AppEvent[] {
    return ask.appEventsBetween(this.#db, fromMs, toMs)
  }

  /** Events that may be of the device with these names; of more than `limit` the newest. */
  appEventsNaming(names: events.EventNames, fromMs: number, toMs: number, limit: number) {
    return events.appEventsNaming(this.#db, names, fromMs, toMs, limit)
  }

  appEventCount(fromMs: number, toMs: number, most: number): number {
    return events.appEventCount(this.#db, fromMs, toMs, most)
  }

  current<K extends ask.InventoryKind>(kind: K): RecordOf[K][] {
    return ask.current(this.#db, kind)
  }

  eachCurrent<K extends ask.InventoryKind>(kind: K): Generator<RecordOf[K]> {
    return ask.eachCurrent(this.#db, kind)
  }

  inForce<K extends ask.InventoryKind>(kind: K, record: RecordOf[K]): RecordOf[K] | null {
    return ask.inForce(this.#db, kind, record)
  }

  devicesNamed(tenant: string, names: BindingNames): Device[] {
    return ask.devicesNamed(this.#db, tenant, names)
  }

  device(tenant: string, deviceId: string): Device | null {
    return ask.device(this.#db, tenant, deviceId)
  }

  /** Whether inventory says now of some device that it is a person's own. */
  anyPersonalDevice(tenant: string): boolean {
    return ask.anyPersonalDevice(this.#db, tenant)
  }

  /** Of more than `limit` the newest. */
  posturesOf(deviceId: string, limit?: number): Posture[] {
    return ask.posturesOf(this.#db, deviceId, limit)
  }

  bindings(fromMs: number, toMs: number): Binding[] {
    return ask.bindings(this.#db, fromMs, toMs)
  }

  bindingsOf(...addresses: readonly string[]): Binding[] {
    return ask.bindingsOf(this.#db, addresses)
  }

  /** Changes whenever another connection has committed anything. Costs about a microsecond. */
  dataVersion(): number {
    return this.#db.pragma("data_version", { simple: true }) as number
  }

  /** Number of the newest change of the register; 0 while there is none. */
  registerAuditSeq(): number {
    return audit.registerAuditSeq(this.#db)
  }

  /** What workers decide by: source register, in force, not ended. */
  registerEntries(nowMs: number): RegisterEntry[] {
    return register.registerEntries(this.#db, nowMs)
  }

  /** Entries that changed after a change, as they stand now; looks at `limit` changes. */
  registerChangesAfter(seq: number, limit: number): register.ChangedEntry[] {
    return register.registerChangesAfter(this.#db, seq, limit)
  }

  /** Adds or replaces entries and audits it. Their use is no part of that: see `useRegister`. */
  putRegister(entries: readonly RegisterEntry[], who: string, nowMs: number, act?: register.Act) {
    return register.putRegister(this.#db, entries, who, nowMs, act)
  }

  /** Takes an entry out; the audit keeps it. False if there is none. */
  removeRegister(id: string, who: string, reason: string, nowMs: number): boolean {
    return register.removeRegister(this.#db, id, who, reason, nowMs)
  }

  /** Takes out at most `limit` entries that ended before a time; returns how many. */
  removeEndedRegister(
    beforeMs: number,
    limit: number,
    who: string,
    nowMs: number,
    of: "all" | "trials" = "all",
  ): number {
    return register.removeEndedRegister(this.#db, beforeMs, limit, who, nowMs, of)
  }

  /** The history of the register, oldest first. */
  registerAudit(afterSeq: number, limit: number): RegisterChange[] {
    return audit.registerAudit(this.#db, afterSeq, limit)
  }

  /** What was done with one entry, oldest first. */
  registerHistory(entryId: string): RegisterChange[] {
    return audit.registerHistory(this.#db, entryId)
  }

  /** When each entry was last looked at by a person (or made), in epoch milliseconds. */
  registerReviews(entryIds: readonly string[]): Map<string, number> {
    return audit.registerReviews(this.#db, entryIds)
  }

  /** Adds uses to their entries. Call it in the commit that moves the cursor over the hits. */
  useRegister(hits: readonly RegisterHit[]): void {
    use.useRegister(this.#db, hits)
  }

  /** How much entries were used; one that is not there is left out. */
  registerUse(ids: readonly string[]): Map<string, use.Use> {
    return use.registerUse(this.#db, ids)
  }

  driftsOf(entryIds: readonly string[]): Drift[] {
    return drifts.driftsOf(this.#db, entryIds)
  }

  bypassProfile(entryId: string): unknown {
    return drifts.bypassProfile(this.#db, entryId)
  }

  putBypassProfile(entryId: string, body: unknown, nowMs: number): void {
    drifts.putBypassProfile(this.#db, entryId, body, nowMs)
  }

  /** What is remembered of an app at a destination; null if nothing is. */
  pairProfile(tenant: string, appId: string, destination: string): unknown {
    return baselines.pairProfile(this.#db, tenant, appId, destination)
  }

  /** All of a tenant, or of one app. */
  pairProfiles(tenant: string, appId: string | null): Generator<unknown> {
    return baselines.pairProfiles(this.#db, tenant, appId)
  }

  putPairProfiles(pairs: readonly baselines.StoredPair[]): void {
    baselines.putPairProfiles(this.#db, pairs)
  }

  forgetPairProfiles(beforeMs: number, most: number, limit: number): number {
    return baselines.forgetPairProfiles(this.#db, beforeMs, most, limit)
  }

  followHits(afterSeq: number, limit: number): { seq: number; hit: RegisterHit }[] {
    return read.followHits(this.#db, afterSeq, limit)
  }

  enqueue(alertId: string, sink: string, nowMs: number): boolean {
    return outbox.enqueue(this.#db, alertId, sink, nowMs, this.#outboxLimit)
  }

  dueOutbox(sink: string, nowMs: number, limit: number): outbox.OutboxRow[] {
    return outbox.dueOutbox(this.#db, sink, nowMs, limit)
  }

  markSent(seq: number, nowMs: number): void {
    outbox.markSent(this.#db, seq, nowMs)
  }

  markFailed(seq: number, nextMs: number, error: string): void {
    outbox.markFailed(this.#db, seq, nextMs, error)
  }

  alertState(incidentId: string): unknown {
    return alertStates.alertState(this.#db, incidentId)
  }

  /** `revisitMs`: when the incident must be looked at again; null if nothing is held back. */
  putAlertState(incidentId: string, state: unknown, revisitMs: number | null): void {
    alertStates.putAlertState(this.#db, incidentId, state, revisitMs)
  }

  /** Incidents whose time to be looked at again has come. */
  dueAlertStates(nowMs: number, limit: number, farthestMs?: number): string[] {
    return alertStates.dueAlertStates(this.#db, nowMs, limit, farthestMs)
  }

  /** What each tenant has spent of its day's budget. */
  alertBudgets(): { tenant: string; body: unknown }[] {
    return alertStates.alertBudgets(this.#db)
  }

  putAlertBudget(tenant: string, body: unknown): void {
    alertStates.putAlertBudget(this.#db, tenant, body)
  }

  /** Adds what people said; `enteredBy` brings it in here, and stands in the audit. */
  putLabels(labels: readonly Label[], enteredBy: string): AppendCount {
    const rows = labels.map((label) => toRow("labels", label))
    for (const row of rows) row.values[2] = enteredBy
    return this.appendSerialised(rows)
  }

  outboxDepth(): outbox.SinkDepth[] {
    return outbox.outboxDepth(this.#db)
  }

  /** Forgets at most `limit` facts of a kind; call again until it says 0. */
  retain(kind: ForgottenKind, beforeMs: number, limit: number): number {
    return retain(this.#db, kind, beforeMs, limit)
  }

  check(): StoreCheck {
    return check(this.#db)
  }
}
