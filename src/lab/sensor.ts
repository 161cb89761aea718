/** The real `pinsensor run` as a process of its own, and the other verbs on its data. */
import { type ChildProcess, spawn } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { ConfigInput } from "../config.ts"
import { GrowingList } from "./growing-list.ts"

export type LogLine = Readonly<Record<string, unknown>>

export interface LabSensor {
  /** HOST:PORT of the explicit proxy. */
  proxy: string
  /** PEM file of the inspection CA that it made. */
  caFile: string
  /** What it logged, at most the first 10,000 lines. */
  log: GrowingList<LogLine>
  /** Records of these kinds, as `pinsensor export` writes them. */
  records(...kinds: string[]): Promise<Record<string, unknown>[]>
  /** Gives lines to `pinsensor import`. */
  give(lines: readonly Record<string, unknown>[]): Promise<void>
  /** Ends it in order; after 10 s by force. */
  stop(): Promise<void>
}

const mostLines = 10_000
const startTime = 15_000
const stopTime = 10_000

/** `main`: the program's entry file; `onStarted` is given the way to end its processes at once. */
export async function startSensor(
  main: string,
  folder: string,
  settings: ConfigInput,
  onStarted: (kill: () => void) => void,
): Promise<LabSensor> {
  const configFile = join(folder, "pinsensor.json")
  const certs = join(folder, "certs")
  const own = { listen: "127.0.0.1:0", data: join(folder, "var"), ca: { dir: certs } }
  const config = { ...settings, ...own }
  await writeFile(configFile, `${JSON.stringify(config, null, 2)}\n`)

  // A process group of its own: Ctrl-C goes to the lab alone, which then ends all there is.
  const child = spawn(process.execPath, [main, "run", "--config", configFile], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  })
  const verbs = new Set<ChildProcess>()
  const kill = () => {
    killGroup(child)
    for (const verb of verbs) verb.kill("SIGKILL")
  }
  onStarted(kill)
  let said = ""
  child.stderr.on("data", (text: Buffer) => {
    said = (said + text.toString()).slice(-2_000)
  })
  const log = new GrowingList<LogLine>(mostLines)
  createInterface({ input: child.stdout }).on("line", (text) => log.add(parsed(text)))
  child.once("exit", () => log.end())
  if (!(await log.reaches(1, startTime, isListening))) {
    kill()
    throw new Error(`lab: pinsensor run did not start: ${said.trim() || "no word within 15 s"}`)
  }
  const verb = (args: readonly string[], stdin = "") =>
    runVerb([main, ...args, "--config", configFile], stdin, verbs)
  return {
    proxy: String(log.items.find(isListening)?.["listen"]),
    caFile: join(certs, "inspection-ca.pem"),
    log,
    records: async (...kinds) => {
      const text = await verb(["export", ...kinds])
      return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]))
    },
    give: async (lines) => {
      await verb(["import", "-"], lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
    },
    stop: () => stop(child),
  }
}

const isListening = ({ msg }: LogLine) => msg === "listening"

function parsed(text: string): LogLine {
  try {
    return JSON.parse(text)
  } catch {
    return { msg: "not-json", line: text.slice(0, 500) }
  }
}

/** What the verb wrote on stdout. While it runs it is among `running`. */
function runVerb(
  args: readonly string[],
  stdin: string,
  running: Set<ChildProcess>,
): Promise<string> {
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] })
  running.add(child)
  const out: Buffer[] = []
  let errors = ""
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk))
  child.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2_000)
  })
  child.stdin.on("error", () => {})
  child.stdin.end(stdin)
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code) => {
      running.delete(child)
      if (code === 0) return resolve(Buffer.concat(out).toString("utf8"))
      reject(new Error(`lab: pinsensor ${args[1]} ended with ${code}: ${errors.trim()}`))
    })
  })
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(() => killGroup(child), stopTime)
    child.once("exit", () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill("SIGTERM")
  })
}

function killGroup(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null || !child.pid) return
  try {
    process.kill(-child.pid, "SIGKILL")
  } catch {
    // It is gone already.
  }
}
