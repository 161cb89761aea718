/** How far a long replay is, on a stream beside its output. */
import type { Writable } from "node:stream"
import type { Progress } from "./walk.ts"

/** Told so often, in milliseconds; a replay that is over sooner says nothing. */
const every = 2_000

/** `clock` in milliseconds of any beginning. */
export function progressTo(stream: Writable, clock: () => number) {
  let last = clock()
  let told = false
  return {
    on: ({ records, at, judgements }: Progress, share: number): void => {
      if (clock() - last < every) return
      last = clock()
      told = true
      const percent = Math.floor(Math.max(0, Math.min(1, share)) * 100)
      const time = new Date(at).toISOString()
      stream.write(
        `replay: ${percent} % of the time, up to ${time}: ${records} records, ${judgements} judgements of devices\n`,
      )
    },
    end: (): void => void (told && stream.write("replay: done\n")),
  }
}
