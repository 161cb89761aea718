/**
 * The source that logs of Zeek or Suricata are. In: files that grow. Out: flows, each kept once, and the
 * place up to which no line is needed any more: what waits for another line is read again after a restart.
 */
import { dirname } from "node:path"
import type { Flow } from "../../record/flow.ts"
import { type FileBatch, FileFollower } from "../../source/follow-file.ts"
import { Polling } from "../../source/polling.ts"
import type { Source, SourceParts } from "../../source/source.ts"
import { SourceTelling } from "../../source/source-telling.ts"
import { evePart } from "./eve-part.ts"
import { type FlowSource, flowOf } from "./flow-of.ts"
import type { SeenPart, SeenSession } from "./seen-session.ts"
import { SessionJoin } from "./session-join.ts"
import type { FlowLogSettings } from "./settings.ts"
import { ZeekLines } from "./zeek-line.ts"
import { type ZeekLog, zeekPart } from "./zeek-part.ts"

const pollMs = 1_000
/** Batches between two turns of the event loop. */
const batchesAtOnce = 8
/** Places remembered while sessions wait; of more, every other one goes, and more is read again. */
const mostPlaces = 512

/** A line read: what it says of a session, whose handshake that is, or what is wrong. */
type ReadLine = (text: string) => SeenPart | null | { fault: string }

interface Log {
  file: string
  /** Protocol of the handshakes that it tells of; null: connections, or both. */
  protocol: (part: SeenPart) => string | null
  reader: (batch: FileBatch) => ReadLine
}

type LogName = ZeekLog | "eve"

/** Addresses of this machine: what has one at an end is ours, or comes to us. */
export interface FlowLogParts extends SourceParts {
  ownAddresses: ReadonlySet<string>
}

export function flowLogSource(settings: FlowLogSettings, parts: FlowLogParts): Source {
  const logs = logsOf(settings)
  const reading = new FlowLogReading(settings, parts, logs)
  const [first] = logs.values()
  const polling = new Polling({ folder: dirname((first as Log).file), pollMs }, () =>
    reading.look() ? 0 : null,
  )
  return {
    start: () => polling.start(),
    stop: async () => {
      polling.stop()
      reading.close()
    },
  }
}

function logsOf(settings: FlowLogSettings): Map<LogName, Log> {
  if (settings.kind === "suricata") {
    const protocol = ({ connection, network }: SeenPart) =>
      connection ? null : network === "quic" ? "quic" : "tls"
    return new Map([["eve", { file: settings.eve, protocol, reader: () => evePart }]])
  }
  const log = (name: ZeekLog, file: string): Log => ({
    file,
    protocol: () => (name === "conn" ? null : name === "ssl" ? "tls" : "quic"),
    reader: ({ head }) => {
      const lines = new ZeekLines(head)
      return (text) => {
        const row = lines.read(text)
        return row === null || "fault" in row ? row : zeekPart(name, row)
      }
    },
  })
  const { ssl, conn, quic } = settings.files
  const logs = new Map<LogName, Log>([
    ["ssl", log("ssl", ssl)],
    ["conn", log("conn", conn)],
  ])
  if (quic !== null) logs.set("quic", log("quic", quic))
  return logs
}

/** Owned state: one follower a log, sessions that wait, and flows that are not kept yet. */
class FlowLogReading {
  readonly #parts: FlowLogParts
  readonly #logs: ReadonlyMap<LogName, Log>
  readonly #telling: SourceTelling
  readonly #join: SessionJoin
  readonly #source: FlowSource
  readonly #followers = new Map<LogName, FileFollower>()
  /** When what was read last of each log was written: the one that is behind is read next. */
  readonly #written = new Map<LogName, number>()
  /** Places after so many parts, oldest first. */
  #places: { after: number; place: Record<string, unknown> }[] = []
  /** By id; as many as come of one batch and what is overdue. */
  readonly #unkept = new Map<string, Flow>()
  /** Lines that could not be used, and are not counted yet. */
  #rejected = 0

