/** Moves bytes from one socket to another with back-pressure and half-close. */
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { Inflow } from "./inflow.ts"
import type { Limits } from "./limits.ts"

/**
 * Writes everything `from` reads to `to` and passes its end on. `seen` gets each chunk first; it
 * must be quick. `to` is never asked to hold more than its high-water mark and one chunk.
 * `end` may end `to` in another way.
 */
export function pump(
  from: Duplex,
  to: Duplex,
  seen: (chunk: Buffer) => void,
  end: () => void = () => to.end(),
): void {
  from.on("data", (chunk: Buffer) => {
    seen(chunk)
    if (to.writable && !to.write(chunk)) from.pause()
  })
  to.on("drain", () => from.resume())
  from.on("end", () => {
    if (to.writable) end()
  })
  from.resume()
}

/** The same for what an origin says, by the way that costs least. */
export function pumpFrom(
  inflow: Inflow | null,
  origin: Duplex,
  to: Duplex,
  seen: (chunk: Buffer) => void,
  end?: () => void,
): void {
  if (inflow) inflow.into(origin, to, seen, end)
  else pump(origin, to, seen, end)
}

/**
 * Ends the pair after a time without a byte to or from the client, a shorter one once either side has
 * ended. What waits for a reader that takes nothing moves no byte, so that ends too.
 */
export function endIdle(client: Socket, origin: Duplex, limits: Limits, end: () => void): void {
  client.setTimeout(limits["idle-time"], end)
  endHalfClosed(client, origin, limits)
}

/** The shorter time, for a client whose idle time is watched already. */
export function endHalfClosed(client: Socket, origin: Duplex, limits: Limits): void {
  const shorter = Math.min(limits["half-closed-time"], limits["idle-time"])
  for (const side of [client, origin])
    if (side.readableEnded) client.setTimeout(shorter)
    else side.once("end", () => client.setTimeout(shorter))
}
