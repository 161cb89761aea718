/**
 * The sensors' side of the bench, in a process of its own as in the field: what making and storing records costs,
 * and leaves behind in memory, is not the correlator's. Parent: `feeder()`. Child: makes what it is asked for.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { rmSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { openStore } from "../../src/evidence/open.ts"
import { enrol, fill, give, type Phone, phones, seen } from "./fleet.ts"

/** Some records of the stream, from this number on. */
export interface Ask {
  from: number
  count: number
}

export interface World {
  /** Goes with the feeder. */
  dir: string
  /** Attempts of the past. */
  records: number
  phones: number
  /** Event time at which the stream begins, in epoch milliseconds. */
  now: number
}

export interface Feeder {
  /** Resolves when they are committed. */
  give(ask: Ask): Promise<void>
  end(): Promise<void>
}

/** Resolves when the past is stored; tells how far it is. */
export async function feeder(world: World, told: (share: number) => void): Promise<Feeder> {
  const child = fork(import.meta.filename, [JSON.stringify(world)])
  const stopped = once(child, "exit")
  const done = () =>
    new Promise<void>((resolve, reject) => {
      const onExit = () => reject(new Error("bench: the feeder ended early"))
      const onMessage = (message: { share?: number }) => {
        if (message.share !== undefined) return told(message.share)
        child.off("exit", onExit)
        child.off("message", onMessage)
        resolve()
      }
      child.once("exit", onExit)
      child.on("message", onMessage)
    })
  await done()
  return {
    give: (ask) => {
      const given = done()
      child.send(ask)
      return given
    },
    end: async () => {
      child.disconnect()
      await stopped
    },
  }
}

async function work({ dir, records, phones: count, now }: World): Promise<void> {
  const store = openStore(dir, { cacheMiB: 8 })
  // However the parent ended.
  process.once("disconnect", () => {
    store.close()
    rmSync(dir, { recursive: true, force: true })
    process.exit()
  })
  const all = phones(count)
  enrol(store, all, now)
  let last = 0
  for (const share of fill(store, all, records, now)) {
    await setImmediate()
    if (share - last < 0.01) continue
    last = share
    process.send?.({ share })
  }
  // It judged them as they came.
  for (const kind of ["attempts", "devices", "postures", "bindings"] as const)
    store.saveCursor(`correlator/${kind}`, store.lastSeq(kind))
  store.saveCursor("correlator/pairs", 1)
  process.on("message", (ask: Ask) => {
    give(store, { attempts: streamed(all, ask, now) })
    process.send?.({})
  })
  process.send?.({})
}

/** 20,000 a second. */
function streamed(all: readonly Phone[], { from, count }: Ask, now: number) {
  return Array.from({ length: count }, (_, index) =>
    seen(all, from + index, now + (from + index) / 20, "new"),
  )
}

if (process.send && process.argv[1] === import.meta.filename)
  await work(JSON.parse(process.argv[2] ?? "{}"))
