/**
 * What judging costs: CPU for each new record with so many stored, and from a record's commit to its alert in the
 * outbox, for devices and incidents of several sizes. The real correlator over a real store; synthetic records.
 *
 *     node bench/judge.ts [--records N]... [--phones 400] [--stream 40000] [--batch 2000] [--json FILE]
 *       [--only stream|latency] [--dir DIR]
 *
 * The fleet is the same whatever is stored, so that more records are a longer past. `--batch`: records that are
 * committed before the correlator looks. 10,000,000 records take 25 GB of disk (in the system's folder for temporary
 * files, or --dir) and some minutes to be made; they go when the bench ends. CPU is that of this process
 * (user and system) while the correlator works; a process of its own makes the records.
 */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { Correlator } from "../src/cli/correlator/pass.ts"
import { loadConfig } from "../src/config.ts"
import { openStore } from "../src/evidence/open.ts"
import { feeder } from "./judge/feeder.ts"
import { whose } from "./judge/fleet.ts"
import { latencies } from "./judge/latency.ts"
import { cpuMs, type Row, stream, table } from "./judge/stream.ts"

const { values } = parseArgs({
  options: {
    records: { type: "string", multiple: true, default: ["100000", "1000000"] },
    phones: { type: "string", default: "400" },
    stream: { type: "string", default: "40000" },
    batch: { type: "string", default: "2000" },
    dir: { type: "string", default: tmpdir() },
    json: { type: "string" },
    only: { type: "string" },
  },
})
const rows: Row[] = []
if (values.only !== "latency")
  for (const count of values.records) rows.push(await run(Number(count)))
if (rows.length > 0) console.log(`${table(rows)}\n`)
const alerts = values.only === "stream" ? [] : await latencies(values.dir)
if (alerts.length > 0) console.log(table(alerts))
if (values.json) writeFileSync(values.json, JSON.stringify({ records: rows, alerts }, null, 2))

async function run(records: number): Promise<Row> {
  const dir = mkdtempSync(join(values.dir, "judge-"))
  const began = performance.now()
  const phones = Number(values.phones)
  const now = Math.floor(Date.now() / 1_000) * 1_000
  const sensors = await feeder({ dir, records, phones, now }, (share) => {
    const seconds = Math.round((performance.now() - began) / 1_000)
    if (Math.round(share * 100) % 10 === 0)
      console.error(`${records} records: ${Math.round(share * 100)} % stored after ${seconds} s`)
  })
  const store = openStore(dir, { cacheMiB: 8 })
  try {
    const config = loadConfig(null, { ...whose, data: dir })
    const log = () => {}
    const started = cpuMs()
    const correlator = new Correlator({ store, config, log, clock: Date.now })
    while (correlator.pass());
    const startMs = cpuMs() - started
    console.error(`${records} records: started, ${(startMs / 1_000).toFixed(1)} s of CPU`)
    const streamed = await stream({
      feeder: sensors,
      correlator,
      count: Number(values.stream),
      batch: Number(values.batch),
    })
    const { hot, held, read, judged } = correlator.counts
    return {
      stored: records,
      devices: phones,
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
    await sensors.end()
  }
}
