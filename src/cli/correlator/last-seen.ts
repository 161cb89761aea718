/**
 * When a device was seen last, by all that is stored and by who is who now. In: a device and its addresses. Out: the
 * time of its newest connection. What was noted as records came is not it where leases came later.
 */
import { deviceOf } from "../../identity/join.ts"
import type { Attempt } from "../../record/attempt.ts"
import type { Flow } from "../../record/flow.ts"
import type { EvidenceParts } from "./evidence-parts.ts"

/** Records of an address looked at, the newest first: so many, then so many times as many. */
const few = 4
const more = 8
/** Addresses that were bound to it, the newest. */
const mostBound = 64
/** Then the device counts as not seen there. */
const mostLookedAt = 20_000

export type LastSeenParts = {
  store: Pick<EvidenceParts["store"], "attemptsOf" | "flowsOf" | "beginOfNewest">
  inventory: EvidenceParts["inventory"]
  /** Its time has not come (ahead-flows.ts): nobody was seen with it. */
  suspects: { isAhead(fact: Attempt | Flow): boolean }
}

/** `addresses`: where it was seen, beside those that were bound to it. In epoch milliseconds of event time; null: no stored
 * connection is its own. */
export function lastSeen(
  parts: LastSeenParts,
  deviceId: string,
  addresses: Iterable<string>,
): number | null {
  let latest: number | null = null
  const bound = parts.inventory.current.addressesOf(deviceId, 0, Number.MAX_SAFE_INTEGER)
  const all = new Set([...addresses, ...bound.slice(-mostBound)])
  for (const address of all) latest = lastAt(parts, deviceId, address, latest) ?? latest
  return latest
}

/** At one address, and after what is known already. */
function lastAt(
  { store, inventory, suspects }: LastSeenParts,
  deviceId: string,
  address: string,
  after: number | null,
): number | null {
  const { current } = inventory
  const least = after === null ? 0 : after + 1
  let to = Math.min(current.heldUntil(deviceId, address) + 1, Number.MAX_SAFE_INTEGER)
  for (let count = few; count <= mostLookedAt; count *= more) {
    const begin = store.beginOfNewest([address], least, to, count)
    const from = Math.max(least, begin)
    const times = [
      ...store.attemptsOf(address, from, to, count),
      ...store.flowsOf(address, from, to, count),
    ]
      .filter((fact) => deviceOf(fact, current) === deviceId && !suspects.isAhead(fact))
      .map(({ observed_at }) => Date.parse(observed_at))
    if (times.length > 0) return Math.max(...times)
    if (begin < least) return null
    to = from
  }
  return null
}
