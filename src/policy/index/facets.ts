/**
 * What things are filed under, and where a connection looks for them.
 *
 * In: the conditions of a rule, a list or a register entry that are about known values. Out: facets
 * in a fixed order, and tables that give for a connection what may match it. It must not know the
 * order in which things win; whoever finds one here still asks all its conditions.
 */

import { nameAnswer } from "../conditions.ts"
import type { ConnectionView } from "../connection-view.ts"
import { type Network, NetworkMap } from "../destination/addresses.ts"

/** In the order of filing: what tells most apart comes first. */
const dimensions = [
  "device",
  "host",
  "client",
  "destination",
  "stack",
  "group",
  "port",
  "alpn",
  "listener",
  "agrees",
] as const
export type Dimension = (typeof dimensions)[number]

/** A name, a suffix with its leading dot, an id, a port; or a network. */
export type Key = string | number | Network

/** It matches only connections that have one of the keys. */
export interface Facet {
  dimension: Dimension
  keys: readonly Key[]
}

/** A thing is filed at no more places than this on account of what it has beside its first facet;
 * what would make more is left to its conditions. 10,000 rules of 16 hosts and 16 ports each, all on
 * the same hosts, take some 100 MB so. */
const mostPlaces = 256

export function facetsOf(
  given: Partial<Record<Dimension, readonly Key[] | undefined>>,
): readonly Facet[] {
  const facets: Facet[] = []
  let places = 1
  for (const dimension of dimensions) {
    const keys = distinct(given[dimension])
    if (keys === null) continue
    const more = keys.length > 1 && places * keys.length > mostPlaces
    if (facets.length > 0 && more) continue
    facets.push({ dimension, keys })
    places *= keys.length
  }
  return facets
}

function distinct(keys: readonly Key[] | undefined): readonly Key[] | null {
  if (keys === undefined) return null
  if (keys.length < 2) return keys
  return [...new Map(keys.map((key) => [typeof key === "object" ? key.text : key, key])).values()]
}

/** One child a key of one dimension; as many as its owner sets. */
export class FacetTable<Child> {
  readonly #dimension: Dimension
  readonly #exact = new Map<string | number, Child>()
  readonly #networks = new NetworkMap<Child>()

  constructor(dimension: Dimension) {
    this.#dimension = dimension
  }

  get empty(): boolean {
    return this.#exact.size === 0 && this.#networks.empty
  }

  get(key: Key): Child | undefined {
    return typeof key === "object" ? this.#networks.get(key) : this.#exact.get(key)
  }

  set(key: Key, child: Child): void {
    if (typeof key === "object") this.#networks.set(key, child)
    else this.#exact.set(key, child)
  }

  delete(key: Key): void {
    if (typeof key === "object") this.#networks.delete(key)
    else this.#exact.delete(key)
  }

  /** Every child that holds what may match; one may come twice. */
  visit(view: ConnectionView, found: (child: Child) => void): void {
    const { facts } = view
    switch (this.#dimension) {
      case "device":
        return this.#at(facts.device_id, found)
      case "host":
        return this.#hosts(view, found)
      case "client":
        if (view.client) for (const child of this.#networks.covering(view.client)) found(child)
        return
      case "destination":
        for (const address of view.destinations)
          for (const child of this.#networks.covering(address)) found(child)
        return
      case "stack":
        return this.#at(view.stack, found)
      case "group":
        for (const group of facts.device_groups) this.#at(group, found)
        return
      case "port":
        return this.#at(facts.destination_port, found)
      case "alpn":
        for (const protocol of view.alpn) this.#at(protocol, found)
        return
      case "listener":
        return this.#at(facts.listener, found)
      case "agrees":
        return this.#at(nameAnswer(facts.name_agrees), found)
    }
  }

  #at(key: string | number | null, found: (child: Child) => void): void {
    if (key === null) return
    const child = this.#exact.get(key)
    if (child !== undefined) found(child)
  }

  /** Probes once for each label of each host. */
  #hosts(view: ConnectionView, found: (child: Child) => void): void {
    if (this.#exact.size > 0)
      for (const host of view.hosts) {
        this.#at(host, found)
        for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1))
          this.#at(host.slice(dot), found)
      }
    if (this.#networks.empty) return
    for (const address of view.addresses)
      for (const child of this.#networks.covering(address)) found(child)
  }
}
