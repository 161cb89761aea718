/** The lab as people run it: the real verb in a process of its own. */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createInterface } from "node:readline"
import t from "tap"

const main = new URL("../../src/cli/main.ts", import.meta.url).pathname
t.setTimeout(90_000)

interface Ended {
  code: number | null
  lines: string[]
  seconds: number
}

/** `onLine` sees each line as it is printed, and may end the lab. */
function runLab(onLine: (line: string, pid: number) => void = () => {}): Promise<Ended> {
  const began = performance.now()
  const child = spawn(process.execPath, [main, "lab"], { stdio: ["ignore", "pipe", "pipe"] })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line)
    onLine(line, child.pid ?? 0)
  })
  createInterface({ input: child.stderr }).on("line", (line) => lines.push(`stderr: ${line}`))
  return new Promise((resolve) => {
    child.once("close", (code) =>
      resolve({ code, lines, seconds: (performance.now() - began) / 1_000 }),
    )
  })
}

const folderIn = (lines: readonly string[]) =>
  lines.map((line) => /^folder +(\S+)$/.exec(line)?.[1]).find((folder) => folder !== undefined) ??
  "no folder named"

t.test(
  "the lab tells its story in under a minute and every verdict is as told",
  { timeout: 90_000 },
  async (t) => {
    const { code, lines, seconds } = await runLab()
    const text = lines.join("\n")
    t.equal(code, 0, lines.filter((line) => /^(differs|stderr):/.test(line)).join("\n") || "exit 0")
    t.ok(seconds < 60, `${seconds.toFixed(0)} s`)
    for (const section of [
      "What is built",
      "What was recorded",
      "What it means",
      "The life of the trials",
      "What the syslog receiver got",
    ])
      t.ok(lines.includes(section), section)
    t.match(text, /^ +4 {2}pixel-1 +Wallet +api\.bank\.example +refused-after-handshake$/m)
    t.match(
      text,
      /^ +2 {2}iphone-1 +Loyalty +api\.bank\.example +spliced \(trial\): used, strongly$/m,
    )
    t.match(text, /^confirmed: pixel-1, com\.example\.wallet \(observed\): AN1725, high$/m)
    t.match(text, /^confirmed: iphone-1, com\.example\.loyalty \(inferred\): AN1726, medium$/m)
    const life = ["armed: ", "splicing: ", "re-inspecting: ", "confirmed: "]
    const steps = lines.flatMap((line) => /^ {2}\+ *\d+\.\d s {2}(\S+ )/.exec(line)?.[1] ?? [])
    t.strictSame(steps, [...life, ...life], "both trials lived as they should")
    t.equal(lines.filter((line) => /^<13[12]>1 .* AN172[56] /.test(line)).length, 3, "alerts")
    t.match(lines.at(-1), /^All as told, in \d+ s\.$/)
    t.notOk(existsSync(folderIn(lines)), "its folder is gone")
  },
)

t.test("interrupted, the lab takes its processes and its folder with it", async (t) => {
  let proxy = ""
  const { code, lines } = await runLab((line, pid) => {
    proxy ||= /explicit proxy on (\S+);/.exec(line)?.[1] ?? ""
    if (line === "What happens") process.kill(pid, "SIGINT")
  })
  t.equal(code, 130)
  t.not(proxy, "", "the sensor was there")
  t.notOk(existsSync(folderIn(lines)), "its folder is gone")
  await t.rejects(fetch(`http://${proxy}/`), "and nobody listens any more")
})