  constructor(settings: FlowLogSettings, parts: FlowLogParts, logs: ReadonlyMap<LogName, Log>) {
    const { name, common, ownAddresses } = parts
    this.#parts = parts
    this.#logs = logs
    this.#telling = new SourceTelling(parts)
    const quic = settings.kind === "suricata" || settings.files.quic !== null
    this.#join = new SessionJoin({
      waitMs: settings.wait,
      ports: new Set(settings.ports),
      logged: new Set(quic ? ["tls", "quic"] : ["tls"]),
    })
    this.#source = {
      name,
      kind: settings.kind,
      common: { ...common, site: settings.realm ?? common.site },
      handshake: settings.handshake,
      control: (client, server) =>
        settings.control && !ownAddresses.has(client) && !ownAddresses.has(server),
    }
  }

  /** Tells whether there is more to read at once. */
  look(): boolean {
    try {
      const more = this.#lookOnce()
      for (const [log, follower] of this.#followers) {
        if (follower.gone) this.#telling.gone(this.#logs.get(log)?.file ?? log, follower.gone)
        follower.gone = 0
      }
      const missing = [...this.#logs].filter(([log]) => this.#followers.get(log)?.missing)
      const [absent] = missing
      // A log begins with its first line: Zeek has no quic.log before the first session over QUIC.
      if (absent && missing.length === this.#logs.size)
        this.#telling.failing(`${absent[1].file} is not there; is it written elsewhere?`)
      else this.#telling.ok()
      return more
    } catch (error) {
      this.#telling.failing(error instanceof Error ? error.message : String(error))
      return false
    }
  }

  close(): void {
    for (const follower of this.#followers.values()) follower.close()
    this.#followers.clear()
  }

  #lookOnce(): boolean {
    this.#open()
    // What the store did not take: no more is read before that.
    this.#flush()
    for (let count = 0; count < batchesAtOnce; count++) {
      const next = this.#next()
      this.#give(this.#join.overdue(this.#parts.clock()))
      if (!next) {
        this.#keep(null)
        return false
      }
      this.#read(next.log, next.batch)
      this.#keep(next)
    }
    return true
  }

  #open(): void {
    if (this.#followers.size > 0) return
    const kept = this.#parts.keeper.place()
    const places =
      typeof kept === "object" && kept !== null ? (kept as Record<string, unknown>) : {}
    for (const [log, { file }] of this.#logs) {
      const place = places[log] ?? this.#beginOf(file)
      this.#followers.set(log, new FileFollower({ file }, place))
    }
    this.#keep(null)
  }

  /** Before the first line, so that what is rotated away while sessions wait is found again. */
  #beginOf(file: string): unknown {
    const follower = new FileFollower({ file, chunk: 0 }, null)
    follower.next(this.#parts.clock())
    const { place } = follower
    follower.close()
    return place
  }

  #next(): { log: LogName; batch: FileBatch } | null {
    const last = (log: LogName) => this.#written.get(log) ?? 0
    for (const log of [...this.#followers.keys()].sort((a, b) => last(a) - last(b))) {
      const batch = this.#followers.get(log)?.next(this.#parts.clock())
      if (batch) return { log, batch }
    }
    return null
  }

  #read(name: LogName, batch: FileBatch): void {
    const log = this.#logs.get(name) as Log
    const read = log.reader(batch)
    const now = this.#parts.clock()
    const rejected: { at: number; because: string }[] = []
    for (const { text, at } of batch.units) {
      const part = read(text)
      if (part === null) continue
      if ("fault" in part) {
        rejected.push({ at, because: `${name} log: ${part.fault}` })
        continue
      }
      this.#written.set(name, Math.max(this.#written.get(name) ?? 0, part.writtenMs))
      this.#give(this.#join.add(part, log.protocol(part), now))
    }
    this.#rejected += rejected.length + batch.overlong
    this.#telling.rejected(batch.path, rejected, batch.overlong)
  }

  #give(sessions: readonly SeenSession[]): void {
    for (const session of sessions) {
      const flow = flowOf(session, this.#source)
      this.#unkept.set(flow.id, flow)
    }
  }

  /** What was read is in memory now, whether or not the store takes what came of it. */
  #keep(read: { log: LogName; batch: FileBatch } | null): void {
    if (read || this.#places.length === 0)
      this.#places.push({ after: this.#join.count, place: this.#placeWith(read) })
    if (read) this.#followers.get(read.log)?.took()
    this.#flush()
  }

  /** With the place after the last batch before the oldest part that is still needed. */
  #flush(): void {
    const { keeper } = this.#parts
    const done = this.#places.findLastIndex(({ after }) => after < this.#join.oldest)
    const place = this.#places[done]?.place
    if (place && done > 0) this.#places.splice(0, done)
    if (this.#places.length > mostPlaces)
      this.#places = this.#places.filter((_, index) => index % 2 === 0)
    const flows = [...this.#unkept.values()]
    const moved = place !== undefined && !isSame(place, keeper.place())
    const rejected = this.#rejected
    if (flows.length + rejected > 0 || moved)
      keeper.keep({ records: { flows }, rejected, ...(moved ? { place } : {}) })
    this.#unkept.clear()
    this.#rejected = 0
  }

  #placeWith(read: { log: LogName; batch: FileBatch } | null): Record<string, unknown> {
    return Object.fromEntries(
      [...this.#followers].map(([log, follower]) => [
        log,
        read?.log === log ? read.batch.place : follower.place,
      ]),
    )
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
