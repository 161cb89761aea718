/** Ids of records: in the order of time, so that an index over them grows at one end. */

/**
 * A UUID version 7 (RFC 9562 section 5.7) from a time in epoch milliseconds and 10 random bytes.
 */
export function recordId(now: number, random: Uint8Array): string {
  const time = Math.max(0, Math.floor(now)).toString(16).padStart(12, "0")
  const tail = Buffer.from(random.buffer, random.byteOffset, 10).toString("hex")
  const variant = (8 + ((random[2] ?? 0) & 3)).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-${variant}${tail.slice(5, 8)}-${tail.slice(8, 20)}`
}
