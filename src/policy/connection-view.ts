/** A connection as the conditions of policy see it: facts in canonical form, read once. */
import { canonicalHost } from "../record/host-pattern.ts"
import { type Address, canonicalAddress, readAddress } from "./destination/addresses.ts"
import { carriedAddresses } from "./destination/guard.ts"

/** What is known when a decision is due: after the ClientHello, before anything is dialled. */
export interface ConnectionFacts {
  client_ip: string
  /** The device that the address is bound to, unambiguously, and its groups. */
  device_id: string | null
  device_groups: readonly string[]
  /** Whether it is a person's own, as inventory says now; left out: nobody says so. */
  device_personal?: boolean
  /** Name of the listener that took the connection. */
  listener: string
  sni: string | null
  /** Host of the CONNECT request, a name or an address; null outside an explicit proxy. */
  connect_host: string | null
  /** The address that the client asked for, or that the sensor resolved for it. */
  destination_ip: string | null
  /** The other addresses that the sensor resolved and may dial: a block or inspect goes by any. */
  other_destinations?: readonly string[]
  destination_port: number
  alpn_offered: readonly string[]
  stack: string | null
  /** Whether the SNI agrees with the CONNECT host, or resolves to the address; null: not known. */
  name_agrees: boolean | null
  /** False where no whole ClientHello was read: SNI, ALPN and stack are then not known. */
  hello_readable: boolean
}

/** Stands for a host that was said but is none, such as `*.com`: no pattern covers it, and it does
 * not make way for the next host either. */
const notAName = "(not a name)"

export class ConnectionView {
  readonly facts: ConnectionFacts
  readonly sni: string | null
  readonly connectHost: string | null
  #hosts: readonly string[] | undefined
  #client: Address | null | undefined
  #destination: Address | null | undefined
  #destinations: readonly Address[] | undefined
  #addresses: readonly Address[] | undefined

  constructor(facts: ConnectionFacts) {
    this.facts = facts
    this.sni = facts.hello_readable ? facts.sni : null
    this.connectHost = facts.connect_host
    if (this.sni !== null) this.sni = canonicalName(this.sni) ?? notAName
    if (this.connectHost !== null)
      this.connectHost =
        this.connectHost === facts.sni && this.sni !== null
          ? this.sni
          : (canonicalName(this.connectHost) ?? notAName)
  }

  /** The host the connection is for in its own words: the SNI, else the CONNECT host, else the
   * address. */
  get host(): string | null {
    return this.sni ?? this.connectHost ?? this.facts.destination_ip
  }

  /** Every host that the connection names; a `block` or `inspect` goes by any of them. */
  get hosts(): readonly string[] {
    if (this.#hosts === undefined) {
      const { sni, connectHost } = this
      const hosts = sni === null ? [] : [sni]
      if (connectHost !== null && connectHost !== sni) hosts.push(connectHost)
      if (this.facts.destination_ip !== null) hosts.push(this.facts.destination_ip)
      this.#hosts = hosts
    }
    return this.#hosts
  }

  get stack(): string | null {
    return this.facts.hello_readable ? this.facts.stack : null
  }

  get alpn(): readonly string[] {
    return this.facts.hello_readable ? this.facts.alpn_offered : []
  }

  get client(): Address | null {
    if (this.#client === undefined) this.#client = readAddress(this.facts.client_ip)
    return this.#client
  }

  get destination(): Address | null {
    if (this.#destination === undefined) {
      const text = this.facts.destination_ip
      this.#destination = text === null ? null : readAddress(text)
    }
    return this.#destination
  }

  /** Every address that the connection may go to: what a block or inspect goes by. An IPv6 form that
   * carries an IPv4 address (NAT64, 6to4, ...) is both. */
  get destinations(): readonly Address[] {
    if (this.#destinations === undefined) {
      const { other_destinations = [] } = this.facts
      const others = other_destinations.map(readAddress)
      this.#destinations = withCarried([this.destination, ...others])
    }
    return this.#destinations
  }

  /** Every address that it names or may go to. */
  get addresses(): readonly Address[] {
    if (this.#addresses === undefined) {
      const { sni, connectHost } = this
      const named = [sni, connectHost === sni ? null : connectHost]
        .filter((host) => host !== null && looksLikeAddress(host))
        .map((host) => readAddress(host ?? ""))
      this.#addresses = [...withCarried(named), ...this.destinations]
    }
    return this.#addresses
  }
}

function withCarried(addresses: readonly (Address | null)[]): Address[] {
  return addresses.flatMap((address) =>
    address === null ? [] : [address, ...carriedAddresses(address)],
  )
}

/** A host as seen, in the one form that is compared: an address as `canonicalAddress` writes it,
 * a name as A-labels in lower case without trailing dot; null for what is neither. */
export function canonicalName(host: string): string | null {
  if (!looksLikeAddress(host)) return canonicalHost(host)
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host
  return canonicalAddress(bare) ?? canonicalHost(host)
}

/** Whether a canonical host is an address and not a name. */
export function isAddress(host: string): boolean {
  return looksLikeAddress(host) && readAddress(host) !== null
}

/** Cheap: no host name in use ends in a digit or holds a colon. */
function looksLikeAddress(host: string): boolean {
  const last = host.charCodeAt(host.length - 1)
  return (last >= 48 && last <= 57) || host.includes(":")
}
