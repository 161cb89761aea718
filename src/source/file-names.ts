/** Which files of a folder are followed: the one that is named, what it becomes when it is rotated, or a pattern. */
import { basename, dirname } from "node:path"

export interface FileNames {
  folder: string
  /** What is written to now: it is followed from its begin, whenever it appears. */
  isLive(name: string): boolean
  /** What was live once: `x.log.1`, `x.log-20261121`, `x.2026-11-21-10-00-00.log`. Compressed ones
   * are no more read: their rest is lost, unless it was read before (`delaycompress`). */
  isRotated(name: string): boolean
  /** Whether several files may be live. */
  several: boolean
}

/** `*` in the last part of the path stands for any characters. */
export function fileNames(file: string): FileNames {
  const folder = dirname(file)
  const name = basename(file)
  if (name.includes("*")) {
    const pattern = new RegExp(`^${name.split("*").map(literally).join(".*")}$`)
    const compressed = /\.(?:gz|xz|bz2|zst)$/
    const isLive = (given: string) => pattern.test(given) && !compressed.test(given)
    return { folder, isLive, isRotated: () => false, several: true }
  }
  const dot = name.lastIndexOf(".")
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""]
  // A number or a time: digits first, then digits and what separates them.
  const time = "[.-]\\d[\\dT_:.-]*"
  const after = new RegExp(`^${literally(name)}${time}$`)
  const before = new RegExp(`^${literally(stem)}${time}${literally(ending)}$`)
  const isRotated = (given: string) => given !== name && (after.test(given) || before.test(given))
  return { folder, isLive: (given) => given === name, isRotated, several: false }
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
}
