import { spawn } from "node:child_process"
import { join } from "node:path"
import t from "tap"
import { openStore } from "../../src/evidence/open.ts"
import { newDir } from "./fixtures.ts"

t.test("what was acknowledged survives kill -9, and the database stays sound", async (t) => {
  const dir = newDir(t)
  const acknowledged: string[] = []
  for (const [round, batches] of [3, 40, 150].entries()) {
    acknowledged.push(...(await appendUntilKilled(dir, `round${round}`, batches)))
  }
  const store = openStore(dir)
  t.ok(acknowledged.length >= 193, `${acknowledged.length} batches`)
  const missing = acknowledged.filter((prefix) =>
    [0, 19].some((n) => store.get("attempts", `${prefix}-${n}`) === null),
  )
  t.same(missing, [])
  const { ok, problems, counts } = store.check()
  const { attempts = 0 } = counts
  t.same([ok, problems], [true, []])
  t.equal(attempts % 20, 0, "no batch is there in part")
  store.close()
})

/** Kills the process without warning once it has acknowledged so many batches. */
function appendUntilKilled(dir: string, name: string, batches: number): Promise<string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "append-child.ts"), dir, name])
  let printed = ""
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk
    if (printed.split("\n").length > batches) child.kill("SIGKILL")
  })
  return new Promise((resolve, reject) => {
    child.once("close", (_, signal) => {
      if (signal === "SIGKILL") resolve(printed.split("\n").slice(0, -1))
      else reject(new Error(`the child ended by itself: ${printed.slice(-200)}`))
    })
  })
}
