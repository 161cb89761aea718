/**
 * The lease file of dnsmasq as a source: written anew at every change, so it is read as a whole, and what
 * is held now is compared with what was held before. In: settings. Out: a source.
 */
import { readFileSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { z } from "zod"
import type { Binding } from "../../record/binding.ts"
import { Polling } from "../../source/polling.ts"
import type { Source, SourceParts } from "../../source/source.ts"
import { SourceTelling } from "../../source/source-telling.ts"
import { readDnsmasqLeases } from "./dnsmasq.ts"
import { LeaseLedger, type LeaseStated, type Stay } from "./ledger.ts"
import type { LeaseSettings } from "./settings.ts"

const pollMs = 1_000
/** A file that changed less than so many milliseconds ago may be in the middle of it. */
const settledMs = 150
/** 64 MiB: beyond that it is no lease file. */
const mostBytes = 64 * 1024 * 1024
/** Of a place, as JSON: leases beyond it are kept in memory only, so that after a restart one of those
 * that was released meanwhile ends when it would have ended by itself. */
const mostPlace = 60 * 1024

const Place = z.strictObject({
  version: z.string(),
  held: z.array(
    z.tuple([z.string(), z.string().nullable(), z.number(), z.number().nullable(), z.number()]),
  ),
})

export function dnsmasqSource(
  settings: LeaseSettings,
  parts: SourceParts,
  bindings: (stated: readonly LeaseStated[]) => Binding[],
): Source {
  const { file } = settings
  const { keeper, clock } = parts
  const telling = new SourceTelling(parts)
  const ledger = new LeaseLedger()
  /** Inode, size and time of the last change of what was read last. */
  let version: string | null = null
  /** In how many milliseconds to look again, where that is known. */
  const look = (): number | null => {
    if (version === null) {
      const place = Place.safeParse(keeper.place())
      version = place.success ? place.data.version : ""
      for (const [address, mac, from, to, at] of place.data?.held ?? [])
        ledger.remember(address, { mac, from, to, at })
    }
    const stats = statSync(file)
    const found = versionOf(stats)
    if (found === version) return null
    if (Math.abs(clock() - stats.mtimeMs) < settledMs) return settledMs
    if (stats.size > mostBytes) throw new Error(`${file} is larger than ${mostBytes} bytes`)
    const text = readFileSync(file, "utf8")
    // Changed while it was read: the next look finds it whole.
    if (versionOf(statSync(file)) !== found) return settledMs
    ledger.undo()
    const { leases, rejected } = readDnsmasqLeases(text)
    const stated = changes(ledger, leases, Math.round(stats.mtimeMs), settings["lease-time"])
    keeper.keep({
      records: { bindings: bindings(stated) },
      place: placeOf(found, ledger.held()),
      rejected: rejected.length,
    })
    ledger.keep()
    version = found
    telling.rejected(file, rejected, 0)
    return null
  }
  const polling = new Polling({ folder: dirname(file), pollMs }, () => {
    try {
      const again = look()
      telling.ok()
      return again
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT"
      telling.failing(missing ? `${file} is not there; is it written elsewhere?` : String(error))
    }
    return null
  })
  return { start: () => polling.start(), stop: async () => polling.stop() }
}

/** What became different until the file was written: at that time, unless the lease time tells. */
function changes(
  ledger: LeaseLedger,
  leases: ReturnType<typeof readDnsmasqLeases>["leases"],
  writtenAt: number,
  leaseTime: number | null,
): LeaseStated[] {
  const before = ledger.held()
  const there = new Set(leases.map(({ address }) => address))
  const gone = [...before.keys()].filter((address) => !there.has(address))
  return [
    ...gone.flatMap((address) => ledger.gone(address, writtenAt)),
    ...leases.flatMap((lease) => {
      const began = lease.ends !== null && leaseTime !== null ? lease.ends - leaseTime : writtenAt
      const stay = before.get(lease.address)
      // The whole file is written because of one lease: of the others it says nothing new.
      if (stay && stay.mac === lease.mac && stay.to === lease.ends) return []
      return ledger.take({ ...lease, asked: Math.min(began, writtenAt) }, writtenAt)
    }),
  ]
}

function versionOf({ ino, size, mtimeMs }: { ino: number; size: number; mtimeMs: number }): string {
  return `${ino} ${size} ${mtimeMs}`
}

function placeOf(version: string, held: ReadonlyMap<string, Stay>): z.infer<typeof Place> {
  const place: z.infer<typeof Place> = { version, held: [] }
  let bytes = 200
  for (const [address, { mac, from, to, at }] of held) {
    const row: z.infer<typeof Place>["held"][number] = [address, mac, from, to, at]
    bytes += JSON.stringify(row).length + 1
    if (bytes > mostPlace) break
    place.held.push(row)
  }
  return place
}
