/**
 * Sessions of ours that flow sensors saw, too: a tap on the side of the clients sees an inspected connection go
 * from client to origin, one outside sees our own leg. In: attempts and flows around the imported ones. Out:
 * for each of these whether it went around us. It must not know when anything arrived: a late attempt changes
 * the answer, and the order of arrival does not.
 */
import type { Attempt } from "../record/attempt.ts"
import type { Flow } from "../record/flow.ts"
import { addressKey, canonicalAddress, prefixKey, readPrefix } from "./address-key.ts"
import { connectionNames, type Fact } from "./connection-names.ts"

export type Standing =
  | { is: "direct" }
  /** One of ours, or one that is told of by another flow: it says nothing more. */
  | { is: "own" | "again"; because: string }
  /** It may be one of ours under another port: no control, and no failure either. */
  | { is: "unproven"; because: string }

export interface OwnSessionSettings {
  /** Addresses and prefixes that sensors have, at either end. */
  sensorAddresses: readonly string[]
  /** Where devices reach the proxy: addresses among them count, too. */
  proxyAddresses: readonly string[]
  /** Ways in: ADDRESS:PORT. */
  listeners: readonly string[]
  /** How far the clocks of sensors and taps may differ. */
  flowSkewMs: number
  /** Whether something between a tap and the sensor may give connections other ports. */
  portTranslation: "possible" | "none"
}

export interface Sessions {
  attempts: readonly Attempt[]
  flows: readonly Flow[]
}

/** One of ours as it is compared. */
interface Ours {
  fact: Fact
  start: number
  end: number
  /** The latest end of those up to this one in the order of start. */
  latestEnd: number
  hosts: readonly string[]
  addresses: readonly string[]
  port: number
}

/** Which to believe of two that saw one session: sums of payload before sums of frames. */
const sourceOrder = ["zeek", "suricata", "import"]

/** So long after its begin one of ours counts as open, in milliseconds: what was open when it was recorded has
 * no end, and what is compared must not reach back without bound. */
const openMs = 3_600_000

/** Within so many milliseconds no client goes from the same port to the same place again: a closed connection waits as
 * long (TIME_WAIT of Linux). What looks so is one of ours under clocks that differ more than they may. */
const portRestMs = 60_000

/** How long before a flow a session may have begun that decides on it, and how long after, in milliseconds. */
export function ownSessionReach(flowSkewMs: number): { before: number; after: number } {
  return { before: openMs + flowSkewMs, after: Math.max(flowSkewMs, portRestMs) }
}

/** Bounded by the sessions that it is made of. */
export class OwnSessions {
  readonly #settings: OwnSessionSettings
  readonly #isSensor: (address: string) => boolean
  readonly #listeners: ReadonlySet<string>
  readonly #byClientPort = new Map<string, Ours[]>()
  /** By client and place, in the order of start. */
  readonly #byPlace = new Map<string, Ours[]>()
  readonly #imported = new Map<string, Flow[]>()

