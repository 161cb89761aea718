/**
 * Large and many: transfers of 4 GiB, 5,000 idle connections, 200 slow readers, through the real
 * `pinsensor run` with one worker. Prints a table; ends with 1 if a bound is broken, 2 if it cannot run.
 *
 *     node bench/scale.ts [--quick] [idle] [transfers] [slow]
 *
 * Linux, loopback only. `ulimit -n` of 11,000 suffices (two descriptors a connection in the sensor).
 * Each part has a sensor of its own: what malloc keeps of one would hide what the next one takes.
 */
import { type ChildProcess, fork } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { testCa } from "../test/support/certificates.ts"
import { type RunningSensor, startPinsensor } from "../test/support/pinsensor.ts"
import type { Done, Order } from "./scale/client.ts"
import { descriptorLimit, descriptorsDownTo, mostDuring, useOf, workerOf } from "./scale/watch.ts"

const { values, positionals } = parseArgs({
  options: { quick: { type: "boolean", default: false } },
  allowPositionals: true,
})
const { quick } = values
const GiB = 1024 ** 3
const size = quick
  ? { bytes: GiB / 8, idle: 300, holdSeconds: 2, slow: 20, slowSeconds: 4 }
  : { bytes: 4 * GiB, idle: 5_000, holdSeconds: 60, slow: 200, slowSeconds: 30 }

/** What the sensor may take. Measured values are in docs/performance.md. */
const bounds = {
  /** More than before the transfer, in MiB: buffers on the way, and what the collector has not met. */
  transferMib: 128,
  /** Whatever the number of connections, in MiB: the heap grows with the first load. */
  baseMib: 64,
  /** KiB for each idle inspected connection, both legs. */
  idleKib: 120,
  /** KiB for each connection with a slow reader. */
  slowKib: 768,
  /**
   * A second wave of connections may need so many times the first one's memory. glibc's malloc keeps
   * what was freed in pieces, and V8 lets its heap grow: that is used again, what leaks is not.
   */
  secondWave: 1.3,
}
const warmUpBytes = GiB / 16
const inspected = "scale.inspected.example"
const spliced = "scale.spliced.example"

interface Row {
  what: string
  result: string
  seconds: number
  mib: [before: number, most: number, after: number]
  broken: string[]
}

const needed = 2 * size.idle + 1_000
if (descriptorLimit() < needed) {
  console.error(`bench: ${needed} descriptors are needed; run it after \`ulimit -n ${needed}\``)
  process.exit(2)
}

/** One part of the run, on a sensor of its own. */
interface Stage {
  worker: number
  tell: (order: Order) => Promise<Done>
  done: (row: Row) => void
}

const parts = { idle, transfers, slow }
const chosen = Object.entries(parts).filter(
  ([name]) => positionals.length === 0 || positionals.includes(name),
)
let broken = chosen.length === 0
let sensor: RunningSensor | null = null
// The sensor is a process group of its own: Ctrl-C does not reach it.
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, async () => {
    await sensor?.remove()
    process.exit(130)
  })
const ca = await testCa()
const origin = await ca.issue("origin", `DNS:${inspected},DNS:${spliced}`)
console.log("| what | result | s | MiB before | most | after | |")
console.log("| --- | --- | --- | --- | --- | --- | --- |")
for (const [, part] of chosen) await onStage(part)
await ca.remove()
process.exit(broken ? 1 : 0)

async function onStage(part: (stage: Stage) => Promise<Expected>): Promise<void> {
  const children: ChildProcess[] = []
  sensor = await startPinsensor({
    "origin-ca": ca.file,
    "allow-destination": ["127.0.0.0/8"],
    hosts: { [inspected]: ["127.0.0.1"], [spliced]: ["127.0.0.1"] },
    rules: [{ name: "let-go", when: { sni: [spliced] }, do: "splice" }],
    control: { mode: "off" },
    // All clients are at one address here.
    limits: { connections: 20_000, "connections-per-client": 20_000 },
  })
  try {
    const port = await started(children, "./scale/origin.ts", [origin.cert, origin.key])
    const files = [sensor.ca, ca.file]
    const given = [...sensor.proxy.split(":"), String(port.said), ...files]
    const { child } = await started(children, "./scale/client.ts", given)
    const tell = (order: Order) => told(child, order)
    // The worker's first connections load code and make the leaf: they are not what is measured.
    for (const host of [inspected, spliced])
      await tell({ do: "download", host, bytes: warmUpBytes })
    const expected = await part({ worker: workerOf(sensor.pid), tell, done: print })
    print(await recorded(sensor, expected))
  } finally {
    for (const child of children) child.kill()
    await sensor.remove()
    sensor = null
  }
}

