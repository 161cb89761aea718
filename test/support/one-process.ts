/** The test files of a pure stage in one process.
 *
 * A process of its own costs such a file more than its claims do: 0.6 s of CPU for Node, tap and the
 * schemas. Each of them still runs alone: `node test/observe/ja4.test.ts`. Files that use `t.testdir`
 * do not belong here: all of one process share one folder. */
import { globSync } from "node:fs"
import { join } from "node:path"
import t from "tap"

const tests = new URL("..", import.meta.url).pathname

/** Runs the test files below test/<stage> one after the other; before its tests stands a file's name. */
export async function inOneProcess(stage: string): Promise<void> {
  const files = globSync(`${stage}/**/*.test.ts`, { cwd: tests }).sort()
  if (files.length === 0) t.fail(`test/${stage} has no test files`)
  for (const file of files) {
    t.comment(`test/${file}`)
    await import(join(tests, file)).catch((cause: unknown) =>
      t.fail(`test/${file} cannot be loaded`, { cause }),
    )
  }
}
