/** What a connection can be recognised by: the part of an attempt or flow that the join reads. */
import type { Attempt } from "../record/attempt.ts"
import type { Flow } from "../record/flow.ts"
import { canonicalHost } from "../record/host-pattern.ts"
import { canonicalAddress } from "./address-key.ts"

export type Fact = Attempt | Flow

export interface ConnectionNames {
  /** Begin of the connection, epoch milliseconds. */
  at: number
  clientPort: number
  /** SNI and CONNECT host where they are names. The inner name of ECH is only in the CONNECT. */
  hosts: string[]
  /** Addresses of the destination: the one dialled, and the CONNECT host where it is one. */
  addresses: string[]
  port: number
  /** It came through CONNECT, so the device itself connected to the proxy. */
  explicit: boolean
}

export function connectionNames(fact: Fact): ConnectionNames {
  const hosts = new Set<string>()
  const addresses = new Set<string>()
  if (fact.sni) hosts.add(canonicalHost(fact.sni) ?? fact.sni)
  if (fact.connect_host) {
    const isAddress = /^[\d.]+$|:/.test(fact.connect_host)
    if (isAddress) addresses.add(canonicalAddress(fact.connect_host.replace(/^\[|\]$/g, "")))
    else hosts.add(canonicalHost(fact.connect_host) ?? fact.connect_host)
  }
  if (fact.destination_ip) addresses.add(canonicalAddress(fact.destination_ip))
  return {
    at: Date.parse(fact.observed_at),
    clientPort: fact.client_port,
    hosts: [...hosts],
    addresses: [...addresses],
    port: fact.destination_port,
    explicit: fact.connect_host !== null,
  }
}
