/** Which code a run is about: the commit, what is changed beside it, and a digest of all of src/. */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

export interface CodeInForce {
  commit: string
  /** Tracked files that differ from the commit, and new ones, under src/ and bench/fleet/. */
  changed: number
  src: string
}

const root = join(import.meta.dirname, "../../..")

export function codeInForce(): CodeInForce {
  const git = (...words: string[]) => execFileSync("git", words, { cwd: root, encoding: "utf8" })
  const hash = createHash("sha256")
  for (const name of globSync("src/**/*.ts", { cwd: root }).sort())
    hash.update(`${name}\n`).update(readFileSync(join(root, name)))
  return {
    commit: git("rev-parse", "--short", "HEAD").trim(),
    changed: git("status", "--porcelain", "--", "src", "bench/fleet")
      .split("\n")
      .filter((line) => line !== "").length,
    src: hash.digest("hex").slice(0, 12),
  }
}