/** Connections that left a record, those of the warming up not counted. */
interface Expected {
  inspected: number
  spliced: number
}

async function transfers({ worker, tell, done }: Stage): Promise<Expected> {
  for (const host of [inspected, spliced])
    for (const way of ["download", "upload"] as const) done(await transfer(worker, host, way, tell))
  return { inspected: 2, spliced: 2 }
}

async function slow({ worker, tell, done }: Stage): Promise<Expected> {
  for (const host of [inspected, spliced])
    for (const way of ["read-slowly", "be-read-slowly"] as const)
      done(await slowReaders(worker, host, way, tell))
  return { inspected: 2 * size.slow, spliced: 2 * size.slow }
}

async function transfer(
  worker: number,
  host: string,
  way: "download" | "upload",
  tell: Stage["tell"],
): Promise<Row> {
  const before = useOf(worker)
  const { result, most } = await mostDuring(worker, tell({ do: way, host, bytes: size.bytes }))
  const rate = result.count / 2 ** 20 / (result.ms / 1_000)
  const row = rowOf(`${way}, ${wayOf(host)}`, result, before.mib, most.mib, worker)
  row.result = `${result.count} bytes, ${rate.toFixed(0)} MiB/s`
  if (result.count !== size.bytes) row.broken.push(`${size.bytes} bytes were sent`)
  atMost(row, "MiB more than before", most.mib - before.mib, bounds.transferMib)
  return row
}

async function slowReaders(
  worker: number,
  host: string,
  way: "read-slowly" | "be-read-slowly",
  tell: Stage["tell"],
): Promise<Row> {
  const before = useOf(worker)
  const order = { do: way, host, count: size.slow, seconds: size.slowSeconds } as const
  const { result, most } = await mostDuring(worker, tell(order))
  const descriptors = await descriptorsDownTo(worker, before.descriptors)
  const who = way === "read-slowly" ? "clients" : "origins"
  const row = rowOf(`slow ${who}, ${wayOf(host)}`, result, before.mib, most.mib, worker)
  const each = ((most.mib - before.mib) * 1024) / size.slow
  const [least = 0, fastest = 0] = [result.least, result.most].map((bytes = 0) => bytes / 1024)
  row.result = `${result.count} alive, ${least.toFixed(0)}-${fastest.toFixed(0)} KiB passed, ${each.toFixed(0)} KiB each`
  if (result.count !== size.slow) row.broken.push(`${size.slow} were opened`)
  const bound = bounds.baseMib + (size.slow * bounds.slowKib) / 1024
  atMost(row, "MiB more than before", most.mib - before.mib, bound)
  atMost(row, "descriptors", descriptors, before.descriptors)
  return row
}

