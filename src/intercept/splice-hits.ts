/**
 * The use of a bypass by one splice, told when it begins, when it ends, and of a long one in between, so
 * that what flows through a tunnel that never closes is seen. Comes in: bytes; goes out: hits.
 */
import type { RegisterHit } from "./sensor-deps.ts"

/** What is less by then is told with the next part: of an idle connection nothing but its ends is. */
const leastPart = 64 * 1024
/** So much at once is told without waiting. */
const largestPart = 64 * 1024 ** 2

export class SpliceHits {
  readonly #hit: (event: RegisterHit["event"], part: string, bytes: number) => void
  #untold = 0
  #parts = 0
  #closed = false

  /** `bypassId`: as bypass-id.ts names what let it pass; `flowId`: under which the splice is recorded. */
  constructor(
    { bypassId, flowId }: { bypassId: string; flowId: string },
    deps: {
      sensor: { common: { sensor_id: string } }
      clock: () => number
      onHit: (hit: RegisterHit) => void
    },
  ) {
    const { sensor_id } = deps.sensor.common
    this.#hit = (event, part, bytes) =>
      deps.onHit({
        entry_id: bypassId,
        at_ms: deps.clock(),
        event,
        sensor_id,
        connection_id: flowId + part,
        bytes,
      })
    this.#hit("open", "", 0)
  }

  passed(bytes: number): void {
    this.#untold += bytes
    if (this.#untold >= largestPart) this.tell()
  }

  tell(): void {
    if (this.#closed || this.#untold < leastPart) return
    this.#hit("close", `/${++this.#parts}`, this.#taken())
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#hit("close", "", this.#taken())
  }

  #taken(): number {
    const bytes = this.#untold
    this.#untold = 0
    return bytes
  }
}
