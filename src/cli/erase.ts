/**
 * `pinsensor erase DEVICE --reason WHY`: forgets a device in every kind, and leaves a tombstone by which it is
 * known again if somebody imports it or a sweep lists it.
 */
import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { Config } from "../config.ts"
import { storeFile } from "../evidence/database.ts"
import type { Tombstone } from "../evidence/erasures.ts"
import { openStore } from "../evidence/open.ts"
import type { Store } from "../evidence/store.ts"
import { actOptions, tell } from "./bypass/open-register.ts"
import { person } from "./bypass/person.ts"
import { dataConfig } from "./data-flags.ts"
import { namesOfDevice } from "./erase/device-names.ts"
import { forgetDevice } from "./erase/forget-device.ts"

const options = {
  ...actOptions,
  "dry-run": { type: "boolean" },
  "allow-return": { type: "boolean" },
  "no-vacuum": { type: "boolean" },
  list: { type: "boolean" },
} as const

/** How often a long run says how far it is, in milliseconds. */
const sayEvery = 2_000

export function erase(args: readonly string[]): void {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const config = dataConfig(values)
  // Opening would make an empty one.
  if (!existsSync(join(config.data, storeFile)))
    throw new Error(`there is no ${join(config.data, storeFile)}; give --data or --config`)
  const store = openStore(config.data)
  try {
    if (values.list) return list(store)
    const [deviceId, ...more] = positionals
    if (deviceId === undefined || more.length > 0)
      throw new Error("name one device: pinsensor erase DEVICE --reason WHY")
    const { reason } = values
    if (reason === undefined || reason.trim() === "")
      throw new Error("say why with --reason; it stands in the tombstone")
    eraseOne(store, config, deviceId, {
      who: person(values["on-behalf-of"]),
      reason,
      dryRun: values["dry-run"] ?? false,
      returns: values["allow-return"] ?? false,
      vacuum: !values["no-vacuum"],
    })
  } finally {
    store.close()
  }
}

interface Asked {
  who: string
  reason: string
  dryRun: boolean
  returns: boolean
  vacuum: boolean
}

function eraseOne(store: Store, config: Config, deviceId: string, asked: Asked): void {
  const { tenant } = config
  const { who, reason, dryRun, returns, vacuum } = asked
  const before = store.privacy.erasures.of(tenant, deviceId)
  const about = namesOfDevice(store, tenant, deviceId)
  const isKnown = store.privacy.isNamed(tenant, deviceId)
  if (!isKnown && before?.done) {
    if (dryRun) return tell(`${deviceId} was erased already (${before.id}); nothing to do`)
    store.privacy.erasures.put({ ...before, returns })
    return tell(
      returns
        ? `${deviceId} was erased before (${before.id}); it may come back now`
        : `${deviceId} was erased before (${before.id}); it stays away`,
    )
  }
  if (!isKnown && before === null)
    throw new Error(
      `no record of tenant ${tenant} knows the device ${deviceId}; \`pinsensor export devices\` lists their ids (device_id)`,
    )
  // One that was begun and not finished goes on.
  const stone: Tombstone =
    before !== null && !before.done
      ? { ...before, returns }
      : {
          id: randomBytes(5).toString("hex"),
          at_ms: Date.now(),
          tenant,
          done: false,
          returns,
          body: { who, reason, counts: {} },
        }
  if (!dryRun && (before === null || before.done))
    store.privacy.erasures.begin(stone, about.names, randomBytes(16).toString("hex"))
  const told = progress()
  const forgot = forgetDevice({
    store,
    config,
    about,
    erasureId: stone.id,
    who,
    now: Date.now(),
    dryRun,
    onProgress: told,
  })
  if (dryRun) return tell(`would erase ${countsText(forgot)}; nothing was changed`)
  const counts = { ...stone.body.counts }
  for (const [what, count] of Object.entries(forgot)) counts[what] = (counts[what] ?? 0) + count
  const isClean = store.privacy.eraseRows().scrub(vacuum)
  store.privacy.erasures.put({ ...stone, done: true, body: { ...stone.body, counts } })
  tell(`erased (${stone.id}): ${countsText(counts)}`)
  if (!vacuum)
    note("earlier versions of records may stand in free parts of the file until it is rewritten")
  if (!isClean)
    note(
      "others read the store, so its log still holds old pages; they go with the next checkpoint",
    )
}

function list(store: Store): void {
  for (const { id, at_ms, tenant, done, returns, body } of store.privacy.erasures.all())
    tell(
      `${id}  ${new Date(at_ms).toISOString()}  ${tenant}  ${done ? "done" : "not finished: run it again"}${returns ? ", may return" : ""}  by ${body.who}: ${body.reason}  (${countsText(body.counts)})`,
    )
}

function countsText(counts: Readonly<Record<string, number>>): string {
  const all = Object.entries(counts).filter(([, count]) => count > 0)
  return all.map(([what, count]) => `${count} ${what.replaceAll("_", " ")}`).join(", ") || "nothing"
}

function progress(): (counts: Readonly<Record<string, number>>) => void {
  let said = performance.now()
  return (counts) => {
    if (performance.now() < said + sayEvery) return
    said = performance.now()
    process.stderr.write(`so far ${countsText(counts)}\n`)
  }
}

function note(text: string): void {
  process.stderr.write(`note: ${text}\n`)
}