async function idle({ worker, tell, done }: Stage): Promise<Expected> {
  const before = useOf(worker)
  const opening = await mostDuring(worker, tell({ do: "open", host: inspected, count: size.idle }))
  await sleep(size.holdSeconds * 1_000)
  const held = useOf(worker)
  const each = ((held.mib - before.mib) * 1024) / size.idle
  const opened = rowOf(
    `${size.idle} idle, held ${size.holdSeconds} s`,
    opening.result,
    before.mib,
    opening.most.mib,
    worker,
  )
  opened.result = `${opening.result.count} open, ${held.descriptors} descriptors, ${each.toFixed(0)} KiB each`
  if (opening.result.count !== size.idle) opened.broken.push(`${size.idle} were dialled`)
  const bound = bounds.baseMib + (size.idle * bounds.idleKib) / 1024
  atMost(opened, "MiB more than before", held.mib - before.mib, bound)
  done(opened)

  const using = await mostDuring(worker, tell({ do: "use" }))
  const used = rowOf("used once more", using.result, held.mib, using.most.mib, worker)
  used.result = `${using.result.count} answered`
  if (using.result.count !== size.idle) used.broken.push("some were lost")
  done(used)

  const closing = await tell({ do: "close" })
  const descriptors = await descriptorsDownTo(worker, before.descriptors)
  const closed = rowOf("closed", closing, before.mib, using.most.mib, worker)
  closed.result = `${descriptors} descriptors, ${before.descriptors} before`
  atMost(closed, "descriptors", descriptors, before.descriptors)
  done(closed)

  const second = await mostDuring(worker, tell({ do: "open", host: inspected, count: size.idle }))
  await tell({ do: "close" })
  await descriptorsDownTo(worker, before.descriptors)
  const again = rowOf("a second wave", second.result, closed.mib[2], second.most.mib, worker)
  again.result = `${second.result.count} open at once`
  const first = Math.max(opening.most.mib, using.most.mib)
  atMost(again, "times the first wave's memory", second.most.mib / first, bounds.secondWave)
  done(again)
  return { inspected: 2 * size.idle, spliced: 0 }
}

/** Each connection left exactly one record, and the right one. */
async function recorded(sensor: RunningSensor, expected: Expected): Promise<Row> {
  const began = performance.now()
  await sensor.stop()
  const attempts = await sensor.records("attempts")
  const flows = await sensor.records("flows")
  const accepted = attempts.filter(({ outcome }) => outcome === "accepted").length
  const used = flows.filter(({ verdict }) => verdict === "used" || verdict === "sent-only").length
  const row: Row = {
    what: "records",
    result: `${accepted} of ${attempts.length} attempts accepted, ${used} of ${flows.length} flows used`,
    seconds: (performance.now() - began) / 1_000,
    mib: [0, 0, 0],
    broken: [],
  }
  // One more of each: the warming up.
  const [inspections, splices] = [expected.inspected + 1, expected.spliced + 1]
  if (accepted !== inspections || attempts.length !== inspections)
    row.broken.push(`${inspections} attempts were expected`)
  if (used !== splices || flows.length !== splices)
    row.broken.push(`${splices} flows were expected`)
  return row
}

function wayOf(host: string): string {
  return host === inspected ? "inspected" : "spliced"
}

function rowOf(what: string, { ms }: Done, before: number, most: number, worker: number): Row {
  const after = useOf(worker).mib
  return { what, result: "", seconds: ms / 1_000, mib: [before, most, after], broken: [] }
}

function atMost(row: Row, what: string, value: number, bound: number): void {
  if (value > bound) row.broken.push(`${value.toFixed(2)} ${what}; the bound is ${bound}`)
}

/** A script of this folder as a child; `said` is its first message. */
async function started(children: ChildProcess[], script: string, args: string[]) {
  const child = fork(new URL(script, import.meta.url), args)
  children.push(child)
  const said = await new Promise<unknown>((resolve, reject) => {
    child.once("message", resolve)
    child.once("exit", (code) => reject(new Error(`${script} ended with ${code}`)))
  })
  return { child, said }
}

function told(child: ChildProcess, order: Order): Promise<Done> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null) => reject(new Error(`the clients ended with ${code}`))
    child.once("exit", gone)
    child.once("message", (done) => {
      child.off("exit", gone)
      resolve(done as Done)
    })
    child.send(order)
  })
}

function print(row: Row): void {
  const memory = row.mib.map((value) => value.toFixed(0)).join(" | ")
  const verdict = row.broken.length === 0 ? "ok" : `BROKEN: ${row.broken.join("; ")}`
  console.log(
    `| ${row.what} | ${row.result} | ${row.seconds.toFixed(1)} | ${memory} | ${verdict} |`,
  )
  if (row.broken.length > 0) broken = true
}
