/**
 * The evidence of devices that are judged again and again, kept and added to. In: connections and app events as
 * they are learned, and whom a change of the inventory concerns. Out: a device ready to be judged. What cannot
 * be added is read from the store: a span of time, or all of the window.
 */
import { DeviceLedger, type LedgerSettings } from "../../analytics/device-ledger.ts"
import type { DeviceJudgement } from "../../analytics/judge.ts"
import { SightingMaker } from "../../analytics/sighting.ts"
import { type Inventory, unbound } from "../../identity/inventory.ts"
import { joinDevice, usersOf } from "../../identity/join.ts"
import { ownSessionReach } from "../../identity/own-sessions.ts"
import type { AppEvent } from "../../record/app-event.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Attributed, JudgementContext } from "../../record/attributed.ts"
import type { Flow } from "../../record/flow.ts"
import { type EvidenceParts, eventReach, merged, type Span } from "./evidence-parts.ts"
import type { Concerned } from "./inventory-memory.ts"
import { joinInput, mostRecords } from "./join-inputs.ts"
import { mostEvents } from "./known-events.ts"
import type { Suspect } from "./suspects.ts"

/** Records held of all devices together, 400 bytes each: 100 MiB. Beyond it the device that was judged longest ago
 * goes, and is read again when it is judged again. */
export const mostHeld = 250_000
/** What a device takes beside its records, counted as so many. */
const ownSize = 20
/** Spans to be read anew in one device; of more all of it is read. */
const mostSpans = 50

/** A device with its evidence up to date. */
export interface ReadyDevice {
  device_id: string
  judge(context: JudgementContext): DeviceJudgement
}

interface Hot {
  ledger: DeviceLedger
  /** Where connections may be told as somebody else's now. */
  spans: Span[]
  /** Who logged in on each binding. */
  users: Map<string, string>
  /** It has to be read again as a whole. */
  stale: boolean
  /** Flow sensors told of it: what is ours among their flows depends on our sessions around them. */
  imported: boolean
  /** Several people logged in on one binding: whose its connections are depends on those around them. */
  shared: boolean
  size: number
}

export interface HotParts extends EvidenceParts {
  /** Milliseconds, for what reading and judging took. */
  clock: () => number
}

export class HotDevices {
  readonly #parts: HotParts
  /** What each device took since it was asked last: at most those that are judged in one commit. */
  #took = new Map<string, { judging: number; reading: number }>()
  readonly #most: number
  readonly #perDevice: number
  /** Those judged longest ago first. */
  readonly #hot = new Map<string, Hot>()
  #settings: LedgerSettings
  /** Flow sensors told of some device since all was let go. */
  #anyImported = false
  #held = 0
  #read = 0
  #reread = 0

  constructor(parts: HotParts, most = mostHeld, perDevice = mostRecords) {
    this.#parts = parts
    this.#most = most
    this.#perDevice = perDevice
    this.#settings = this.#settingsNow()
  }

