/**
 * The process in which the clients of a soak live. It is told what to do in its first message, starts
 * visits at a steady rate until it is told to stop, and says at the end what became of them.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { liveHello } from "../../observe/real-hellos.ts"
import { kinds } from "./kinds.ts"
import type { Ports } from "./origins.ts"
import type { Stage } from "./visit.ts"

export interface Orders {
  host: string
  port: number
  ports: Ports
  trust: Stage["trust"]
  /** Visits a second, and at most so many at a time; one more is left out, and counted. */
  rate: number
  atOnce: number
}

export interface KindTally {
  /** Visits whose TCP connection to the proxy stood. */
  connected: number
  /** Visits that came out otherwise than the client expects, and what the first of them said. */
  failed: number
  why: string | null
}

export interface Tally {
  started: number
  leftOut: number
  open: number
  kinds: Record<string, KindTally>
}

/** No visit lasts so long by what it does, in milliseconds. */
const longest = 60_000
/** Client addresses, taken in turn: a fleet, of which each phone comes now and then. */
const addresses = 4_000

const tally: Tally = {
  started: 0,
  leftOut: 0,
  open: 0,
  kinds: Object.fromEntries(
    kinds.map(({ name }) => [name, { connected: 0, failed: 0, why: null }]),
  ),
}
let stopping = false

process.once("message", (orders: Orders) => {
  process.on("message", () => {
    stopping = true
  })
  run(orders).then(() => process.send?.(tally, () => process.exit(0)))
})
setInterval(() => process.send?.(tally), 2_000)

async function run(orders: Orders): Promise<void> {
  const hellos = new Map<string, Uint8Array>()
  for (const { name } of kinds) {
    const servername = name === "unknown" ? "unknown.soak.invalid" : `${name}.soak.example`
    // TLS 1.2 at most, so that its alerts are in clear.
    hellos.set(name, await liveHello({ servername, maxVersion: "TLSv1.2" }))
  }
  const began = performance.now()
  const turns = evenly()
  while (!stopping) {
    const due = Math.floor(((performance.now() - began) / 1_000) * orders.rate)
    for (; tally.started + tally.leftOut < due; ) {
      if (tally.open >= orders.atOnce) tally.leftOut++
      else visit(orders, turns(), hellos)
    }
    await sleep(10)
  }
  for (const until = Date.now() + longest; tally.open > 0 && Date.now() < until; ) await sleep(50)
}

/** Each kind as often as its weight says, spread as evenly as it goes. */
function evenly(): () => number {
  const due = kinds.map(({ weight }) => 1 / weight)
  return () => {
    const next = due.indexOf(Math.min(...due))
    due[next] = (due[next] ?? 0) + 1 / (kinds[next]?.weight ?? 1)
    return next
  }
}

function addressOf(nth: number): string {
  return `127.7.${Math.floor(nth / 250)}.${1 + (nth % 250)}`
}

function visit(orders: Orders, index: number, hellos: ReadonlyMap<string, Uint8Array>): void {
  const kind = kinds[index]
  const mine = tally.kinds[kind?.name ?? ""]
  if (!kind || !mine) return
  const { host, port, ports, trust } = orders
  const stage: Stage = {
    host,
    port,
    name: `${kind.name}.soak.example`,
    localAddress: addressOf(tally.started % addresses),
    ports,
    trust,
    hello: hellos.get(kind.name) ?? new Uint8Array(0),
    connected: () => mine.connected++,
  }
  tally.started++
  tally.open++
  const failed = (why: string) => {
    mine.failed++
    mine.why ??= why
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it never ended")), longest)
  })
  Promise.race([kind.visit(stage), late])
    .catch((error) => failed(error instanceof Error ? error.message : String(error)))
    .finally(() => {
      clearTimeout(timer)
      tally.open--
    })
}
