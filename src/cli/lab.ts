/** `pinsensor lab [--keep]`: the lab, in a folder of its own that it takes away again. */
import { rmSync } from "node:fs"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { runLab } from "../lab/lab.ts"
import { findCurl, killClients } from "../lab/visit.ts"

const main = new URL("./main.ts", import.meta.url).pathname

export async function lab(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { keep: { type: "boolean" } } })
  const folder = await mkdtemp(join(tmpdir(), "pinsensor-lab-"))
  let killSensor = () => {}
  // However the lab ends, what is still there goes; after an orderly end only the folder is.
  process.once("exit", () => {
    killClients()
    killSensor()
    // Processes that were just killed may still be ending in it.
    if (!values.keep)
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  })
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }))
    process.once(signal, () => process.exit(code))
  // A reader that has gone (`| head`) ends the lab as well.
  process.stdout.on("error", () => process.exit(1))

  const asTold = await runLab({
    main,
    folder,
    curl: findCurl(),
    tell: (line) => process.stdout.write(`${line}\n`),
    clock: Date.now,
    onStarted: (kill) => {
      killSensor = kill
    },
  })
  if (values.keep) process.stdout.write(lookFurther(folder))
  process.exitCode = asTold ? 0 : 1
}

function lookFurther(folder: string): string {
  const data = join(folder, "var")
  const lines = [
    "",
    "The folder is kept. Look further with:",
    `  npx pinsensor export attempts flows --data ${data}`,
    `  npx pinsensor export findings alerts --data ${data}`,
    `  npx pinsensor export register --data ${data}`,
    `  npx pinsensor explain FINDING_ID --data ${data}     (finding_id of an alert)`,
    `  rm -r ${folder}`,
    "",
  ]
  return lines.join("\n")
}
