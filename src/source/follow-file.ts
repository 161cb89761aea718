/**
 * Follows a text file that grows: through rotation by renaming, copying and truncating, replacement,
 * deletion, and a restart of ours. In: the file, and the place that was kept last. Out: whole lines
 * (or stanzas) with the place after them, to be kept in one commit with what is made of them.
 * It must not know what the lines say, and has no timer.
 *
 * Each line comes once: what was read is known by inode and by the bytes themselves, not by name.
 * A file that was moved is read to its end before the one that took its name.
 */
import { closeSync, fstatSync, openSync, readdirSync, type Stats, statSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { type Cut, cutUnits } from "./cut-units.ts"
import { bytesAt, FileMark, holds, isBeginOf, markedAt } from "./file-mark.ts"
import { type FileNames, fileNames } from "./file-names.ts"

export interface FollowSettings {
  /** A path; `*` in its last part follows every file that fits (`detail-*`). */
  file: string
  /** What ends a unit: a line, or a stanza that a blank line ends. */
  separator?: "\n" | "\n\n"
  /** Bytes; longer units are passed over and counted. */
  longest?: number
  /** What was rotated away before we first came is read as well, and is part of the past as long as it is there:
   * of a journal, of which the old part has what stands. */
  fromOldest?: boolean
  /** Bytes read at once, and units in a batch. */
  chunk?: number
  most?: number
}

export interface Unit {
  text: string
  /** Where it begins in its file, in bytes. */
  at: number
}

export interface FileBatch {
  path: string
  /** It may be written to: it is none that was rotated away. */
  live: boolean
  /** The first whole lines of the file, at most 8 KiB: where headers are. */
  head: string
  units: Unit[]
  /** Units that were passed over, and are not among them. */
  overlong: number
  /** When the file was written last, in epoch milliseconds, and whether it has no more lines now. */
  modifiedMs: number
  atEnd: boolean
  /** To be kept together with what was made of the units. */
  place: FilePlace
}

const Place = z.strictObject({
  files: z.array(FileMark),
  /** Files that were written last before this time are done with; epoch milliseconds. */
  done_before: z.number(),
})
export type FilePlace = z.infer<typeof Place>

/** Files at a time, oldest first; others wait until these are done with. A place stays below 32 KiB. */
const mostFiles = 128
/** Names in a folder beyond which nothing is followed: it is no folder of logs. */
const mostNames = 50_000
/** A file that is live no more is done with so long after it grew last, in milliseconds. */
const quietMs = 60_000
/** One of several live ones (a day of `detail-*`) that was written so long before the newest. */
const quietLiveMs = 2 * 86_400_000
const headBytes = 8 * 1024

interface Open {
  mark: FileMark
  fd: number
  stats: Stats
  live: boolean
  /** When it was seen to grow last, by the clock of the caller. */
  grewAt: number
  /** Size and time of change at which it was found to be what was read. */
  checked: string
}

/** Owned state: open files, at most `mostFiles`. */
export class FileFollower {
  readonly #names: FileNames
  readonly #settings: Required<FollowSettings>
  #files: Open[] = []
  /** Of the place, as long as their files are not open: as many. */
  #marks: FileMark[]
  #doneBefore: number
  #first: boolean
  /** What the last batch leads to, until it is taken. */
  #next: { file: Open; mark: FileMark } | null = null
  /** When one of several was written last. */
  #newestMs = 0
  /** Files that were gone when we came back: what they had beyond our place is lost. */
  gone = 0
  /** Nothing is there that could be written to. */
  missing = true

  constructor(settings: FollowSettings, place: unknown) {
    const sizes = { longest: 65_536, chunk: 1 << 20, most: 4_000 }
    this.#settings = { separator: "\n", fromOldest: false, ...sizes, ...settings }
    this.#names = fileNames(settings.file)
    const kept = Place.safeParse(place)
    this.#first = !kept.success
    this.#marks = kept.success ? kept.data.files : []
    this.#doneBefore = kept.success ? kept.data.done_before : 0
  }

  /** What comes next; null while there is nothing. The same again until it is taken. Throws what the
   * system says of a file or folder that may not be read. */
  next(now: number): FileBatch | null {
    this.#look(now)
    for (const file of this.#files) {
      const batch = file.mark.copy_of === null ? this.#read(file, now) : null
      if (batch) return batch
    }
    return null
  }

  /** The last batch is kept: go on after it. */
  took(): void {
    if (this.#next) this.#next.file.mark = this.#next.mark
    this.#next = null
  }

  /** Where reading goes on: after what was taken. */
  get place(): FilePlace {
    return this.#placeWith(null)
  }

  #placeWith(next: { file: Open; mark: FileMark } | null): FilePlace {
    const files = this.#files.map((file) => (next?.file === file ? next.mark : file.mark))
    return { files: [...files, ...this.#marks], done_before: this.#doneBefore }
  }

  /** What was taken before, of files that are still there, oldest first: for a reader that must know
   * what came before to understand what comes. */
  *past(now: number): Generator<FileBatch> {
    this.#look(now)
    if (this.#settings.fromOldest) yield* this.#doneWith(now)
    for (const file of [...this.#files]) yield* this.#taken(file)
  }

  /** What was taken of one file. */
  *#taken(file: Open): Generator<FileBatch> {
    const { mark, fd } = file
    let [from, skipping] = [0, false]
    while (mark.copy_of === null && from < mark.offset) {
      const bytes = bytesAt(fd, from, Math.min(this.#settings.chunk, mark.offset - from))
      const final = from + bytes.length >= mark.offset
      const cut = cutUnits(bytes, { ...this.#settings, skipping, final })
      if (cut.taken === 0) break
      yield this.#batch(file, { cut, from, place: this.place })
      from += cut.taken
      skipping = cut.skipping
    }
  }

  /** Files that were read to their end, and are followed no more. */
  *#doneWith(now: number): Generator<FileBatch> {
    for (const { name, stats, live } of this.#list()) {
      if (this.#files.some((file) => inodeOf(file.mark) === inodeOf(stats))) continue
      const fd = openSync(join(this.#names.folder, name), "r")
      try {
        const { dev, ino, size } = fstatSync(fd)
        const mark = { name, dev, ino, head: "", tail: "", skipping: false, copy_of: null }
        const file = { mark: { ...mark, offset: size }, fd, stats, live, grewAt: now, checked: "" }
        yield* this.#taken(file)
      } finally {
        closeSync(fd)
      }
    }
  }

  close(): void {
    for (const { fd } of this.#files) closeSync(fd)
    this.#files = []
  }

  #read(file: Open, now: number): FileBatch | null {
    const { mark, fd, stats } = file
    const { chunk } = this.#settings
    const rest = stats.size - mark.offset
    if (rest <= 0) return null
    const bytes = bytesAt(fd, mark.offset, Math.min(rest, chunk))
    const atEnd = bytes.length >= rest
    const final = atEnd && now - file.grewAt >= this.#quiet(file)
    const cut = cutUnits(bytes, { ...this.#settings, skipping: mark.skipping, final })
    if (cut.taken === 0) return null
    this.#next = { file, mark: markedAt(fd, mark, mark.offset + cut.taken, cut.skipping) }
    const place = this.#placeWith(this.#next)
    return this.#batch(file, { cut, from: mark.offset, place })
  }

  #batch(
    { mark: { name }, fd, stats, live }: Open,
    { cut, from, place }: { cut: Cut; from: number; place: FilePlace },
  ): FileBatch {
    return {
      path: join(this.#names.folder, name),
      live,
      head: wholeLines(bytesAt(fd, 0, Math.min(stats.size, headBytes))),
      units: cut.units.map(({ text, at }) => ({ text, at: from + at })),
      overlong: cut.overlong,
      modifiedMs: stats.mtimeMs,
      atEnd: from + cut.taken >= stats.size,
      place,
    }
  }

  #look(now: number): void {
    this.#next = null
    const found = this.#list()
    const inFolder = new Map(found.map((each) => [inodeOf(each.stats), each]))
    for (const file of this.#files) lookAgain(file, inFolder.get(inodeOf(file.mark)), now)
    // What was rotated away before we first came is the past.
    if (this.#first && !this.#names.several && !this.#settings.fromOldest)
      for (const { live, stats } of found) if (!live) this.#done(stats)
    this.#first = false
    for (const each of found) this.#take(each, now)
    const there = this.#marks.filter((mark) => inFolder.has(inodeOf(mark)))
    this.gone += this.#marks.length - there.length
    this.#marks = there
    for (const file of this.#files) this.#ifReplaced(file)
    for (const file of this.#files) this.#ifCopy(file)
    this.#files.sort(oldestFirst)
    for (const { stats } of this.#files) this.#newestMs = Math.max(this.#newestMs, stats.mtimeMs)
    this.#retire(now)
    this.missing = !this.#files.some(({ live }) => live)
  }

  /** Oldest first; of the same time `x.log.2` before `x.log.1`. */
  #list(): Found[] {
    const { folder, isLive, isRotated, several } = this.#names
    const names = namesIn(folder)
    if (names.length > mostNames)
      throw new Error(
        `${folder} has more than ${mostNames} files; keep the logs in a folder of their own`,
      )
    return names
      .filter((name) => isLive(name) || isRotated(name))
      .flatMap((name) => {
        const stats = statSync(join(folder, name), { throwIfNoEntry: false })
        return stats?.isFile() ? [{ name, stats, live: isLive(name) }] : []
      })
      .sort((a, b) => a.stats.mtimeMs - b.stats.mtimeMs || (a.name > b.name === several ? 1 : -1))
  }

  /** Opens a file of the folder, unless it is open or done with. */
  #take({ name, stats, live }: Found, now: number): void {
    const inode = inodeOf(stats)
    if (this.#files.some((file) => inodeOf(file.mark) === inode)) return
    const known = this.#marks.find((mark) => inodeOf(mark) === inode)
    const always = live && !this.#names.several
    if (!known && !always && (stats.mtimeMs <= this.#doneBefore || stats.size === 0)) return
    if (this.#files.length >= mostFiles) return
    const fd = openSync(join(this.#names.folder, name), "r")
    const opened = fstatSync(fd)
    // Renamed in between: the next look finds it under its other name.
    if (inodeOf(opened) !== inode) return closeSync(fd)
    const fresh = { dev: stats.dev, ino: stats.ino, offset: 0, head: "", tail: "" }
    const unread = markedAt(fd, { ...fresh, name, skipping: false, copy_of: null }, 0)
    // The number of a copy that is gone may be that of a new file: what is written to is no copy.
    const mark = known && !(live && known.copy_of !== null) ? known : unread
    this.#marks = this.#marks.filter((each) => each !== known)
    this.#files.push({ mark: { ...mark, name }, fd, stats: opened, live, grewAt: now, checked: "" })
  }

  /** Where the bytes are no more those that were read: the rest is in its copy, if it has one. */
  #ifReplaced(file: Open): void {
    const state = `${file.stats.size} ${file.stats.mtimeMs}`
    if (file.checked === state) return
    file.checked = state
    const { mark } = file
    const copies = this.#files
      .filter((other) => other.mark.copy_of === mark.ino || isUnreadCopy(other, file))
      .sort((a, b) => b.stats.size - a.stats.size)
    const same =
      mark.offset > 0 ? holds(file.fd, mark) : copies.every((copy) => isBeginOf(copy.fd, file.fd))
    if (same) return
    for (const [index, copy] of copies.entries()) {
      // What was read beyond the copy's end is read; nobody has it any more.
      const from = Math.min(mark.offset, copy.stats.size)
      const copy_of = index === 0 ? null : (copies[0]?.mark.ino ?? null)
      copy.mark = markedAt(copy.fd, { ...copy.mark, copy_of }, from, mark.skipping)
    }
    file.mark = markedAt(file.fd, mark, 0)
  }

  /** Copies are made to truncate the original next, or only to be there: both are not to be read. */
  #ifCopy(file: Open): void {
    if (file.live || file.mark.offset > 0 || file.mark.copy_of !== null) return
    const original = this.#files.find(
      (other) => other !== file && other.live && isBeginOf(file.fd, other.fd),
    )
    if (original) file.mark = { ...file.mark, copy_of: original.mark.ino }
  }

  #retire(now: number): void {
    this.#files = this.#files.filter((file) => {
      const rest = file.mark.copy_of === null && file.stats.size > file.mark.offset
      if (rest || now - file.grewAt < this.#quiet(file)) return true
      this.#done(file.stats)
      closeSync(file.fd)
      return false
    })
  }

  /** How long a file must not have grown to be done with. */
  #quiet({ live, stats }: Open): number {
    if (!live) return quietMs
    if (!this.#names.several) return Number.POSITIVE_INFINITY
    return stats.mtimeMs <= this.#newestMs - quietLiveMs ? 0 : Number.POSITIVE_INFINITY
  }

  #done({ mtimeMs }: Stats): void {
    this.#doneBefore = Math.max(this.#doneBefore, mtimeMs)
  }
}

interface Found {
  name: string
  stats: Stats
  live: boolean
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
    throw error
  }
}

function inodeOf({ dev, ino }: { dev: number; ino: number }): string {
  return `${dev} ${ino}`
}

function lookAgain(file: Open, found: Found | undefined, now: number): void {
  const stats = fstatSync(file.fd)
  if (stats.size !== file.stats.size) file.grewAt = now
  file.stats = stats
  file.live = found?.live ?? false
  if (found) file.mark = { ...file.mark, name: found.name }
}

/** Nothing of it was read, and it has all that was read of the other. */
function isUnreadCopy({ mark, live, fd }: Open, of: Open): boolean {
  return of.mark.offset > 0 && mark.offset === 0 && !live && holds(fd, of.mark)
}

/** What was moved away comes before what took its name. */
function oldestFirst(a: Open, b: Open): number {
  if (a.live !== b.live) return a.live ? 1 : -1
  return a.stats.mtimeMs - b.stats.mtimeMs
}

function wholeLines(bytes: Buffer): string {
  return bytes.subarray(0, bytes.lastIndexOf("\n") + 1).toString()
}
