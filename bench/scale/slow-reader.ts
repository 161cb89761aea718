/** A reader that takes no more than so many bytes a second, and leaves the rest to back-pressure. */
import type { Duplex } from "node:stream"

/** Reads in tenths of a second. */
const every = 100

/** Tells how much was taken so far. */
export function readSlowly(from: Duplex, bytesPerSecond: number): () => number {
  let taken = 0
  const portion = Math.ceil((bytesPerSecond * every) / 1_000)
  // Someone has to listen, or the stream flows or stays empty.
  from.pause()
  from.on("readable", () => {})
  const timer = setInterval(() => {
    const bytes: Buffer | null = from.read(Math.min(portion, from.readableLength) || 0)
    taken += bytes?.length ?? 0
  }, every)
  from.once("close", () => clearInterval(timer))
  return () => taken
}
