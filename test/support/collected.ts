/** The collector's sources over a store of their own, and waiting for what they make of what is written. */
import { setTimeout as after } from "node:timers/promises"
import { openSources } from "../../src/cli/collector/sources.ts"
import { type ConfigInput, loadConfig } from "../../src/config.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import type { Binding } from "../../src/record/binding.ts"
import type { Source } from "../../src/source/source.ts"

export interface Collected {
  store: Store
  bindings(): Binding[]
  /** Bindings once they are as asked; throws after 8 s. */
  until(what: string, is: (bindings: readonly Binding[]) => boolean): Promise<Binding[]>
  /** Stops the sources and starts them anew, as with a new process. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function collect(folder: string, sources: ConfigInput["sources"]): Promise<Collected> {
  const config = loadConfig(null, { data: folder, tenant: "acme", site: "hq", sources })
  const store = openStore(folder)
  const log = () => {}
  let running: Source[] = []
  const start = async () => {
    running = openSources(config, { store, log, clock: Date.now })
    await Promise.all(running.map((source) => source.start()))
  }
  const end = async () => {
    await Promise.all(running.map((source) => source.stop()))
  }
  const bindings = () => [...store.all("bindings")]
  await start()
  return {
    store,
    bindings,
    until: async (what, is) => {
      const deadline = Date.now() + 8_000
      while (Date.now() < deadline) {
        const found = bindings()
        if (is(found)) return found
        await after(20)
      }
      throw new Error(`${what}: not within 8 s; there is ${JSON.stringify(bindings(), null, 1)}`)
    },
    restart: async () => {
      await end()
      await start()
    },
    stop: async () => {
      await end()
      store.close()
    },
  }
}
