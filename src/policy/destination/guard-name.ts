/**
 * Which names may be handed to somebody else to resolve (`upstream-proxy.names: proxy`), where no
 * address can be judged. In: a host as the client named it. Out: whether it may go, or why not.
 */
import { canonicalHost } from "../../record/host-pattern.ts"
import type { GuardVerdict } from "./guard.ts"

/** Names that mean the resolving machine, its link, or the cloud it runs in; and all below them. */
const closed: readonly [name: string, because: string][] = [
  ["localhost", "loopback (RFC 6761 section 6.3)"],
  ["localhost.localdomain", "loopback"],
  ["localhost6.localdomain6", "loopback"],
  ["ip6-localhost", "loopback"],
  ["ip6-loopback", "loopback"],
  ["local", "link-local (RFC 6762)"],
  ["metadata.google.internal", "cloud metadata"],
  ["metadata.goog", "cloud metadata"],
  ["instance-data.ec2.internal", "cloud metadata"],
]

/** What inet_aton takes for an address, in any of its forms: 127.1, 0x7f000001, 2130706433. */
const numeric = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/

/** Fails closed: what is no host name, or may be read as an address, is refused. */
export function guardName(host: string): GuardVerdict {
  const name = canonicalHost(host)
  // Whoever resolves it must not take it for an option: no label begins with a hyphen.
  if (name === null || /(?:^|\.)-/.test(name)) return { allowed: false, because: "not a host name" }
  if (numeric.test(name)) return { allowed: false, because: "not an address in canonical form" }
  const found = closed.find(([of]) => name === of || name.endsWith(`.${of}`))
  return found ? { allowed: false, because: `${name}: ${found[1]}` } : { allowed: true }
}
