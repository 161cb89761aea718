/**
 * What judging costs: CPU for each new record with so many stored, and from a record's commit to its alert in the
 * outbox, for devices and incidents of several sizes. The real correlator over a real store; synthetic records.
 *
 *     node bench/judge.ts [--records 100000] [--records 1000000] [--stream 40000] [--json FILE]
 *
 * 10,000,000 records take 25 GB of disk (in the system's folder for temporary files, or --dir) and some
 * minutes to be made. CPU is that of this process (user and system) while the correlator works.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { Correlator } from "../src/cli/correlator/pass.ts"
import { loadConfig } from "../src/config.ts"
import { openStore } from "../src/evidence/open.ts"
import { enrol, fill, phones, whose } from "./judge/fleet.ts"
import { latencies } from "./judge/latency.ts"
import { cpuMs, type Row, stream, table } from "./judge/stream.ts"

const { values } = parseArgs({
  options: {
    records: { type: "string", multiple: true, default: ["100000", "1000000"] },
    stream: { type: "string", default: "40000" },
    dir: { type: "string", default: tmpdir() },
    json: { type: "string" },
    only: { type: "string" },
  },
})
const rows: Row[] = []
if (values.only !== "latency") for (const count of values.records) rows.push(run(Number(count)))
if (rows.length > 0) console.log(`${table(rows)}\n`)
const alerts = values.only === "stream" ? [] : await latencies(values.dir)
if (alerts.length > 0) console.log(table(alerts))
if (values.json) writeFileSync(values.json, JSON.stringify({ records: rows, alerts }, null, 2))

function run(records: number): Row {
  const dir = mkdtempSync(join(values.dir, "judge-"))
  const store = openStore(dir, { cacheMiB: 8 })
  try {
    const now = Math.floor(Date.now() / 1_000) * 1_000
    const all = phones(records)
    enrol(store, all, now)
    fill(store, all, records, now, (share) => {
      if (process.stderr.isTTY)
        process.stderr.write(`\r${records} records: ${Math.floor(share * 100)} % `)
    })
    // It judged them as they came.
    for (const kind of ["attempts", "devices", "postures", "bindings"] as const)
      store.saveCursor(`correlator/${kind}`, store.lastSeq(kind))
    store.saveCursor("correlator/pairs", 1)
    const config = loadConfig(null, { ...whose, data: dir })
    const log = () => {}
    const started = cpuMs()
    const correlator = new Correlator({ store, config, log, clock: Date.now })
    while (correlator.pass());
    const startMs = cpuMs() - started
    const streamed = stream({ store, correlator, all, count: Number(values.stream), now })
    const { hot, held, read, judged } = correlator.counts
    return {
      stored: records,
      devices: all.length,
      "start, s": (startMs / 1_000).toFixed(1),
      ...streamed,
      judged,
      read,
      hot,
      held,
      "rss, MiB": Math.round(process.memoryUsage.rss() / 2 ** 20),
    }
  } finally {
    store.close()
    rmSync(dir, { recursive: true, force: true })
  }
}
