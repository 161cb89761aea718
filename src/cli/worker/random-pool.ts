/** Random bytes in small pieces: asking the system for each costs more than making a record. */
import { randomFillSync } from "node:crypto"

/** Bytes fetched at a time. */
const size = 16_384

/** Gives `length` random bytes at each call; they are good until the pool has come round. */
export function randomPool(): (length: number) => Uint8Array {
  const pool = Buffer.alloc(size)
  let at = size
  return (length) => {
    if (at + length > size) {
      randomFillSync(pool)
      at = 0
    }
    at += length
    return pool.subarray(at - length, at)
  }
}
