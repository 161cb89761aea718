/**
 * How fast attempts are appended by one thread, and whether reading gets slower as they pile up.
 *
 *   node bench/append.ts [--rows 1000000] [--clients 1000] [--batch 5000] [--dir DIR]
 *
 * Making the records is not in the figures. `serialise` is what a sensor worker does before a row
 * leaves it, `append` what its recorder's thread does; `rate` is both after another on one core.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { openStore } from "../src/evidence/open.ts"
import { toRow } from "../src/evidence/serialise.ts"
import { recordId } from "../src/record/record-id.ts"
import { attempt, ten } from "../test/evidence/fixtures.ts"

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "1000000" },
    clients: { type: "string", default: "1000" },
    batch: { type: "string", default: "5000" },
    dir: { type: "string" },
  },
})
const rows = Number(values.rows)
const clients = Number(values.clients)
const batch = Number(values.batch)
const dir = values.dir ?? mkdtempSync(join(tmpdir(), "pinsensor-bench-"))
const store = openStore(dir)
const report = Math.max(batch, Math.floor(rows / 10 / batch) * batch)

let spent = { serialise: 0, append: 0, cpu: 0, count: 0 }
for (let at = 0; at < rows; at += batch) {
  const records = Array.from({ length: batch }, (_, n) => one(at + n))
  const cpu = process.cpuUsage()
  const start = performance.now()
  const serialised = records.map((record) => toRow("attempts", record))
  const middle = performance.now()
  store.appendSerialised(serialised)
  spent.append += performance.now() - middle
  spent.serialise += middle - start
  const { user, system } = process.cpuUsage(cpu)
  spent.cpu += (user + system) / 1000
  spent.count += batch
  if ((at + batch) % report === 0) tell(at + batch)
}
if (values.dir === undefined) {
  store.close()
  rmSync(dir, { recursive: true, force: true })
}

/** All clients take turns, ten records a millisecond: the worst order for the index by client. */
function one(n: number) {
  const ms = ten + Math.floor(n / 10)
  const random = Buffer.from((n * 2654435761).toString(16).padStart(20, "0").slice(-20), "hex")
  const client = n % clients
  return attempt(
    recordId(ms, random),
    ms,
    `10.${client >> 16}.${(client >> 8) & 255}.${client & 255}`,
  )
}

function tell(stored: number): void {
  const { serialise, append, cpu, count } = spent
  const perRecord = (ms: number) => `${((ms * 1000) / count).toFixed(1)} us`
  const newest = store.lastSeq("attempts")
  const now = ten + stored / 10
  console.log(
    [
      `${stored} stored`,
      `rate ${Math.round((count * 1000) / (serialise + append))}/s`,
      `append alone ${Math.round((count * 1000) / append)}/s`,
      `serialise ${perRecord(serialise)}, append ${perRecord(append)}, cpu ${perRecord(cpu)}`,
      `follow 1000: ${timed(() => store.follow("attempts", newest - 1000, 1000))}`,
      `one client's last 10 s: ${timed(() => store.attemptsOf("10.0.0.7", now - 10_000, now))}`,
    ].join("; "),
  )
  spent = { serialise: 0, append: 0, cpu: 0, count: 0 }
}

/** Best of five, in milliseconds. */
function timed(question: () => unknown[]): string {
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now()
    question()
    return performance.now() - start
  })
  return `${Math.min(...times).toFixed(2)} ms (${question().length})`
}
