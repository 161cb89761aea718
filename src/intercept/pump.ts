/** Moves bytes from one socket to another with back-pressure and half-close. */
import type { Duplex } from "node:stream"

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
