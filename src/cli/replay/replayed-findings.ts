/** The findings of a replay as they stand, by device: what the store's findings are to live judging. */
import type { Finding } from "../../record/finding.ts"

/** Findings held, 2.3 KiB each with a handful of refusals. Beyond it the replay ends: what it left
 * out would be taken for what was not found. */
const mostFindings = 200_000

export class ReplayedFindings {
  readonly #most: number
  readonly #byDevice = new Map<string, Map<string, Finding>>()
  #size = 0

  constructor(most = mostFindings) {
    this.#most = most
  }

  get size(): number {
    return this.#size
  }

  of(deviceId: string): Finding[] {
    return [...(this.#byDevice.get(deviceId)?.values() ?? [])]
  }

  keep(findings: readonly Finding[]): void {
    for (const finding of findings) {
      const { device_id } = finding.key
      const ofDevice = this.#byDevice.get(device_id) ?? new Map<string, Finding>()
      this.#byDevice.set(device_id, ofDevice)
      if (!ofDevice.has(finding.id)) this.#size += 1
      ofDevice.set(finding.id, finding)
    }
    if (this.#size > this.#most)
      throw new Error(
        `replay: more than ${this.#most} findings; take less time at once with --from and --to`,
      )
  }

  /** All of them, in the order in which they were last seen. */
  all(): Finding[] {
    return [...this.#byDevice.values()]
      .flatMap((ofDevice) => [...ofDevice.values()])
      .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
  }
}

function orderOf({ last_seen, id }: Finding): string {
  return `${last_seen} ${id}`
}
