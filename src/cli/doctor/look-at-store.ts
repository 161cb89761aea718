/** The evidence store, and what follows it: correlator, outbox, sources. Only reads. */
import type { Config } from "../../config.ts"
import type { SourceState } from "../../evidence/source-states.ts"
import type { Store } from "../../evidence/store.ts"
import { SourceHealth } from "../../record/source-health.ts"
import { sourceNames } from "../collector/source-names.ts"
import { withStore } from "../with-store.ts"
import { ageText } from "./age-text.ts"
import { type Diagnosis, fail, failed, ok, warn } from "./diagnosis.ts"

/** The correlator takes 20,000 records in about a second. */
const farBehind = 20_000
/** A source that said nothing good for so long is stale. */
const staleAfter = 86_400_000
/** Clocks of one site differ by less. */
const ahead = 300_000

export async function lookAtStore(config: Config, now: number): Promise<Diagnosis[]> {
  try {
    return await withStore(config.data, (store) =>
      store === null
        ? [ok("evidence", `${config.data} has none yet; the first start makes it`)]
        : [
            ...evidence(store, now),
            ...outbox(store),
            ...configuredSources(store, config).map((state) => source(state, now)),
          ],
    )
  } catch (error) {
    return [failed("evidence", error, "see docs/evidence.md; pinsensor db check tells more")]
  }
}

function evidence(store: Store, now: number): Diagnosis[] {
  const newest = ["attempts" as const, "flows" as const].map((kind) =>
    store.lastTime(kind, Number.MAX_SAFE_INTEGER),
  )
  const last = Math.max(...newest.map((time) => time ?? Number.NEGATIVE_INFINITY))
  const behind = ["attempts" as const, "flows" as const]
    .map((kind) => store.lastSeq(kind) - store.cursor(`correlator/${kind}`))
    .reduce((sum, each) => sum + each, 0)
  const found: Diagnosis[] = []
  if (last === Number.NEGATIVE_INFINITY)
    found.push(
      warn("evidence", "no connection is recorded", "send one through the sensor: README.md"),
    )
  else if (last > now + ahead)
    found.push(
      warn(
        "evidence",
        `the newest record lies ${ageText(last - now)} ahead of this clock`,
        "look at this machine's clock, or at what was imported",
      ),
    )
  else found.push(ok("evidence", `the newest record is ${ageText(Math.max(0, now - last))} old`))
  if (behind >= farBehind)
    found.push(
      warn(
        "correlator",
        `${behind} records are not judged yet`,
        "look whether a sensor runs on this directory, and at its log: correlator-counts, correlator-failing",
      ),
    )
  else found.push(ok("correlator", `${behind} records are not judged yet`))
  return found
}

function outbox(store: Store): Diagnosis[] {
  return store.outboxDepth().map(({ sink, pending, sent, dead }) => {
    const says = `${sink}: ${sent} sent, ${pending} waiting, ${dead} given up`
    if (dead > 0)
      return fail(
        "alerts",
        says,
        "the receiver was away too long: read them with pinsensor export alerts",
      )
    return pending > 100
      ? warn("alerts", says, "look at the receiver, and for syslog-receiver-lost in the log")
      : ok("alerts", says)
  })
}

/** As they do; one that never said anything has no health yet. */
function configuredSources(store: Store, config: Config): Pick<SourceState, "name" | "health">[] {
  const known = new Map(store.sources.all().map((state) => [state.name, state]))
  return sourceNames(config).map(
    (name) => known.get(name) ?? { name, health: SourceHealth.parse({}) },
  )
}

function source({ name, health }: Pick<SourceState, "name" | "health">, now: number): Diagnosis {
  const { state, last_error, last_ok_at, taken, rejected, progress } = health
  const about = `source ${name}`
  const age = last_ok_at === null ? null : Math.max(0, now - Date.parse(last_ok_at))
  const told = `${taken} records taken${rejected > 0 ? `, ${rejected} refused` : ""}`
  const sweep =
    progress === null ? "" : `; the sweep is at ${progress.done} of ${progress.of ?? "unknown"}`
  const fresh = age === null ? "never read" : `last read ${ageText(age)} ago`
  const says = `${fresh}, ${told}${sweep}`
  if (state === "failing")
    return fail(about, `${last_error ?? "failing"} (${says})`, "see docs/operations.md")
  if (age === null && progress !== null) return ok(about, `the first sweep is under way, ${says}`)
  if (age === null)
    return warn(about, says, "is a sensor running on this directory since it is configured?")
  if (age > staleAfter)
    return warn(about, says, "it is stale: what it says of devices may no longer be so")
  return ok(about, says)
}
