/**
 * A world written to files that `pinsensor import` takes, control off: trials are given by the world itself.
 * Each file is in the order of time.
 */
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Alert } from "../../src/record/alert.ts"
import { allowedOf, identityOf } from "./allowed.ts"
import type { Held } from "./closed-loop.ts"
import type { Frame } from "./score/score-files.ts"
import type { Case } from "./simulate/case-book.ts"
import { markDetectable } from "./simulate/detectable.ts"
import { OwnTrials } from "./simulate/gate.ts"
import { Simulation, type Written } from "./simulate/simulation.ts"
import { day, hour, type World } from "./world/model.ts"

/** The kind of a record in the singular, as a line of an export says it. */
const recordNames: Record<Exclude<Written["kind"], "register-hits">, string> = {
  devices: "device",
  postures: "posture",
  apps: "app",
  bindings: "binding",
  attempts: "attempt",
  flows: "flow",
  "app-events": "app-event",
}

export function makeInto(dir: string, world: World): Map<string, number> {
  const files = new WorldFiles(dir)
  const simulation = new Simulation(world, new OwnTrials())
  // Connections that last beyond the end are written, too.
  for (let now = world.start; now < world.end + 24 * hour; now += hour)
    files.write(simulation.step(now + hour))
  const cases = simulation.book.all
  markDetectable(cases, world)
  files.finish({ frame: frameOf(world), cases })
  writeFileSync(join(dir, "config.json"), `${JSON.stringify(configOf(world), null, 2)}\n`)
  return files.counts
}

export function frameOf({ tenant, phones, start, end }: World): Frame {
  return {
    phones: phones.filter((phone) => phone.tenant === tenant).length,
    start,
    days: Math.round((end - start) / day),
  }
}

/** What an operator of this fleet would have configured. */
function configOf(world: World) {
  return {
    tenant: world.tenant,
    site: world.site,
    control: { mode: "off" },
    identity: identityOf(),
    analytics: allowedOf(world),
  }
}

/** The files of one world: its records by kind, and beside them what only we know. */
export class WorldFiles {
  readonly counts = new Map<string, number>()
  readonly #dir: string

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true })
    this.#dir = dir
  }

  write(written: readonly Written[]): void {
    for (const [kind, some] of Map.groupBy(written, (each) => each.kind)) {
      if (kind === "register-hits") continue
      const lines = some.map(({ record }) => ({ record: recordNames[kind], ...record }))
      this.#lines(kind, lines)
    }
  }

  finish(known: {
    frame: Frame
    cases: readonly Case[]
    history?: readonly Held[]
    alerts?: readonly Alert[]
  }): void {
    writeFileSync(join(this.#dir, "world.json"), `${JSON.stringify(known.frame)}\n`)
    this.#lines("truth", known.cases)
    if (known.history) this.#lines("history", known.history)
    if (known.alerts)
      this.#lines(
        "alerts",
        known.alerts.map((alert) => ({ record: "alert", ...alert })),
      )
  }

  #lines(name: string, lines: readonly object[]): void {
    const file = join(this.#dir, `${name}.ndjson`)
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("")
    if (this.counts.has(name)) appendFileSync(file, text)
    else writeFileSync(file, text)
    this.counts.set(name, (this.counts.get(name) ?? 0) + lines.length)
  }
}
