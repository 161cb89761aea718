/**
 * A world in motion: phones open apps, apps contact hosts, fail, dial again and give up; each connection
 * leaves the record that a sensor would write. Steps through time; who is inspected, the gate decides.
 */

import type { RegisterHit } from "../../../src/evidence/tables.ts"
import type { ConnectionFacts } from "../../../src/policy/connection-view.ts"
import type { AppEvent } from "../../../src/record/app-event.ts"
import type { Attempt, Outcome } from "../../../src/record/attempt.ts"
import { isRefusal } from "../../../src/record/attempt.ts"
import type { Flow } from "../../../src/record/flow.ts"
import { Random } from "../random.ts"
import { attemptOf, type Base } from "../wire/attempt-of.ts"
import type { Exchange, Way } from "../wire/exchange.ts"
import { blockedFlow, flowOf } from "../wire/flow-of.ts"
import { type Stack, type StackName, stacks } from "../wire/stacks.ts"
import {
  day,
  holdsAt,
  type Installed,
  minute,
  type Phone,
  type Place,
  type World,
} from "../world/model.ts"
import { type Told, toldOf } from "../world/told.ts"
import { type Case, CaseBook, refusalMark } from "./case-book.ts"
import { claimsOf } from "./claims.ts"
import { factsOf, fieldsOf } from "./connection-fields.ts"
import { type Delivered, EdrAgents } from "./edr.ts"
import { EventQueue } from "./event-queue.ts"
import { type Gate, inspect, type Passage } from "./gate.ts"
import { cutAt, isTold, type Passed, passInspected, passSpliced, worksDirectly } from "./passing.ts"
import { headStartMs, overtaken } from "./race.ts"
import { checkOf, type Meeting, reactionToUs, refusesByChoice } from "./reaction.ts"
import { contactsOf, type Opening, openingsOf } from "./schedule.ts"
import { asZeekSees, seenBy } from "./tapped.ts"

/** What the store gets, in the order in which it gets it. */
export type Written =
  | Told
  | { at: number; kind: "attempts"; record: Attempt }
  | { at: number; kind: "flows"; record: Flow }
  | { at: number; kind: "app-events"; record: AppEvent }
  | { at: number; kind: "register-hits"; record: RegisterHit }

type Event =
  | { what: "day" }
  | { what: "opening"; phone: Phone; opening: Opening }
  | { what: "contact"; phone: Phone; contact: Ongoing }

/** A contact until it works or is given up. */
interface Ongoing {
  installed: Installed
  place: Place
  /** Dials so far, and how often the app began anew. */
  dials: number
  rounds: number
  harmless: boolean
}

/** An app begins anew so often, after a pause that doubles. */
const mostRounds = 3

export class Simulation {
  readonly world: World
  readonly book: CaseBook
  readonly #random: Random
  readonly #gate: Gate
  readonly #edr: EdrAgents
  readonly #events = new EventQueue<Event>()
  readonly #written = new EventQueue<Written>()
  /** When the sensor last learned an origin, by host: bounded by the places. */
  readonly #origins = new Map<string, number>()
  #records = 0

  constructor(world: World, gate: Gate) {
    this.world = world
    this.book = new CaseBook(world)
    this.#random = new Random(`${world.seed}/simulation`)
    this.#gate = gate
    this.#edr = new EdrAgents(world, this.#random.fork("edr"))
    for (const told of toldOf(world)) this.#write(told)
    for (let at = world.start; at < world.end; at += day) this.#events.put(at, { what: "day" })
  }

  /** Everything up to `until`; what is written by then. */
  step(until: number): Written[] {
    for (;;) {
      const next = this.#events.take(Math.min(until, this.world.end))
      if (!next) break
      this.#happen(next.at, next.event)
    }
    const written: Written[] = []
    for (;;) {
      const next = this.#written.take(until)
      if (!next) return written
      written.push(next.event)
    }
  }

