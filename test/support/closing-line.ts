import { Transform, type TransformCallback } from "node:stream"

/** Passes TAP through and ends the run with one plain line: N passed, N failed[, N skipped]. */
export default class ClosingLine extends Transform {
  #tail = ""

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#tail = (this.#tail + chunk.toString()).slice(-4096)
    done(null, chunk)
  }

  override _flush(done: TransformCallback): void {
    const totals = this.#tail.match(/^# \{ total: .*\}$/gm)?.at(-1)
    done(null, totals ? closingLine(totals) : "0 passed, 1 failed\n")
  }
}

function closingLine(totals: string): string {
  const skipped = count(totals, "skip")
  const line = `${count(totals, "pass")} passed, ${count(totals, "fail")} failed`
  return skipped ? `${line}, ${skipped} skipped\n` : `${line}\n`
}

function count(totals: string, name: string): number {
  return Number(new RegExp(`\\b${name}: (\\d+)`).exec(totals)?.[1] ?? 0)
}
