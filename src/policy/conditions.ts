/**
 * Conditions of rules and register entries, compiled once into predicates over a connection.
 *
 * In: the values of one condition. Out: a predicate, with the words that explain it. It must not
 * know the order of rules or what follows from a match.
 */
import { canonicalHost, type HostPattern, parseHostPattern } from "../record/host-pattern.ts"
import { type ConnectionView, isAddress } from "./connection-view.ts"
import {
  type Address,
  addressText,
  masked,
  type Network,
  NetworkSet,
  parseNetwork,
  readAddress,
} from "./destination/addresses.ts"
import type { Conditions, NameAnswer } from "./settings.ts"

/** One condition. `now` is in epoch milliseconds. */
export interface Condition {
  holds: (view: ConnectionView, now: number) => boolean
  /** What it asks for: "stack is t13d1516h2". */
  asks: string
  /** What the connection shows of it: "t13d1517h2". */
  shows: (view: ConnectionView, now: number) => string
}

const unknown = "not known"

/** The conditions of a rule, those that cost least first. */
export function compileConditions(when: Conditions, hosts: "own" | "any"): Condition[] {
  const conditions: Condition[] = []
  const add = <Value>(
    values: readonly Value[] | undefined,
    make: (v: readonly Value[]) => Condition,
  ) => {
    if (values) conditions.push(make(values))
  }
  add(when.port, portIs)
  add(when.listener, listenerIs)
  add(when.stack, stackIs)
  add(when["name-agrees"], nameAgreesIs)
  add(when.alpn, alpnOffers)
  add(when["device-group"], groupIs)
  add(when.sni, (patterns) => hostIs(patterns, hosts))
  add(when.client, clientIn)
  add(when.destination, (networks) => destinationIn(networks, hosts))
  return conditions
}

export function portIs(ports: readonly number[]): Condition {
  const wanted = new Set(ports)
  return {
    holds: ({ facts }) => wanted.has(facts.destination_port),
    asks: `port is ${either(ports)}`,
    shows: ({ facts }) => String(facts.destination_port),
  }
}

export function listenerIs(names: readonly string[]): Condition {
  const wanted = new Set(names)
  return {
    holds: ({ facts }) => wanted.has(facts.listener),
    asks: `listener is ${either(names)}`,
    shows: ({ facts }) => facts.listener,
  }
}

export function stackIs(stacks: readonly string[]): Condition {
  const wanted = new Set(stacks)
  return {
    holds: ({ stack }) => stack !== null && wanted.has(stack),
    asks: `stack is ${either(stacks)}`,
    shows: ({ stack }) => stack ?? unknown,
  }
}

/** Alone among the conditions it can be met by what is not known, if it asks for that. */
export function nameAgreesIs(answers: readonly NameAnswer[]): Condition {
  const wanted = new Set(answers)
  return {
    holds: ({ facts }) => wanted.has(nameAnswer(facts.name_agrees)),
    asks: `name agrees with destination: ${either(answers)}`,
    shows: ({ facts }) => nameAnswer(facts.name_agrees),
  }
}

export function nameAnswer(agrees: boolean | null): NameAnswer {
  return agrees === null ? "unknown" : agrees ? "yes" : "no"
}

export function alpnOffers(protocols: readonly string[]): Condition {
  const wanted = new Set(protocols)
  return {
    holds: ({ alpn }) => alpn.some((protocol) => wanted.has(protocol)),
    asks: `ALPN offers ${either(protocols)}`,
    shows: ({ alpn }) => (alpn.length > 0 ? alpn.join(", ") : "none"),
  }
}

export function groupIs(groups: readonly string[]): Condition {
  const wanted = new Set(groups)
  return {
    holds: ({ facts }) => facts.device_groups.some((group) => wanted.has(group)),
    asks: `device group is ${either(groups)}`,
    shows: ({ facts }) =>
      facts.device_groups.length > 0 ? facts.device_groups.join(", ") : unknown,
  }
}

export function deviceIs(id: string): Condition {
  return {
    holds: ({ facts }) => facts.device_id === id,
    asks: `device is ${id}`,
    shows: ({ facts }) => facts.device_id ?? unknown,
  }
}

