/** The system's table of hosts (hosts(5)), read again when it has changed. */
import { readFileSync, statSync } from "node:fs"
import { isIP } from "node:net"

/** How often it is looked whether the file has changed, in milliseconds. */
const lookAgain = 5_000
/** Of a longer file the rest counts for nothing; lists that block advertisements are below it. */
const mostBytes = 16 * 1024 * 1024

/** The addresses of a name by the file; undefined: it does not say. */
export function hostsFile(
  file: string,
  clock: () => number,
): (name: string) => readonly string[] | undefined {
  let looked = Number.NEGATIVE_INFINITY
  let stamp = ""
  let table: ReadonlyMap<string, readonly string[]> = new Map()
  return (name) => {
    if (clock() - looked >= lookAgain) {
      looked = clock()
      const now = stampOf(file)
      if (now !== stamp) table = now === "" ? new Map() : parseHosts(textOf(file))
      stamp = now
    }
    return table.get(name)
  }
}

/** Names in lower case; a name may stand in several lines. */
export function parseHosts(text: string): Map<string, string[]> {
  const table = new Map<string, string[]>()
  for (const line of text.slice(0, mostBytes).split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/)
    if (isIP(address) === 0) continue
    for (const name of names) {
      const known = table.get(name.toLowerCase())
      if (known) known.push(address)
      else table.set(name.toLowerCase(), [address])
    }
  }
  return table
}

function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat ? `${stat.mtimeMs} ${stat.size} ${stat.ino}` : ""
}

/** A file that cannot be read just now says nothing; its next change is looked at again. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}
