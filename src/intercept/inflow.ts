/**
 * What comes from an origin, read without a buffer of its own for each read.
 *
 * Node allocates 64 KiB a read (16 KiB on TLS). In a download that is garbage of as many bytes as are
 * moved, and the collector then walks the whole heap every 64 MiB: a third of the cost of a bulk
 * transfer. Here all origins are read into one buffer, since a read is handed on before the next one
 * begins; from there bytes are copied into buffers that are used again, and several records that came
 * together leave as one write.
 */
import type { Duplex, Writable } from "node:stream"

/** One buffer for all reads of this process: reads are synchronous. */
const shared = Buffer.allocUnsafeSlow(64 * 1024)

/** A TLS read as long as a record can be (RFC 8446 section 5.1) mostly has another one behind it. */
const fullRecord = 16 * 1024

/** Up to this size Node's own pool of small buffers is cheaper. */
const small = 2 * 1024

/** Buffers that wait to be used again, at most so many (2 MiB in all); the rest is garbage. */
const idle: Buffer[] = []
const mostIdle = 32
const outSize = 64 * 1024

/** Owned state: one origin's bytes on their way; at most `outSize` of them, and one read. */
export class Inflow {
  /** For the options of `connect`. */
  readonly onread = {
    buffer: shared,
    callback: (bytes: number): boolean => this.#read(shared.subarray(0, bytes)),
  }
  #from: Duplex | null = null
  #to: Writable | null = null
  #seen: (chunk: Buffer) => void = () => {}
  /** What came before there was a sink. */
  #early: Buffer | null = null
  #out: Buffer | null = null
  #length = 0
  #flushing: NodeJS.Immediate | null = null
  #stopped = false

  /** Reads so far. */
  reads = 0
  /** Called at a read before there is a sink: it may matter that the origin spoke at all. */
  onEarly: () => void = () => {}

  /**
   * Hands everything on from here on, and the end behind it. `seen` gets each read first, as a view
   * that is gone when it returns.
   */
  into(
    from: Duplex,
    to: Writable,
    seen: (chunk: Buffer) => void,
    end: () => void = () => to.end(),
  ): void {
    this.#from = from
    this.#to = to
    this.#seen = seen
    to.on("drain", () => this.#go())
    from.on("end", () => {
      this.#flush()
      if (to.writable) end()
    })
    const early = this.#early
    this.#early = null
    if (early) this.#take(early)
    this.#flush()
    if (!to.writableNeedDrain) this.#go()
  }

  #go(): void {
    this.#stopped = false
    this.#from?.resume()
  }

  /** False stops the reading until there is room again. */
  #read(chunk: Buffer): boolean {
    this.reads++
    if (this.#to === null) {
      this.#early = Buffer.concat(this.#early ? [this.#early, chunk] : [chunk])
      this.onEarly()
      return false
    }
    if (chunk.length <= small && this.#out === null) this.#passSmall(chunk)
    else this.#take(chunk)
    if (chunk.length < fullRecord) this.#flush()
    else this.#flushing ??= setImmediate(() => this.#flush())
    return !this.#stopped
  }

  /** A short answer is not worth a buffer of ours. */
  #passSmall(chunk: Buffer): void {
    this.#seen(chunk)
    if (this.#to?.writable && !this.#to.write(Buffer.from(chunk))) this.#stopped = true
  }

  #take(chunk: Buffer): void {
    this.#seen(chunk)
    for (let at = 0; at < chunk.length; ) {
      if (this.#length === outSize) this.#flush()
      this.#out ??= idle.pop() ?? Buffer.allocUnsafeSlow(outSize)
      const taken = chunk.copy(this.#out, this.#length, at)
      this.#length += taken
      at += taken
    }
  }

  #flush(): void {
    if (this.#flushing) clearImmediate(this.#flushing)
    this.#flushing = null
    const out = this.#out
    if (out === null || this.#to === null) return
    const bytes = out.subarray(0, this.#length)
    this.#out = null
    this.#length = 0
    const free = () => {
      if (idle.length < mostIdle) idle.push(out)
    }
    if (!this.#to.writable) free()
    else if (!this.#to.write(bytes, free)) this.#stopped = true
  }
}