export function clientIn(networks: readonly string[]): Condition {
  const set = new NetworkSet(networks.map(parseNetwork))
  return {
    holds: ({ client }) => client !== null && set.has(client),
    asks: `client is in ${either(set.texts)}`,
    shows: ({ facts }) => facts.client_ip,
  }
}

/** `own`: the address that the client asked for, or the first that the sensor resolved. `any`: every
 * address that the connection may go to, so that a blocked network is not reached through another
 * answer of its name, nor in an IPv6 form that carries the address. */
export function destinationIn(networks: readonly string[], hosts: "own" | "any"): Condition {
  const set = new NetworkSet(networks.map(parseNetwork))
  return {
    holds:
      hosts === "any"
        ? ({ destinations }) => destinations.some((address) => set.has(address))
        : ({ destination }) => destination !== null && set.has(destination),
    asks: `destination is in ${either(set.texts)}`,
    shows: ({ facts }) => {
      const others = hosts === "any" ? (facts.other_destinations ?? []) : []
      return facts.destination_ip === null ? unknown : [facts.destination_ip, ...others].join(", ")
    },
  }
}

/**
 * `own`: only the host that the connection is for in its own words counts, as a splice needs it.
 * `any`: each host that it names counts, so that a blocked name is not reached under another SNI.
 */
export function hostIs(texts: readonly string[], hosts: "own" | "any"): Condition {
  const { covers, coversAddress } = hostMatcher(texts.map(readHostPattern))
  return {
    holds:
      hosts === "any"
        ? (view) => view.hosts.some(covers) || view.addresses.some(coversAddress)
        : ({ host }) => host !== null && (covers(host) || coversAddress(addressOf(host))),
    asks: `host is ${either(texts)}`,
    shows: (view) => (hosts === "any" ? view.hosts.join(" and ") : (view.host ?? "")) || unknown,
  }
}

/** As `parseHostPattern`, at a fiftieth of its cost for what nearly all patterns are: a name in its
 * canonical form. A register of 10,000 entries is read again after each change of it. */
export function readHostPattern(text: string): HostPattern {
  const name = text.startsWith("*.") ? text.slice(2) : text
  if (!/\d$/.test(name) && canonicalHost(name) === name)
    return name === text
      ? { kind: "name", text, name }
      : { kind: "below", text, suffix: `.${name}` }
  return parseHostPattern(text)
}

/** Whether a canonical name, or an address, is covered by one of the patterns; cost grows with the
 * labels of the name only. */
function hostMatcher(patterns: readonly HostPattern[]): {
  covers: (name: string) => boolean
  coversAddress: (address: Address | null) => boolean
} {
  const names = new Set<string>()
  const suffixes = new Set<string>()
  const networks = []
  for (const pattern of patterns) {
    if (pattern.kind === "name") names.add(pattern.name)
    else if (pattern.kind === "below") suffixes.add(pattern.suffix)
    else networks.push(patternNetwork(pattern))
  }
  const addresses = networks.length > 0 ? new NetworkSet(networks) : null
  return {
    covers: (name) => {
      if (names.has(name)) return true
      if (suffixes.size === 0) return false
      for (let dot = name.indexOf(".", 1); dot >= 0; dot = name.indexOf(".", dot + 1))
        if (suffixes.has(name.slice(dot))) return true
      return false
    },
    coversAddress: (address) => (address && addresses?.has(address)) ?? false,
  }
}

function addressOf(host: string): Address | null {
  return isAddress(host) ? readAddress(host) : null
}

export function patternNetwork(pattern: Extract<HostPattern, { kind: "network" }>): Network {
  const [address, prefix] = pattern.network
  const read = readAddress(address.toString())
  if (read === null) throw new Error(`host pattern "${pattern.text}": not an address`)
  const base = masked(read, prefix)
  return { text: `${addressText(base)}/${prefix}`, address: base, prefix }
}

/** At most eight values are written out. */
function either(values: readonly (string | number)[]): string {
  const shown = values.slice(0, 8).join(", ")
  return values.length > 8 ? `${shown} or ${values.length - 8} more` : shown
}
