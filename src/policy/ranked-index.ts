/**
 * Finds the first of many ordered things that match a connection without asking each of them.
 *
 * In: conditions with a rank, and what they can be filed under. Out: the one with the lowest rank
 * whose conditions all hold. It must not know rules or register entries.
 */
import { NetworkTable, parseNetwork } from "./addresses.ts"
import type { Condition } from "./conditions.ts"
import type { ConnectionView } from "./connection-view.ts"

/** What a thing can be filed under: each part that is given must hold for it to match. */
export interface Anchors {
  device_id?: string | null
  /** Exact names, and suffixes with their leading dot; null where the host is not so simple. */
  hosts: HostAnchors | null
  client?: readonly string[] | undefined
  destination?: readonly string[] | undefined
  stacks?: readonly string[] | undefined
  groups?: readonly string[] | undefined
  ports?: readonly number[] | undefined
}

export interface HostAnchors {
  names: readonly string[]
  suffixes: readonly string[]
}

export interface Ranked<Value> {
  value: Value
  rank: number
  conditions: readonly Condition[]
}

/**
 * Each thing is filed once, under the first it has of: device, host, client network, destination
 * network, stack, device group, port; what has none of them is asked each time. Grows only with the
 * settings and the register that it is built from.
 */
export class RankedIndex<Value> {
  /** In the order of rank. */
  readonly all: readonly Ranked<Value>[]
  readonly #devices = new Map<string, HostTable<Value>>()
  readonly #hosts = new HostTable<Value>()
  readonly #clients = new NetworkTable<Ranked<Value>>()
  readonly #destinations = new NetworkTable<Ranked<Value>>()
  readonly #stacks = new Map<string, Ranked<Value>[]>()
  readonly #groups = new Map<string, Ranked<Value>[]>()
  readonly #ports = new Map<number, Ranked<Value>[]>()

  /** Takes things in the order in which they shall win. */
  constructor(
    things: readonly { value: Value; conditions: readonly Condition[]; anchors: Anchors }[],
  ) {
    this.all = things.map(({ value, conditions, anchors }, rank) => {
      const ranked = { value, rank, conditions }
      this.#file(ranked, anchors)
      return ranked
    })
  }

  first(view: ConnectionView, now: number): Ranked<Value> | null {
    let best: Ranked<Value> | null = null
    const consider = (ranked: readonly Ranked<Value>[] | undefined) => {
      if (ranked === undefined) return
      for (const one of ranked) {
        if (best !== null && one.rank >= best.rank) return
        if (!holds(one.conditions, view, now)) continue
        best = one
        return
      }
    }
    const { device_id, device_groups, destination_port } = view.facts
    if (device_id !== null) this.#devices.get(device_id)?.visit(view, consider)
    this.#hosts.visit(view, consider)
    if (!this.#clients.empty && view.client) this.#clients.lookUp(view.client).forEach(consider)
    if (!this.#destinations.empty && view.destination)
      this.#destinations.lookUp(view.destination).forEach(consider)
    if (this.#stacks.size > 0 && view.stack !== null) consider(this.#stacks.get(view.stack))
    if (this.#groups.size > 0) for (const group of device_groups) consider(this.#groups.get(group))
    if (this.#ports.size > 0) consider(this.#ports.get(destination_port))
    return best
  }

  #file(ranked: Ranked<Value>, anchors: Anchors): void {
    const { device_id, hosts, client, destination, stacks, groups, ports } = anchors
    if (device_id) {
      const table = this.#devices.get(device_id) ?? new HostTable<Value>()
      this.#devices.set(device_id, table)
      table.add(ranked, hosts)
    } else if (hosts) this.#hosts.add(ranked, hosts)
    else if (client) for (const network of client) this.#clients.add(parseNetwork(network), ranked)
    else if (destination)
      for (const network of destination) this.#destinations.add(parseNetwork(network), ranked)
    else if (stacks) for (const stack of stacks) push(this.#stacks, stack, ranked)
    else if (groups) for (const group of groups) push(this.#groups, group, ranked)
    else if (ports) for (const port of ports) push(this.#ports, port, ranked)
    else this.#hosts.add(ranked, null)
  }
}

/** Things by the host they are about; a look-up probes once for each label of each host. */
class HostTable<Value> {
  readonly #names = new Map<string, Ranked<Value>[]>()
  readonly #suffixes = new Map<string, Ranked<Value>[]>()
  readonly #anyHost: Ranked<Value>[] = []

  add(ranked: Ranked<Value>, hosts: HostAnchors | null): void {
    if (!hosts) {
      this.#anyHost.push(ranked)
      return
    }
    for (const name of hosts.names) push(this.#names, name, ranked)
    for (const suffix of hosts.suffixes) push(this.#suffixes, suffix, ranked)
  }

  visit(view: ConnectionView, consider: (ranked: readonly Ranked<Value>[] | undefined) => void) {
    if (this.#anyHost.length > 0) consider(this.#anyHost)
    if (this.#names.size === 0 && this.#suffixes.size === 0) return
    for (const host of view.hosts) {
      consider(this.#names.get(host))
      if (this.#suffixes.size === 0) continue
      for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1))
        consider(this.#suffixes.get(host.slice(dot)))
    }
  }
}

function holds(conditions: readonly Condition[], view: ConnectionView, now: number): boolean {
  for (const condition of conditions) if (!condition.holds(view, now)) return false
  return true
}

function push<Key, Value>(table: Map<Key, Value[]>, key: Key, value: Value): void {
  const filed = table.get(key)
  if (filed) filed.push(value)
  else table.set(key, [value])
}
