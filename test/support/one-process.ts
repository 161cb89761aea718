/** The test files of a folder in one process.
 *
 * A process of its own costs such a file more than its claims do: 0.6 s of CPU for Node, tap and the
 * schemas. Each of them still runs alone: `node test/observe/ja4.test.ts`. What .taprc starts by
 * itself stays apart. All of one process share its root: its folder, its time-out, its `jobs`. */
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import t from "tap"
import { parse } from "yaml"

const root = new URL("../..", import.meta.url).pathname

/** For all files of a folder together, on a loaded machine, in milliseconds. */
const patience = 300_000

/** Runs the test files below test/<folder> one after the other; before its tests stands a file's name. */
export async function inOneProcess(folder: string): Promise<void> {
  t.setTimeout(patience)
  const started = startedFiles()
  const files = globSync(`test/${folder}/**/*.test.ts`, { cwd: root })
    .filter((file) => runBy(file, started) === `test/${folder}.test.ts`)
    .sort()
  if (files.length === 0) t.fail(`test/${folder} has no test files`)
  for (const file of files) {
    t.comment(file)
    await import(join(root, file)).catch((cause: unknown) =>
      t.fail(`${file} cannot be loaded`, { cause }),
    )
  }
}

/** What `npm test` starts, each in a process of its own, and which of it runs a folder. */
export interface Started {
  files: string[]
  folders: ReadonlySet<string>
}

export function startedFiles(): Started {
  const textOf = (file: string) => readFileSync(join(root, file), "utf8")
  const { include } = parse(textOf(".taprc")) as { include: string[] }
  const files = include.flatMap((pattern) => globSync(pattern, { cwd: root }))
  return { files, folders: new Set(files.filter((file) => textOf(file).includes("inOneProcess("))) }
}

/** The started file in whose process a test file runs: itself, or that of the nearest folder around it. */
export function runBy(file: string, { files, folders }: Started): string | null {
  if (files.includes(file)) return file
  for (let folder = dirname(file); folder !== "."; folder = dirname(folder))
    if (folders.has(`${folder}.test.ts`)) return `${folder}.test.ts`
  return null
}