  #happen(at: number, event: Event): void {
    switch (event.what) {
      case "day":
        for (const phone of this.world.phones)
          for (const opening of openingsOf(phone, at, this.#random))
            this.#events.put(opening.at, { what: "opening", phone, opening })
        return
      case "opening": {
        const { phone, opening } = event
        this.#deliver(this.#edr.opened(phone, opening.installed, at, opening.background))
        for (const contact of contactsOf(opening, this.#random)) {
          const ongoing = {
            installed: opening.installed,
            place: contact.place,
            dials: 0,
            rounds: 0,
            harmless: this.#random.chance(opening.installed.app.tactics.harmless),
          }
          this.#events.put(contact.at, { what: "contact", phone, contact: ongoing })
        }
        return
      }
      case "contact":
        this.#contact(at, event.phone, event.contact)
    }
  }

  #contact(at: number, phone: Phone, contact: Ongoing): void {
    const { installed, place, harmless } = contact
    const { tactics } = installed.app
    const name = holdsAt(installed.stack, at)
    const stack = tactics.mutatesHello ? this.#mutated(name) : stacks[name]
    const meeting = { world: this.world, phone, installed, place, at, stack, harmless }
    const host = tactics.rotates ? `${this.#random.hex(8)}.${place.host}` : place.host
    const known = this.book.of(meeting, host)
    if (contact.dials === 0) known.contacts += 1
    const past = this.#past(meeting)
    if (past !== null) return this.#around(meeting, known, host, past)
    const passed = this.#connect(meeting, known, host, contact.dials === 0)
    if (passed.works) return
    this.#again(at, phone, contact, known, passed, meeting)
  }

  /** Dialled again at once, then after a pause, then given up. */
  #again(
    at: number,
    phone: Phone,
    contact: Ongoing,
    known: Case,
    passed: Passed,
    meeting: Meeting,
  ) {
    const random = this.#random
    const { tactics, role } = contact.installed.app
    const dials = contact.dials + 1
    const wanted = random.pick(meeting.stack.redials)
    const next = (after: number, over: Partial<Ongoing>) =>
      this.#events.put(at + after, {
        what: "contact",
        phone,
        contact: { ...contact, dials, ...over },
      })
    if (!tactics.patient) {
      if (dials % 4 < wanted) return next(random.between(30, 900), {})
      const rounds = contact.rounds + 1
      const most = role === "browser" ? 2 : mostRounds
      if (rounds < most && random.chance(0.75))
        return next(random.between(5_000, 25_000) * 2 ** contact.rounds, {
          rounds,
          dials: 4 * rounds,
        })
    }
    if (worksDirectly(meeting) && (passed.refused || passed.exchange.kind === "no-origin"))
      known.broken += 1
  }

  #connect(meeting: Meeting, known: Case, host: string, first: boolean): Passed {
    const { phone, place, at, stack } = meeting
    const base = this.#dial(meeting, host)
    const facts = factsOf(base, phone, stack)
    if (checkOf(meeting) !== null)
      this.#deliver(this.#edr.checked(phone, meeting.installed, at, host))
    const passage = this.#decide(phone, facts, at)
    const way = this.#way(phone, place, at)
    if (first) this.#spare(meeting, known, host, way, passage)
    if (passage.do === "splice") return this.#splice(meeting, known, base, way, passage)
    const passed = passInspected(meeting, this.#random)
    this.#recordAttempt(known, base, stack, way, passed.exchange, at)
    this.#tapped(meeting, base, way, passed.exchange)
    if (passed.refused && phone.blockedDirect && this.#random.chance(0.6))
      this.#blocked(meeting, base)
    claimsOf(known, passed.exchange, way, worksDirectly(meeting))
    if (passed.exchange.kind !== "lost" && passed.exchange.kind !== "no-origin")
      known.inspected += 1
    if (passed.refused) {
      const byChoice = refusesByChoice(meeting) && isTold(phone, passed.exchange)
      this.#refused(known, facts, at, byChoice)
    } else if (passed.exchange.kind === "used") known.accepted += 1
    return passed
  }

  #refused(known: Case, facts: ConnectionFacts, at: number, byChoice: boolean): void {
    known.refused += 1
    if (byChoice && at - (known.visits.at(-1) ?? 0) > 5 * minute) known.visits.push(at)
    known.first_refused ??= at
    known.last_refused = at
    this.#gate.refused(facts, at)
  }

  #splice(meeting: Meeting, known: Case, base: Base, way: Way, passage: Passage): Passed {
    const { at, stack } = meeting
    const passed = passSpliced(meeting, this.#random)
    const exchange = cutAt(passed.exchange, passage.until - at)
    way.resumed = meeting.place.resumes > 0 && this.#random.chance(meeting.place.resumes)
    this.#tapped(meeting, base, way, exchange)
    const { leaf: _, ...shown } = base
    const record = flowOf(
      { ...shown, decision: "splice", rule: passage.rule, splice_cause: passage.cause },
      {
        source: "sensor",
        control: passage.cause === "trial",
        register_entry: passage.entry,
        network: "tcp",
      },
      stack,
      way,
      exchange,
      this.#random,
    )
    this.#write({ at: at + record.duration_ms, kind: "flows", record })
    known.spliced += 1
    const { entry } = passage
    if (entry === null) return passed
    if (passage.cause === "trial") known.trial_ms += record.duration_ms
    const bytes = record.client_bytes + record.server_bytes
    this.#gate.spliced(entry, at, bytes)
    const hit = { entry_id: entry, sensor_id: base.sensor_id, connection_id: base.id }
    const end = at + record.duration_ms
    this.#write({
      at,
      kind: "register-hits",
      record: { ...hit, at_ms: at, event: "open", bytes: 0 },
    })
    this.#write({
      at: end,
      kind: "register-hits",
      record: { ...hit, at_ms: Math.round(end), event: "close", bytes },
    })
    return passed
  }

  /** Browsers and pools open one more; the loser of a race is dropped before it is of use. */
  #spare(meeting: Meeting, known: Case, host: string, way: Way, passage: Passage): void {
    const { stack, place, at } = meeting
    const random = this.#random
    const loses = random.chance(place.losers)
    if ((!loses && !random.chance(stack.spare.share)) || passage.do === "splice") return
    const started = at + random.int(1, 300)
    const base = this.#dial({ ...meeting, at: started }, host)
    const reaction = passInspected({ ...meeting, at: started }, random)
    const exchange: Exchange =
      !reaction.refused && reaction.exchange.kind === "used"
        ? loses
          ? random.pick<Exchange>([
              { kind: "lost", before: "certificate", how: "rst" },
              { kind: "unused", lastsMs: random.between(5, 900), preface: false },
            ])
          : { kind: "unused", lastsMs: random.spread(stack.spare.ms), preface: random.chance(0.3) }
        : reaction.exchange
    this.#recordAttempt(known, base, stack, way, exchange, started)
    claimsOf(known, exchange, way, worksDirectly(meeting))
  }

  /** Over what a contact goes past the sensor; null: it does not. */
  #past({ installed, place }: Meeting): "quic" | "tcp" | null {
    if (installed.app.tactics.alwaysDirect) return "tcp"
    if (this.#random.chance(place.quicShare)) return "quic"
    return place.directShare > 0 && this.#random.chance(place.directShare) ? "tcp" : null
  }

  /** Seen by the network's own monitor only: QUIC, or a way past the sensor. */
  #around(meeting: Meeting, known: Case, host: string, network: "quic" | "tcp"): void {
    const { place, at, stack, phone } = meeting
    const resumed = place.resumes > 0 && this.#random.chance(place.resumes)
    const through = this.#way(phone, place, at)
    const way = { ...through, firstContact: false, resumed }
    const { exchange } = passSpliced(meeting, this.#random)
    const { leaf: _, ...base } = this.#base(meeting, host, this.#random.int(32_768, 60_999))
    const record = flowOf(
      { ...base, ...asZeekSees },
      { source: "zeek", control: true, register_entry: null, network },
      stack,
      way,
      exchange,
      this.#random,
    )
    this.#write({ at: at + record.duration_ms + 5_000, kind: "flows", record })
    known.spliced += 1
    if (exchange.kind === "used") this.#overtaken(meeting, known, host, through)
  }

  /** The dial through the sensor that lost against it. Only of clients that would accept us: those that would not refuse
   * whatever wins. The world counts no refusal, whatever the sensor takes it for. */
  #overtaken(meeting: Meeting, known: Case, host: string, way: Way): void {
    const { phone, place, stack, installed } = meeting
    const random = this.#random
    if (place.raceShare === 0 || installed.app.tactics.alwaysDirect) return
    if (reactionToUs(meeting).kind !== "goes-on" || !random.chance(place.raceShare)) return
    const at = meeting.at + random.int(...headStartMs)
    const base = this.#dial({ ...meeting, at }, host)
    const facts = factsOf(base, phone, stack)
    if (this.#decide(phone, facts, at).do === "splice") return
    const exchange = overtaken(random)
    const outcome = this.#recordAttempt(known, base, stack, way, exchange, at)
    if (isRefusal(outcome)) this.#gate.refused(facts, at)
    claimsOf(known, exchange, way, worksDirectly(meeting))
  }

  /** From a port of its own; agents tell of it. */
  #dial(meeting: Meeting, host: string): Base {
    const { phone, installed, place, at } = meeting
    const port = this.#random.int(32_768, 60_999)
    const base = this.#base(meeting, host, port)
    this.#deliver(this.#edr.connected(phone, installed, at, { host, ip: place.ip, port }))
    return base
  }

  /** Another tenant has a sensor of its own, without trials. */
  #decide(phone: Phone, facts: ConnectionFacts, at: number): Passage {
    return phone.tenant === this.world.tenant ? this.#gate.decide(facts, at) : inspect
  }

  /** What flow sensors at the way of this phone make of a session of ours. */
  #tapped(meeting: Meeting, base: Base, way: Way, exchange: Exchange): void {
    const { phone, stack } = meeting
    for (const tap of phone.taps) {
      const seen = seenBy(tap, base, exchange, this.#random)
      if (!seen) continue
      const { leaf: _, ...shown } = seen.base
      const record = flowOf(
        { ...shown, id: this.#id(this.book.of(meeting, meeting.place.host)) },
        { source: "zeek", control: true, register_entry: null, network: "tcp" },
        stack,
        way,
        seen.exchange,
        this.#random,
      )
      const told = Date.parse(record.observed_at) + record.duration_ms
      this.#write({ at: told + this.#random.between(2_000, 60_000), kind: "flows", record })
    }
  }

  /** Past the proxy, and stopped by a firewall. */
  #blocked(meeting: Meeting, base: Base): void {
    const { leaf: _, ...shown } = base
    const began = meeting.at + this.#random.between(500, 8_000)
    const id = this.#id(this.book.of(meeting, meeting.place.host))
    const record = blockedFlow({ ...shown, ...asZeekSees, id }, began, this.#random)
    this.#write({ at: began + 15_000, kind: "flows", record })
  }

  #recordAttempt(
    known: Case,
    base: Base,
    stack: Stack,
    way: Way,
    exchange: Exchange,
    at: number,
  ): Outcome {
    const attempt = attemptOf({ ...base, id: this.#id(known) }, stack, way, exchange, this.#random)
    const isRefused = isRefusal(attempt.outcome)
    const record = isRefused ? { ...attempt, id: `${attempt.id}${refusalMark}` } : attempt
    const closed = record.phases.closed?.ms ?? (record.phases.first_data?.ms ?? 0) + 5_000
    this.#write({ at: at + closed, kind: "attempts", record })
    return attempt.outcome
  }

  #base(meeting: Meeting, host: string, port: number): Base {
    return fieldsOf(meeting, host, port, this.#id(this.book.of(meeting, host)))
  }

  #way(phone: Phone, place: Place, at: number): Way {
    const learned = this.#origins.get(place.host)
    const firstContact = learned === undefined || at - learned > 10 * minute
    if (firstContact) this.#origins.set(place.host, at)
    return {
      tls: place.tls,
      rttMs: phone.rttMs * this.#random.skewed(1, 1.3),
      slowness: phone.slowness,
      resumed: false,
      firstContact,
    }
  }

  /** The same client, with extensions in another order and some more. */
  #mutated(name: StackName): Stack {
    const [a, b] = [this.#random.hex(12), this.#random.hex(12)]
    return { ...stacks[name], ja4: `t13d1517h2_${a}_${b}`, key: `tx13x1517h00_${a}_${b}` }
  }

  #id(known: Case): string {
    return `c${known.number.toString(36)}-${(this.#records++).toString(36)}`
  }

  #deliver(events: readonly Delivered[]): void {
    for (const { at, event } of events) this.#write({ at, kind: "app-events", record: event })
  }

  #write(written: Written): void {
    this.#written.put(written.at, written)
  }
}