  constructor({ attempts, flows }: Sessions, settings: OwnSessionSettings) {
    const { sensorAddresses, proxyAddresses, listeners } = settings
    this.#settings = settings
    this.#isSensor = within([...sensorAddresses, ...proxyAddresses])
    this.#listeners = new Set(listeners.map(canonicalEndpoint))
    const imported = flows.filter(({ source }) => source !== "sensor")
    if (imported.length === 0) return
    for (const flow of imported) push(this.#imported, endpoints(flow), flow)
    const ours = [...attempts, ...flows.filter(({ source }) => source === "sensor")]
    for (const each of ours.map(compared).sort((a, b) => a.start - b.start)) {
      push(this.#byClientPort, clientPort(each.fact), each)
      for (const place of [...each.hosts, ...each.addresses])
        push(this.#byPlace, placeOf(each, place), each)
    }
    for (const list of this.#byPlace.values()) withLatestEnds(list)
  }

  /** Flows that tell something: ours once, imported ones without those of ours. */
  telling(flows: readonly Flow[]): readonly Flow[] {
    if (this.#imported.size === 0) return flows
    return flows.flatMap((flow) => {
      if (flow.source === "sensor") return [flow]
      const { is } = this.standing(flow)
      if (is === "direct") return [flow]
      return is === "unproven" ? [{ ...flow, control: false }] : []
    })
  }

  /** Of an imported flow. */
  standing(flow: Flow): Standing {
    return (
      this.#endAtSensor(flow) ??
      this.#sameConnection(flow) ??
      this.#seenTwice(flow) ??
      this.#underOtherPort(flow) ?? { is: "direct" }
    )
  }

  #endAtSensor({ client_ip, destination_ip, destination_port }: Flow): Standing | null {
    if (this.#isSensor(client_ip))
      return own(`${client_ip} is a sensor: it is our leg to the origin`)
    if (destination_ip === null) return null
    const to = `${canonicalAddress(destination_ip)}|${destination_port}`
    return this.#isSensor(destination_ip) || this.#listeners.has(to)
      ? own(`${destination_ip} is a sensor: it is a connection to the proxy`)
      : null
  }

  /** The same client and port at the same time. The address may be another, as ours is resolved anew. */
  #sameConnection(flow: Flow): Standing | null {
    if (flow.network !== "tcp") return null
    const seen = compared(flow)
    const { flowSkewMs } = this.#settings
    const within = (list: readonly Ours[], ms: number) =>
      list.filter(({ start }) => Math.abs(start - seen.start) <= ms)
    const around = this.#byClientPort.get(clientPort(flow)) ?? []
    const near = within(around, flowSkewMs)
    const same = near.find((ours) => isSamePlace(ours, seen))
    if (same) return own(`the same connection as ${nameOf(same.fact)}`)
    const beyond = within(around, portRestMs).find((ours) => isSamePlace(ours, seen))
    if (beyond)
      return unproven(
        `client port ${flow.client_port} and the place are those of ${nameOf(beyond.fact)}, its time is not`,
      )
    const [first] = near
    if (first && flow.sni === null)
      return unproven(`client port ${flow.client_port} is that of ${nameOf(first.fact)}`)
    return null
  }

  /** Two taps, or a log that told of a session before its end and at its end. */
  #seenTwice(flow: Flow): Standing | null {
    const start = Date.parse(flow.observed_at)
    const better = this.#imported
      .get(endpoints(flow))
      ?.find(
        (other) =>
          Math.abs(Date.parse(other.observed_at) - start) <= this.#settings.flowSkewMs &&
          compareRanks(other, flow) < 0,
      )
    return better ? { is: "again", because: `the same session as flow ${better.id}` } : null
  }

  /** Ours under another port: the same client at the same place, while one of ours was open that may have
   * carried as much. */
  #underOtherPort(flow: Flow): Standing | null {
    const { portTranslation, flowSkewMs } = this.#settings
    if (portTranslation === "none" || flow.network !== "tcp") return null
    if (flow.verdict === "direct-attempted") return null
    const seen = compared(flow)
    for (const place of [...seen.hosts, ...seen.addresses]) {
      const list = this.#byPlace.get(placeOf(seen, place)) ?? []
      for (let i = firstAfter(list, seen.start + flowSkewMs) - 1; i >= 0; i--) {
        const ours = list[i] as Ours
        if (ours.latestEnd + flowSkewMs < seen.start) break
        if (ours.end + flowSkewMs < seen.start || areTwoNames(ours, seen)) continue
        if (mayCarry(ours.fact, flow))
          return unproven(`${nameOf(ours.fact)} was open to ${place} at that time`)
      }
    }
    return null
  }
}

function own(because: string): Standing {
  return { is: "own", because }
}

function unproven(because: string): Standing {
  return { is: "unproven", because }
}

/** One that was refused carried a handshake; a used session is another. */
function mayCarry(ours: Fact, { verdict }: Flow): boolean {
  if (verdict !== "used") return true
  return "outcome" in ours ? ours.outcome === "accepted" : ours.verdict === "used"
}

function compared(fact: Fact): Ours {
  const { at, hosts, addresses, port } = connectionNames(fact)
  const length = "outcome" in fact ? (fact.phases.closed?.ms ?? openMs) : lengthOf(fact)
  const end = at + Math.min(length, openMs)
  return { fact, start: at, end, latestEnd: end, hosts, addresses, port }
}

/** A flow of ours that was recorded when its use was proved went on. */
function lengthOf({ source, end, duration_ms }: Flow): number {
  return source === "sensor" && end === "none" ? openMs : duration_ms
}

/** The port may be another where a tap sees a name within a connection to the proxy. */
function isSamePlace(ours: Ours, seen: Ours): boolean {
  if (ours.hosts.some((host) => seen.hosts.includes(host))) return true
  if (ours.port !== seen.port) return false
  return ours.addresses.some((address) => seen.addresses.includes(address))
}

/** Many names are at one address. */
function areTwoNames(ours: Ours, seen: Ours): boolean {
  if (ours.hosts.length === 0 || seen.hosts.length === 0) return false
  return !ours.hosts.some((host) => seen.hosts.includes(host))
}

/** An address means one client within one site. */
function placeOf({ fact, port }: Ours, place: string): string {
  return `${fact.site}|${canonicalAddress(fact.client_ip)}|${place}|${port}`
}

function clientPort({ client_ip, client_port }: Fact): string {
  return `${canonicalAddress(client_ip)}|${client_port}`
}

function endpoints(flow: Flow): string {
  const to = flow.destination_ip === null ? flow.sni : canonicalAddress(flow.destination_ip)
  return `${flow.network}|${clientPort(flow)}|${to}|${flow.destination_port}`
}

/** The better first: decided, by the better source, then any order that is always the same. */
function compareRanks(a: Flow, b: Flow): number {
  const undecided = Number(a.verdict === "undecided") - Number(b.verdict === "undecided")
  if (undecided !== 0) return undecided
  const sources = sourceOrder.indexOf(a.source) - sourceOrder.indexOf(b.source)
  return sources !== 0 ? sources : a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function nameOf(fact: Fact): string {
  return "outcome" in fact ? `attempt ${fact.id}` : `flow ${fact.id}`
}

function canonicalEndpoint(endpoint: string): string {
  const colon = endpoint.lastIndexOf(":")
  const address = endpoint.slice(0, colon).replace(/^\[|\]$/g, "")
  return `${canonicalAddress(address)}|${endpoint.slice(colon + 1)}`
}

/** Names among them are passed over: a flow has addresses. */
function within(texts: readonly string[]): (address: string) => boolean {
  const lengths = new Map<number, Set<string>>()
  for (const text of texts) {
    const prefix = readPrefix(text)
    if (prefix === null) continue
    const keys = lengths.get(prefix.bits) ?? new Set()
    lengths.set(prefix.bits, keys.add(`${prefix.key.length}|${prefixKey(prefix.key, prefix.bits)}`))
  }
  return (address) => {
    if (lengths.size === 0) return false
    const key = addressKey(address)
    if (key === null) return false
    for (const [bits, keys] of lengths)
      if (bits <= key.length * 4 && keys.has(`${key.length}|${prefixKey(key, bits)}`)) return true
    return false
  }
}

function push<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}

/** One list may be of several places; the latest end is then too late, and costs a look. */
function withLatestEnds(list: Ours[]): void {
  let latest = Number.NEGATIVE_INFINITY
  for (const each of list) {
    latest = Math.max(latest, each.latestEnd)
    each.latestEnd = latest
  }
}

/** Index of the first that began after a time. */
function firstAfter(list: readonly Ours[], time: number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((list[middle] as Ours).start <= time) low = middle + 1
    else high = middle
  }
  return low
}
