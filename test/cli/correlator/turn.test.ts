import { spawn } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import t from "tap"
import { waitForTurn } from "../../../src/cli/correlator/turn.ts"
import { newDir } from "../../evidence/fixtures.ts"

const linux = process.platform === "linux"
const module = new URL("../../../src/cli/correlator/turn.ts", import.meta.url).href

/** Another process that takes its turn and keeps it. */
async function holder(dir: string) {
  const text = `import { waitForTurn } from ${JSON.stringify(module)}
    await waitForTurn(${JSON.stringify(dir)}, () => {}).mine
    console.log("mine")
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ["--input-type=module", "-e", text], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  await new Promise((resolve) => child.stdout.once("data", resolve))
  return child
}

t.test(
  "one correlator judges a data directory; the next has its turn when it is killed",
  { skip: linux ? false : "only Linux has abstract sockets" },
  async (t) => {
    const dir = newDir(t)
    const first = await holder(dir)
    let mine = false
    const turn = waitForTurn(dir, () => {})
    turn.mine.then((yes) => {
      mine = yes
    })
    t.equal(
      await waitForTurn(newDir(t), () => {}).mine,
      true,
      "other directories are not concerned",
    )
    await sleep(300)
    t.notOk(mine, "it waits")
    first.kill("SIGKILL")
    t.equal(await turn.mine, true)
  },
)

t.test(
  "a turn that is given up is not waited for",
  { skip: linux ? false : "only Linux has abstract sockets" },
  async (t) => {
    const dir = newDir(t)
    const first = await holder(dir)
    const turn = waitForTurn(dir, () => {})
    turn.giveUp()
    t.equal(await turn.mine, false)
    first.kill("SIGKILL")
  },
)
