/** A poller over a real store, as the collector puts them together, for tests against an emulator. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { SourceKeeper } from "../../src/cli/collector/keeper.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { MdmConnector } from "../../src/identity/mdm/connector.ts"
import { mdmSource } from "../../src/identity/mdm/poller.ts"
import type { MdmSettings } from "../../src/identity/mdm/settings.ts"
import type { RecordOf } from "../../src/record/kinds.ts"
import type { SourceHealth } from "../../src/record/source-health.ts"
import type { Source } from "../../src/source/source.ts"
import { holds } from "../support/processes.ts"

export const soon = 10_000

export interface MdmBed {
  health(): SourceHealth | undefined
  place(): unknown
  all<K extends "devices" | "postures" | "bindings">(kind: K): RecordOf[K][]
  seen(): string[]
  /** A poller of its own, not yet started, that goes on where the store says. */
  source(settings: MdmSettings, connector: MdmConnector): Source
  /** Polls until a sweep came to its end; answers false if none did. */
  sweep(settings: MdmSettings, connector: MdmConnector): Promise<boolean>
  /** Polls until a sweep failed, and says why. */
  failure(settings: MdmSettings, connector: MdmConnector): Promise<string>
  /** Time goes on, for what is due later. */
  pass(ms: number): void
  clock: () => number
  log: { event: string; fields: Record<string, unknown> }[]
  /** Whether a text is anywhere in the store's files, its health or the log. */
  holdsText(text: string): boolean
  remove(): void
}

export function mdmBed(): MdmBed {
  const dir = mkdtempSync(join(tmpdir(), "pinsensor-mdm-"))
  const store = openStore(dir)
  const name = "mdm/test"
  let ahead = 0
  const clock = () => Date.now() + ahead
  const log: MdmBed["log"] = []
  const health = () => store.sources.all().find((state) => state.name === name)?.health
  const bed: MdmBed = {
    health,
    place: () => store.sources.place(name),
    all: (kind) => [...store.bodies(kind)].map((body) => JSON.parse(body)),
    seen: () => store.sources.devicesSeen("default").map(({ device_id }) => device_id),
    source: (settings, connector) =>
      mdmSource({
        name,
        keeper: new SourceKeeper({ store, name, kind: settings.kind, tenant: "default", clock }),
        common: { tenant: "default", site: "hq", sensor_id: "test", v: 1 },
        clock,
        random: () => 0,
        log: (_, event, fields) => log.push({ event, fields }),
        settings,
        connector,
        retryMs: 20,
      }),
    sweep: async (settings, connector) => {
      const source = bed.source(settings, connector)
      const before = health()?.last_ok_at
      await source.start()
      const done = await holds(() => {
        const now = health()
        return now?.state === "ok" && now.last_ok_at !== before
      }, soon)
      await source.stop()
      return done
    },
    failure: async (settings, connector) => {
      const source = bed.source(settings, connector)
      const told = log.length
      const failed = () => log.slice(told).find(({ event }) => event === "mdm-sweep-failed")
      await source.start()
      await holds(() => failed() !== undefined, soon)
      await source.stop()
      return String(failed()?.fields["because"] ?? "")
    },
    pass: (ms) => {
      ahead += ms
    },
    clock,
    log,
    holdsText: (text) =>
      JSON.stringify([log, health()]).includes(text) ||
      readdirSync(dir).some((file) => readFileSync(join(dir, file)).includes(text)),
    remove: () => {
      store.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return bed
}
