/**
 * A dial through the sensor that loses a race: another way to the same place (QUIC, a way past the proxy) was
 * there first, and the client drops what it no longer needs. It must not know outcomes.
 */
import type { Random } from "../random.ts"
import type { Exchange } from "../wire/exchange.ts"

/** How much later than the winner it begins, in milliseconds: at once, or when the winner is late (RFC 8305
 * section 5 has 250 ms). */
export const headStartMs = [0, 250] as const
/** When the client drops it, in milliseconds from its beginning. */
const droppedAfterMs = [20, 150] as const

/** Which of the three places it ends at is drawn, not left to the round trip: between Certificate and Finished lies
 * what the client's own check takes, and that is what may look like a refusal. */
export function overtaken(random: Random): Exchange {
  const leftAfterMs = random.between(...droppedAfterMs)
  const before = random.weighted([
    ["certificate", 0.3],
    ["finished", 0.4],
    ["data", 0.3],
  ] as const)
  if (before === "data")
    return { kind: "unused", lastsMs: random.between(1, leftAfterMs), preface: false }
  return { kind: "lost", before, how: random.pick(["fin", "rst"]), leftAfterMs }
}