  /** `hot`: devices whose evidence is kept, `held`: records of theirs. `read`: whole devices that were read from
   * the store since the start, `reread`: spans of time of one. */
  get counts(): { hot: number; held: number; read: number; reread: number } {
    return { hot: this.#hot.size, held: this.#held, read: this.#read, reread: this.#reread }
  }

  attempt(attempt: Attributed<Attempt>): void {
    this.#note(attempt, ({ ledger }) => ledger.attempt(attempt))
  }

  flow(flow: Attributed<Flow>): void {
    this.#note(flow, ({ ledger }) => ledger.flow(flow))
  }

  /** Connections around it may be known as an app's now. */
  event(deviceId: string, event: AppEvent): void {
    const hot = this.#hot.get(deviceId)
    if (!hot || event.tenant !== this.#parts.config.tenant) return
    hot.ledger.event(event)
    this.#measure(hot)
    if (event.dest === null || event.app.id === null) return
    const { before, after } = eventReach(this.#parts.config)
    const at = Date.parse(event.observed_at)
    hot.spans.push({ from: at - after, to: at + before + 1 })
    if (hot.spans.length > mostSpans) hot.stale = true
  }

  inventoryChanged(inventory: Inventory, { addresses, devices, prefixHolders, all }: Concerned) {
    if (all) return this.clear()
    const behind = (address: string) => {
      for (const device of inventory.devicesBehind(address)) this.drop(device)
    }
    for (const address of addresses) behind(address)
    for (const device of devices) {
      this.drop(device)
      // Whether it is an iPhone tells whose an address is that others hold too.
      for (const address of inventory.addressesOf(device, ...everywhen)) behind(address)
    }
    if (prefixHolders.size > 0) this.clear()
  }

  drop(deviceId: string): void {
    const hot = this.#hot.get(deviceId)
    if (!hot) return
    this.#held -= hot.size
    this.#hot.delete(deviceId)
  }

  /** The settings may be others now, or all that is known. */
  clear(): void {
    this.#hot.clear()
    this.#held = 0
    this.#settings = this.#settingsNow()
  }

  /** Reads what has to be read of it. */
  ready(suspect: Suspect): ReadyDevice {
    const { device_id } = suspect
    if (this.#settings.analytics !== this.#parts.config.analytics) this.clear()
    const hot = this.#timed(device_id, "reading", () => this.#upToDate(suspect))
    this.#hot.delete(device_id)
    this.#hot.set(device_id, hot)
    this.#measure(hot)
    this.#forget(device_id)
    const { devices } = this.#parts.inventory.current
    return {
      device_id,
      judge: (context) => {
        const about = { device: devices.get(device_id), postures: devices.postures.of(device_id) }
        try {
          return this.#timed(device_id, "judging", () => hot.ledger.judge(about, context))
        } catch (error) {
          this.drop(device_id)
          throw error
        }
      },
    }
  }

  /** What each device took since this was asked last, in milliseconds. */
  takeTimes(): ReadonlyMap<string, { judging: number; reading: number }> {
    const took = this.#took
    this.#took = new Map()
    return took
  }

  #timed<Made>(deviceId: string, what: "judging" | "reading", make: () => Made): Made {
    const began = this.#parts.clock()
    const made = make()
    const took = this.#took.get(deviceId) ?? { judging: 0, reading: 0 }
    took[what] += this.#parts.clock() - began
    this.#took.set(deviceId, took)
    return made
  }

  #upToDate(suspect: Suspect): Hot {
    const known = this.#hot.get(suspect.device_id)
    const isUsable = known && !known.stale && !known.shared && suspect.latest >= known.ledger.now
    const hasGap = known !== undefined && known.spans.length > 0 && known.ledger.overflowed
    if (!known || !isUsable || hasGap) return this.#readAll(suspect)
    for (const span of merged(known.spans)) this.#readSpan(known.ledger, suspect, span)
    known.spans = []
    return known
  }

  #readAll(suspect: Suspect): Hot {
    this.drop(suspect.device_id)
    this.#read += 1
    const from = suspect.latest + 1 - this.#parts.config.analytics.scope.window
    const input = joinInput(
      this.#parts,
      suspect,
      { from, to: Number.MAX_SAFE_INTEGER },
      this.#perDevice,
    )
    const evidence = joinDevice(input)
    const ledger = new DeviceLedger(suspect.device_id, this.#settings)
    for (const event of evidence.app_events) ledger.event(event)
    for (const attempt of evidence.attempts) ledger.attempt(attempt)
    for (const flow of evidence.flows) ledger.flow(flow)
    const hot = {
      ledger,
      spans: [],
      users: new Map(),
      stale: false,
      shared: false,
      size: 0,
      imported: false,
    }
    hot.imported = input.flows.some(({ source }) => source !== "sensor")
    this.#anyImported ||= hot.imported
    for (const { bindingId, user } of usersOf([...input.attempts, ...input.flows], input.bindings))
      login(hot, bindingId, user)
    return hot
  }

  #readSpan(ledger: DeviceLedger, suspect: Suspect, span: Span): void {
    this.#reread += 1
    const { attempts, flows } = joinDevice(joinInput(this.#parts, suspect, span, this.#perDevice))
    ledger.replace(span.from, span.to, { attempts, flows })
  }

  #note(one: Attributed<Attempt | Flow>, add: (hot: Hot) => void): void {
    const { fact, who } = one
    this.#lookAroundNeighbours(fact, who.device_id)
    const hot = this.#hot.get(who.device_id)
    if (fact.proxy_user !== null || hot?.shared) this.drop(`${unbound}${fact.client_ip}`)
    if (!hot || fact.tenant !== this.#parts.config.tenant) return
    if (fact.proxy_user !== null && who.binding_id !== null)
      login(hot, who.binding_id, fact.proxy_user)
    if (isImported(fact)) {
      hot.imported = true
      this.#anyImported = true
    }
    if (hot.imported) this.#lookAround(hot, fact)
    if (isImported(fact)) return
    try {
      add(hot)
    } catch {
      // What is wrong with it is told when the device is judged.
      hot.stale = true
    }
    this.#measure(hot)
  }

  /** Who had the address before or has it next may have a flow that is told of by this one. */
  #lookAroundNeighbours(fact: Attempt | Flow, deviceId: string): void {
    if (!this.#anyImported || fact.tenant !== this.#parts.config.tenant) return
    for (const device of this.#parts.inventory.current.devicesBehind(fact.client_ip)) {
      const hot = device === deviceId ? undefined : this.#hot.get(device)
      if (hot?.imported) this.#lookAround(hot, fact)
    }
  }

  /** Of the flows in its time each may be ours now, or not, or told of by a better one. */
  #lookAround(hot: Hot, fact: Attempt | Flow): void {
    const { before, after } = ownSessionReach(this.#parts.config.identity["flow-skew"])
    const at = Date.parse(fact.observed_at)
    const ours = isImported(fact) ? 0 : lengthOf(fact)
    hot.spans.push({ from: at - after, to: at + Math.min(ours, before) + after + 1 })
    if (hot.spans.length > mostSpans) hot.stale = true
  }

  #measure(hot: Hot): void {
    const size = hot.ledger.size + ownSize
    if (this.#hot.has(hot.ledger.device_id)) this.#held += size - hot.size
    hot.size = size
  }

  #forget(but: string): void {
    for (const device of this.#hot.keys()) {
      if (this.#held <= this.#most) return
      if (device !== but) this.drop(device)
    }
  }

  #settingsNow(): LedgerSettings {
    const { analytics } = this.#parts.config
    const { before, after } = eventReach(this.#parts.config)
    return {
      analytics,
      maker: new SightingMaker(analytics["library-user-agents"]),
      mostRecords: this.#perDevice,
      mostEvents,
      eventsBefore: before,
      eventsAfter: after,
    }
  }
}

function isImported(fact: Attempt | Flow): boolean {
  return "verdict" in fact && fact.source !== "sensor"
}

function lengthOf(fact: Attempt | Flow): number {
  if ("verdict" in fact) return fact.end === "none" ? Number.POSITIVE_INFINITY : fact.duration_ms
  return fact.phases.closed?.ms ?? Number.POSITIVE_INFINITY
}

const everywhen = [0, Number.MAX_SAFE_INTEGER] as const

function login(hot: Pick<Hot, "users" | "shared">, bindingId: string, user: string): void {
  const name = user.toLowerCase()
  const known = hot.users.get(bindingId)
  if (known !== undefined && known !== name) hot.shared = true
  hot.users.set(bindingId, name)
}
