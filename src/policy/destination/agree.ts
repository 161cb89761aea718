/**
 * Whether a splice that was decided by a name goes to that name.
 *
 * In: the decision, what the client said, and the sensor's own resolution of the name. Out: the
 * addresses to dial, or why not. It must not know how names are resolved. Without it any program
 * that says `push.apple.com` in its ClientHello would get a tunnel to where it likes.
 */

import { canonicalName, isAddress } from "../connection-view.ts"
import type { Decision } from "../decide.ts"
import { canonicalAddress } from "./addresses.ts"

export interface Spoken {
  sni: string | null
  connect_host: string | null
  /** The address that the client itself asked for; on a transparent listener always known. */
  destination_ip: string | null
  /** What the sensor's own resolver says of the name, a little of its past included. */
  resolved: readonly string[]
  /** The name, where only an upstream proxy can resolve it; nothing is resolved then. */
  unresolved: string | null
}

/** `dial` are canonical addresses, best first; the guard is still to be asked for each. None: the
 * upstream proxy is asked for `unresolved`, the name that was agreed on. */
export type Agreement = { ok: true; dial: string[] } | { ok: false; because: string }

/** Fails closed: on `ok: false` the connection is inspected under `nameDisagrees`. */
export function agree(decision: Decision, spoken: Spoken): Agreement {
  const agreement = agreeOnName(decision, spoken)
  const { within } = decision
  if (!agreement.ok || within === undefined) return agreement
  const dial = agreement.dial.filter((address) => within.has(address))
  return dial.length > 0 ? { ok: true, dial } : no(`no address is in ${within.texts.join(", ")}`)
}

function agreeOnName(decision: Decision, spoken: Spoken): Agreement {
  const { sni, connect_host, destination_ip, unresolved } = spoken
  if (unresolved !== null) return agreeUnresolved(decision, spoken, unresolved)
  const resolved = addresses(spoken.resolved)
  if (!decision.by_name) {
    const dial = destination_ip === null ? resolved : addresses([destination_ip])
    return dial.length > 0 ? { ok: true, dial } : no("there is no address to dial")
  }
  const said = sni ?? connect_host ?? destination_ip
  const name = said === null ? null : canonicalName(said)
  if (name === null) return no("the client gave no host name that can be resolved")
  const own = isAddress(name) ? [name] : resolved
  if (own.length === 0) return no(`${name} did not resolve`)

  const asked = connect_host === null ? destination_ip : connect_host
  const target = asked === null ? null : canonicalName(asked)
  if (target === null) return no("it is not known where the client wants to go")
  if (isAddress(target))
    return own.includes(target)
      ? { ok: true, dial: [target, ...own.filter((address) => address !== target)] }
      : no(`${target} is none of the sensor's own addresses of ${name}`)
  return target === name ? { ok: true, dial: own } : no(`SNI ${name}, CONNECT host ${target}`)
}

/**
 * Of a name that we cannot resolve no address can be compared: the tunnel goes to the name itself,
 * wherever the client thought it to be, and what the client asked for must be that very name.
 */
function agreeUnresolved(
  { by_name }: Decision,
  { sni, connect_host, destination_ip }: Spoken,
  unresolved: string,
): Agreement {
  if (!by_name)
    return { ok: true, dial: destination_ip === null ? [] : addresses([destination_ip]) }
  const said = sni ?? connect_host
  const name = said === null ? null : canonicalName(said)
  if (name === null || name !== canonicalName(unresolved))
    return no(`${unresolved} is not the name that the client said`)
  const target = connect_host === null ? name : canonicalName(connect_host)
  return target === name ? { ok: true, dial: [] } : no(`SNI ${name}, CONNECT host ${target}`)
}

function addresses(texts: readonly string[]): string[] {
  const canonical = texts.map(canonicalAddress).filter((text) => text !== null)
  return [...new Set(canonical)]
}

function no(because: string): Agreement {
  return { ok: false, because }
}
