/** How far a file was read, and by what it is known again: its inode and what its bytes were. */
import { createHash } from "node:crypto"
import { fstatSync, readSync } from "node:fs"
import { z } from "zod"

/** Bytes at the begin that tell a file from another: Zeek's header has its time within them. */
const headBytes = 1_024
/** Bytes before the place where reading goes on: they tell that a file grew and was not replaced. */
const tailBytes = 256

export const FileMark = z.strictObject({
  /** Its name in the folder, as last seen. */
  name: z.string().max(255),
  dev: z.number(),
  ino: z.number(),
  /** Bytes that were taken. */
  offset: z.int().min(0),
  /** Hashes of the first and the last of them. */
  head: z.string(),
  tail: z.string(),
  /** Inside a line that is longer than lines may be. */
  skipping: z.boolean(),
  /** The inode of a living file that this is a copy of: not read while that one is whole. */
  copy_of: z.number().nullable(),
})
export type FileMark = z.infer<typeof FileMark>

/** The same file, read up to another place. */
export function markedAt(fd: number, mark: FileMark, offset: number, skipping = false): FileMark {
  return { ...mark, ...fingerprint(fd, offset), offset, skipping }
}

/** Whether the file still has, where they were, the bytes that were read of the marked one. */
export function holds(fd: number, { offset, head, tail }: FileMark): boolean {
  if (fstatSync(fd).size < offset) return false
  const found = fingerprint(fd, offset)
  return found.head === head && found.tail === tail
}

/** Whether a file is, as far as it goes, the same as another that is at least as long. */
export function isBeginOf(fd: number, other: number): boolean {
  const { size } = fstatSync(fd)
  if (size > fstatSync(other).size) return false
  const [one, two] = [fingerprint(fd, size), fingerprint(other, size)]
  return one.head === two.head && one.tail === two.tail
}

/** Up to so many bytes from a place on; fewer at the end of the file. */
export function bytesAt(fd: number, from: number, most: number): Buffer {
  const bytes = Buffer.allocUnsafe(most)
  let length = 0
  while (length < most) {
    const count = readSync(fd, bytes, length, most - length, from + length)
    if (count === 0) break
    length += count
  }
  return bytes.subarray(0, length)
}

function fingerprint(fd: number, offset: number): { head: string; tail: string } {
  const tail = Math.min(offset, tailBytes)
  return {
    head: hash(bytesAt(fd, 0, Math.min(offset, headBytes))),
    tail: hash(bytesAt(fd, offset - tail, tail)),
  }
}

function hash(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16)
}
