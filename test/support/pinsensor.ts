/** The real `pinsensor run` in a temporary folder, and its other verbs on the same data. */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import { exportRecords } from "../../src/cli/export/export-records.ts"
import { openStore } from "../../src/evidence/open.ts"

const main = new URL("../../src/cli/main.ts", import.meta.url).pathname
const run = promisify(execFile)

export interface RunningSensor {
  folder: string
  /** HOST:PORT of the explicit proxy. */
  proxy: string
  /** PEM file of the inspection CA. */
  ca: string
  pid: number
  /** Lines of the log so far, parsed. */
  log: Record<string, unknown>[]
  /** Runs another verb; what it wrote on stdout. */
  verb(...args: string[]): Promise<string>
  /** Records of a kind, as `pinsensor export` writes them, without a process for each question. */
  records(kind: string): Promise<Record<string, unknown>[]>
  /** Imports these records; each needs its `record`. */
  give(records: readonly Record<string, unknown>[]): Promise<void>
  /** Ends the supervisor with SIGTERM and waits. */
  stop(): Promise<void>
  /** Starts it again on the same folder and port; fails if it ends before it listens. */
  restart(): Promise<void>
  /** What it wrote on stderr so far, and its exit code once it has ended by itself. */
  errors(): string
  exitCode(): number | null
  /** Kills the supervisor and every process of it at once, as a power cut would. */
  kill(): Promise<void>
  remove(): Promise<void>
}

/** `config`: keys of the configuration file; listen and CA are set here. `data`: where evidence is
 * stored, if not in the sensor's own folder. `under`: what goes before the command that starts it. */
export async function startPinsensor(
  config: Record<string, unknown> = {},
  data?: string,
  under: readonly string[] = [],
): Promise<RunningSensor> {
  const folder = await mkdtemp(join(tmpdir(), "pinsensor-test-"))
  const file = join(folder, "pinsensor.yaml")
  const stored = data ?? join(folder, "var")
  const write = (listen: string) =>
    writeFile(
      file,
      JSON.stringify({
        ...config,
        listen,
        data: stored,
        ca: { dir: join(folder, "certs") },
      }),
    )
  await write("127.0.0.1:0")
  const log: RunningSensor["log"] = []
  let said = { errors: "" }
  let child = spawnSensor(file, under)
  await listening(child, log, said)
  const proxy = String(log.find((line) => line["msg"] === "listening")?.["listen"])
  await write(proxy)
  const verb = async (...args: string[]) => {
    const { stdout } = await run(process.execPath, [main, ...args, "--config", file], {
      maxBuffer: 256 * 1024 * 1024,
    })
    return stdout
  }
  let given = 0
  return {
    folder,
    proxy,
    ca: join(folder, "certs", "inspection-ca.pem"),
    get pid() {
      return child.pid ?? 0
    },
    log,
    verb,
    records: (kind) => exported(stored, kind),
    give: async (records) => {
      const name = join(folder, `given-${++given}.ndjson`)
      await writeFile(name, records.map((record) => `${JSON.stringify(record)}\n`).join(""))
      await verb("import", name)
    },
    stop: () => end(child, "SIGTERM"),
    restart: () => {
      child = spawnSensor(file, under)
      said = { errors: "" }
      return listening(child, log, said)
    },
    errors: () => said.errors,
    exitCode: () => child.exitCode,
    kill: () => killGroup(child),
    remove: async () => {
      await end(child, "SIGTERM")
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function exported(data: string, kind: string): Promise<Record<string, unknown>[]> {
  const store = openStore(data, { readonly: true })
  let text = ""
  const write = async (lines: string) => {
    text += lines
    return true
  }
  try {
    await exportRecords({ store, kinds: [kind], write })
  } finally {
    store.close()
  }
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
}

/** Its own process group, so that all of it can be killed at once. */
function spawnSensor(file: string, under: readonly string[]) {
  const [program = "", ...args] = [...under, process.execPath, main, "run", "--config", file]
  return spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  })
}

async function listening(
  child: ReturnType<typeof spawnSensor>,
  log: RunningSensor["log"],
  said: { errors: string },
): Promise<void> {
  child.stderr.on("data", (text) => {
    said.errors += text
  })
  await new Promise<void>((resolve, reject) => {
    child.once("close", (code) => reject(new Error(`pinsensor ended with ${code}: ${said.errors}`)))
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = parsed(line)
      log.push(event)
      if (event["msg"] === "listening") resolve()
    })
  })
}

function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line)
  } catch {
    return { msg: "not-json", line }
  }
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once("exit", () => resolve())
    child.kill(signal)
  })
}

function killGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once("exit", () => resolve())
    if (child.pid) process.kill(-child.pid, "SIGKILL")
  })
}
