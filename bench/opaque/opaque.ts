/**
 * How right the judge of opaque sessions is, on real TLS through the real sensor's splice.
 *
 *     node bench/opaque/opaque.ts [--client curl] [--story WORDS] [--keep FILE.ndjson.gz] [--limit 170]
 *     node bench/opaque/opaque.ts --judge FILE.ndjson.gz       the tables again, from traces that were kept
 *
 * Truth is what client and origin count themselves. Loopback only.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { gunzipSync, gzipSync } from "node:zlib"
import { judgedTrace } from "../../test/observe/session-trace.ts"
import { type Bed, domain, openBed } from "./bed.ts"
import { type Clients, startClients } from "./clients.ts"
import { makeFiles } from "./files.ts"
import { type Origins, startOrigins } from "./origins.ts"
import { type Play, plays } from "./plays.ts"
import { type Judged, report } from "./report.ts"
import { truthOf } from "./truth.ts"

const { values } = parseArgs({
  options: {
    client: { type: "string" },
    story: { type: "string" },
    keep: { type: "string" },
    judge: { type: "string" },
    /** Seconds after which no further play is begun. */
    limit: { type: "string", default: "170" },
  },
})

/** Clients that run at the same time, each its own plays in a row. */
const lanes = 5

if (values.judge) {
  const lines = gunzipSync(readFileSync(values.judge)).toString().trim().split("\n")
  process.stdout.write(`${report(lines.map((line) => JSON.parse(line)))}\n`)
} else await measure()

async function measure(): Promise<void> {
  const wanted = plays.filter(
    ({ client, story }) =>
      (!values.client || client === values.client) &&
      (!values.story || story.includes(values.story)),
  )
  const files = await makeFiles()
  const origins = await startOrigins(files)
  const clients = startClients(files)
  const bed = await openBed()
  const deadline = Date.now() + Number(values.limit) * 1_000
  const found: Judged[] = []
  const left: string[] = []
  const tally = { sessions: 0, otherwise: 0, untold: 0 }
  // One client's plays stay in one lane: its process takes one after the other.
  const queue = [...Map.groupBy(wanted, ({ client, version }) => `${client} ${version}`).values()]
  const ids = new Map(wanted.map((play, id) => [play, id]))
  async function lane(): Promise<void> {
    for (let mine = queue.shift(); mine; mine = queue.shift()) {
      for (const play of mine) {
        const origin = origins.ports.get(play.origin)
        if (origin === undefined || Date.now() > deadline) {
          left.push(`${play.client} ${play.version}: ${play.story}`)
          continue
        }
        const id = ids.get(play) ?? 0
        found.push(...(await played(play, { id, origin, bed, clients, origins, files, tally })))
      }
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  clients.close()
  origins.close()
  await bed.close()
  await files.remove()
  process.stdout.write(`${report(found)}\n\n`)
  process.stdout.write(
    `${tally.sessions} sessions; ${tally.untold} without a truth of either end; the sensor's own flow says otherwise than its trace in ${tally.otherwise}; ${left.length} plays left out${left.length > 0 ? `: ${left.slice(0, 5).join("; ")}` : ""}\n`,
  )
  if (values.keep) {
    const text = found.map((one) => JSON.stringify(one)).join("\n")
    writeFileSync(values.keep, gzipSync(`${text}\n`, { level: 9 }))
  }
  process.exit(0)
}

interface Around {
  id: number
  origin: number
  bed: Bed
  clients: Clients
  origins: Origins
  files: Awaited<ReturnType<typeof makeFiles>>
  tally: { sessions: number; otherwise: number; untold: number }
}

async function played(play: Play, around: Around): Promise<Judged[]> {
  const { id, origin, bed, clients, origins, files, tally } = around
  const name = `${play.does}-${id}.${domain}`
  const door = await bed.open({
    name,
    origin,
    proxy: play.client === "wget",
    expect: (port) => origins.expect(play.origin, port, name),
  })
  const saw = await clients.run({ play, port: door.port, name, files, id })
  const passed = await door.close()
  const judged: Judged[] = []
  for (const [at, { trace, originSees, flow }] of passed.entries()) {
    tally.sessions++
    const truth = truthOf(saw?.[at] ?? null, await origins.saw(play.origin, originSees))
    const verdict = judgedTrace(trace)
    if (flow?.verdict !== verdict.verdict || flow.strong !== verdict.strong) tally.otherwise++
    const { client, version, origin: where, story } = play
    if (truth) judged.push({ client, version, origin: where, story, trace, truth })
    else tally.untold++
  }
  return judged
}
