import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import t from "tap"
import { FileFollower, type FollowSettings } from "../../src/source/follow-file.ts"

const root = mkdtempSync(join(tmpdir(), "pinsensor-follow-"))
t.teardown(() => rmSync(root, { recursive: true, force: true }))
let folders = 0

/** A follower with its own folder, that can be restarted as it is after a crash. */
function bed(settings: Partial<FollowSettings> = {}, name = "x.log") {
  const folder = join(root, String(folders++))
  mkdirSync(folder)
  const file = join(folder, name)
  let place: unknown = null
  let follower = new FileFollower({ file, ...settings }, place)
  const said: string[] = []
  let overlong = 0
  let now = 0
  const read = (afterMs = 1_000) => {
    now += afterMs
    for (;;) {
      const batch = follower.next(now)
      if (!batch) break
      said.push(...batch.units.map(({ text }) => text))
      overlong += batch.overlong
      place = JSON.parse(JSON.stringify(batch.place))
      follower.took()
    }
    return said.splice(0)
  }
  return {
    folder,
    file,
    at: (other: string) => join(folder, other),
    write: (text: string, to = file) => appendFileSync(to, text),
    read,
    restart: () => {
      follower.close()
      follower = new FileFollower({ file, ...settings }, place)
    },
    end: () => follower.close(),
    get follower() {
      return follower
    },
    get overlong() {
      return overlong
    },
    get place() {
      return place
    },
  }
}

t.test("lines come once, whole, and go on after a restart", async (t) => {
  const { write, read, restart, end } = bed()
  t.same(read(), [], "a file that is not there")
  write("one\ntwo\nthr")
  t.same(read(), ["one", "two"], "half a line waits")
  restart()
  write("ee\r\n\nfour\n")
  t.same(read(), ["three", "four"], "its other half, and no empty lines")
  restart()
  t.same(read(), [])
  end()
})

t.test("whatever rotation does, the rest of the old file is read first", async (t) => {
  const rows: [name: string, rotate: (is: ReturnType<typeof bed>) => void][] = [
    [
      "renamed, and written anew",
      ({ file, at, write }) => {
        renameSync(file, at("x.log.1"))
        write("c\n", at("x.log.1"))
        write("d\n")
      },
    ],
    [
      "renamed twice",
      ({ file, at, write }) => {
        write("c\n")
        renameSync(file, at("x.log.2"))
        writeFileSync(at("x.log.1"), "d\n")
        write("")
      },
    ],
    [
      "named after its time",
      ({ file, at, write }) => {
        write("c\n")
        renameSync(file, at("x.2026-11-21-10-00-00.log"))
        write("d\n")
      },
    ],
    [
      "copied and truncated",
      ({ file, at, write }) => {
        write("c\n")
        copyFileSync(file, at("x.log.1"))
        truncateSync(file)
        write("d\n")
      },
    ],
    [
      "copied and truncated, and longer than before at the next look",
      ({ file, at, write }) => {
        write("c\n")
        copyFileSync(file, at("x.log-20261121"))
        truncateSync(file)
        write(`${"d\n"}`)
      },
    ],
  ]
  for (const restarted of [false, true])
    for (const [name, rotate] of rows) {
      const is = bed()
      is.write("a\nb\n")
      t.same(is.read(), ["a", "b"], name)
      rotate(is)
      if (restarted) is.restart()
      t.same(is.read(), ["c", "d"], `${name}${restarted ? ", while we were not there" : ""}`)
      is.restart()
      t.same(is.read(), [], `${name}: nothing twice`)
      t.same(is.read(3_600_000), [], `${name}: nor when the old one is done with`)
      is.restart()
      t.same(is.read(), [], `${name}: nor after another restart`)
      is.end()
    }
})

t.test("a copy that is being made is not read beside what it is a copy of", async (t) => {
  const is = bed()
  is.write("a\nb\n")
  is.read()
  is.write("c\n")
  writeFileSync(is.at("x.log.1"), "a\nb")
  t.same(is.read(), ["c"])
  is.write("d\n")
  copyFileSync(is.file, is.at("x.log.1"))
  truncateSync(is.file)
  is.write("e\n")
  t.same(is.read(), ["d", "e"])
  is.end()
})

t.test("a new file with the number of a copy that is gone is no copy", async (t) => {
  const { file, write, read, end } = bed()
  write("one\n")
  t.same(read(), ["one"])
  write("two\n")
  const { dev, ino } = statSync(file)
  const mark = { name: "x.log.1", dev, ino, offset: 0, head: "", tail: "" }
  const place = { files: [{ ...mark, skipping: false, copy_of: 7 }], done_before: 0 }
  const follower = new FileFollower({ file }, place)
  t.same(
    follower.next(1)?.units.map(({ text }) => text),
    ["one", "two"],
  )
  follower.close()
  end()
})

t.test("a file of other content is read from its begin", async (t) => {
  const is = bed()
  is.write("a long line\n")
  is.read()
  writeFileSync(is.file, "short\n")
  t.same(is.read(), ["short"], "replaced in place by a shorter one")
  writeFileSync(is.file, "other, and longer than before\n")
  t.same(is.read(), ["other, and longer than before"], "replaced in place by a longer one")
  rmSync(is.file)
  t.same(is.read(), [])
  t.ok(is.follower.missing)
  is.write("anew\n")
  t.same(is.read(), ["anew"], "deleted and made again")
  t.notOk(is.follower.missing)
  is.restart()
  rmSync(is.file)
  is.write("anew and anew\n")
  t.same(is.read(), ["anew and anew"], "the same while we were not there, be its inode the same")
  is.end()
})

t.test("what was rotated away before we first came is left alone", async (t) => {
  const is = bed()
  writeFileSync(is.at("x.log.1"), "old\n")
  writeFileSync(is.at("x.log.2.gz"), "packed\n")
  is.write("a\n")
  t.same(is.read(), ["a"])
  is.end()
})

t.test("a line that is too long is passed over and counted, in bounded memory", async (t) => {
  const is = bed({ longest: 100, chunk: 256 })
  is.write(`a\n${"x".repeat(1_000)}`)
  t.same(is.read(), ["a"])
  is.restart()
  is.write(`${"y".repeat(300)}\nb\n${"z".repeat(101)}\nc\n`)
  t.same(is.read(), ["b", "c"])
  t.equal(is.overlong, 2)
  is.end()
})

t.test("a line that is nearly all ends of lines is read at once", async (t) => {
  const is = bed()
  const odd = `x${"\r".repeat(60_000)}x`
  is.write(`\r${odd}\r\n${odd}\n`)
  const before = performance.now()
  t.same(is.read(), [odd, odd])
  t.ok(performance.now() - before < 2_000, "a search at each of them takes 12 s")
  is.end()
})

t.test("stanzas end with a blank line, and never in the middle of it", async (t) => {
  const is = bed({ separator: "\n\n", longest: 40, chunk: 80 })
  is.write("one\n\ta = 1\n\ntwo\n\ta = 2\n")
  t.same(is.read(), ["one\n\ta = 1"])
  is.write(`\nthree\n\n${"long ".repeat(40)}\n`)
  t.same(is.read(), ["two\n\ta = 2", "three"])
  is.write("\nfour\n\n")
  t.same(is.read(), ["four"])
  t.equal(is.overlong, 1)
  is.end()
})

t.test("a pattern follows the file of each day", async (t) => {
  const is = bed({}, "detail-*")
  is.write("a\n", is.at("detail-20261120"))
  t.same(is.read(), ["a"])
  is.write("b\n", is.at("detail-20261120"))
  is.write("c\n", is.at("detail-20261121"))
  is.write("no\n", is.at("other"))
  is.restart()
  t.same(is.read(), ["b", "c"])
  is.restart()
  t.same(is.read(), [])
  is.end()
})

t.test("the last line of a file that was moved away needs no end of line", async (t) => {
  const is = bed()
  is.write("a\nlast")
  is.read()
  renameSync(is.file, is.at("x.log.1"))
  is.write("b\n")
  t.same(is.read(), ["b"])
  t.same(is.read(61_000), ["last"])
  is.end()
})

type Step = "append" | "half" | "rename" | "copy" | "copy-late" | "restart" | "read"

t.test("any sequence of writing, rotation and restarts gives each line once", async (t) => {
  const step = fc.constantFrom<Step>(
    "append",
    "half",
    "rename",
    "copy",
    "copy-late",
    "restart",
    "read",
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const is = bed()
      const written: string[] = []
      const read: string[] = []
      let line = 0
      let half = false
      const append = (count: number) => {
        for (let i = 0; i < count; i++) {
          const text = `line ${line++} of what is written here`
          written.push(text)
          is.write(`${text}\n`)
        }
      }
      const endHalf = () => {
        if (half) is.write(" and the other half\n")
        half = false
      }
      const shift = () => {
        for (let i = 9; i > 0; i--)
          if (existsSync(is.at(`x.log.${i}`)))
            renameSync(is.at(`x.log.${i}`), is.at(`x.log.${i + 1}`))
      }
      append(1)
      read.push(...is.read())
      for (const each of steps) {
        if (each === "read") read.push(...is.read())
        else if (each === "restart") is.restart()
        else if (each === "append") {
          endHalf()
          append(1 + (line % 3))
        } else if (each === "half" && !half) {
          is.write(`line ${line}, half`)
          written.push(`line ${line++}, half and the other half`)
          half = true
        } else if (each === "rename" || each === "copy" || each === "copy-late") {
          endHalf()
          shift()
          if (each === "rename") {
            renameSync(is.file, is.at("x.log.1"))
            is.write("")
          } else {
            copyFileSync(is.file, is.at("x.log.1"))
            if (each === "copy-late") read.push(...is.read())
            truncateSync(is.file)
          }
          // logrotate is not faster than the file system's clock; what comes first is older.
          append(1)
        }
      }
      endHalf()
      read.push(...is.read())
      is.restart()
      read.push(...is.read())
      is.end()
      t.equal(new Set(read).size, read.length, "none twice")
      return read.length === written.length && written.every((text) => read.includes(text))
    }),
    { numRuns: 150 },
  )
})

t.test("a place is small whatever is followed", async (t) => {
  const is = bed({}, "detail-*")
  for (let i = 0; i < 300; i++) writeFileSync(is.at(`detail-${i}`), `${i}\n`)
  const read = is.read()
  t.equal(read.length, 128, "so many at a time")
  t.ok(JSON.stringify(is.place).length < 32_768)
  t.equal(readFileSync(is.at("detail-0"), "utf8"), "0\n")
  is.end()
})
