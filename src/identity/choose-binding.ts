/** Which of several bindings that hold at one instant is believed, or why none can be. */
import { BindingSource } from "../record/binding.ts"
import type { Platform } from "../record/common.ts"
import type { DeviceAttribution } from "../record/finding.ts"

/** What a choice needs of a binding. */
export interface BoundTo {
  binding_id: string
  /** Null: inventory knows no device of the names that it has, or cannot tell which. */
  device_id: string | null
  /** Why not, and the hardware address that was named; null where the device is known. */
  unknown: { because: string; mac: string | null } | null
  source: BindingSource
  confidence: number
  shared: boolean
  /** Start in epoch milliseconds: of equals of one device the latest is named. */
  from: number
}

export interface BindingChoice {
  /** Null unless `attribution` is bound: an address is not blamed on one of several devices. */
  device_id: string | null
  attribution: DeviceAttribution
  /** The binding that was chosen; null where none was. */
  binding_id: string | null
  /** Bindings of other devices that also held at the instant, surest first; at most 20. */
  losers: string[]
  /** Devices between which the sources do not decide; empty unless ambiguous. At most 20. */
  contenders: { device_id: string; binding_id: string }[]
  because: string
}

/** How many losers and contenders a choice names: enough to see why, whatever stands behind a NAT. */
const named = 20

/**
 * `holding` has the bindings of each covering prefix, longest prefix first, none empty.
 *
 * A declaration of sharing counts from any of them: it says that several devices stand behind, and
 * blaming one of them would be worse than blaming none. Otherwise only the longest prefix speaks;
 * in it the source ranks first, then its confidence.
 *
 * Who is known only by names that inventory does not know stands against no other source: it may be
 * the same device. Except where a source at least as sure saw another hardware address there than the
 * device has.
 */
export function chooseBinding(
  holding: readonly (readonly BoundTo[])[],
  platformOf: (deviceId: string) => Platform,
  macOf: (deviceId: string) => string | null,
): BindingChoice {
  for (const bounds of holding) {
    const declared = bounds.find((bound) => bound.shared)
    if (declared) return shared(holding.flat(), `binding ${declared.binding_id} declares it shared`)
  }
  const all = holding[0] ?? []
  if (all.every(isKnown)) return chooseKnown(all, platformOf)
  const unknown = all.filter((bound) => !isKnown(bound))
  const known = all.filter(isKnown).filter((bound) => !contradicted(bound, unknown, macOf))
  return known.length > 0 ? chooseKnown(known, platformOf) : nobody(all, unknown)
}

/** A bound of a device that is known. */
type Known = BoundTo & { device_id: string }

function isKnown(bound: BoundTo): bound is Known {
  return bound.device_id !== null
}

function chooseKnown(
  bounds: readonly Known[],
  platformOf: (deviceId: string) => Platform,
): BindingChoice {
  if (bounds.length === 1) return bound(bounds[0] as Known, bounds)
  const ranked = [...bounds].sort(bySurety)
  const users = devices(ranked.filter((bound) => bound.source === "proxy-user"))
  if (users.size > 1) return shared(ranked, `${users.size} proxy users were on it at once`)
  const surest = ranked[0] as Known
  const sameRank = ranked.filter((bound) => bound.source === surest.source)
  const platforms = new Set([...devices(sameRank)].map(platformOf))
  if (platforms.has("android") && platforms.has("ios"))
    return shared(ranked, `${surest.source} bound Android and iOS devices to it at once`)
  const equals = sameRank.filter((bound) => bound.confidence === surest.confidence)
  if (devices(equals).size > 1) return ambiguous(equals, ranked)
  return bound(surest, ranked)
}

const rankOf = new Map(BindingSource.options.map((source, rank) => [source, rank]))

/** Whether a source at least as sure saw other hardware at the address. */
function contradicted(
  { device_id, source }: Known,
  unknown: readonly BoundTo[],
  macOf: (deviceId: string) => string | null,
): boolean {
  const rank = rankOf.get(source) ?? 0
  return unknown.some((other) => {
    const mac = other.unknown?.mac
    if (!mac || (rankOf.get(other.source) ?? 0) > rank) return false
    const own = macOf(device_id)
    return own !== null && own !== mac
  })
}

function bySurety(a: BoundTo, b: BoundTo): number {
  const rank = (rankOf.get(a.source) ?? 0) - (rankOf.get(b.source) ?? 0)
  if (rank !== 0) return rank
  if (a.confidence !== b.confidence) return b.confidence - a.confidence
  if (a.from !== b.from) return b.from - a.from
  return a.binding_id < b.binding_id ? -1 : 1
}

function devices(bounds: readonly Known[]): Set<string> {
  return new Set(bounds.map((bound) => bound.device_id))
}

function ids(bounds: readonly BoundTo[]): string[] {
  return bounds.slice(0, named).map((bound) => bound.binding_id)
}

function bound(chosen: Known, ranked: readonly Known[]): BindingChoice {
  const others = ranked.filter((other) => other.device_id !== chosen.device_id)
  const over = others.length > 0 ? `, over ${others.length} of other devices` : ""
  return {
    device_id: chosen.device_id,
    attribution: "bound",
    binding_id: chosen.binding_id,
    losers: ids(others),
    contenders: [],
    because: `binding ${chosen.binding_id} from ${chosen.source}, confidence ${chosen.confidence}${over}`,
  }
}

function ambiguous(equals: readonly Known[], ranked: readonly Known[]): BindingChoice {
  const contenders = new Map<string, string>()
  for (const { device_id, binding_id } of equals)
    if (!contenders.has(device_id)) contenders.set(device_id, binding_id)
  const first = equals[0] as Known
  return {
    device_id: null,
    attribution: "ambiguous",
    binding_id: null,
    losers: ids(ranked),
    contenders: [...contenders]
      .slice(0, named)
      .map(([device_id, binding_id]) => ({ device_id, binding_id })),
    because: `${first.source} bound it to ${contenders.size} devices with confidence ${first.confidence}`,
  }
}

function shared(ranked: readonly BoundTo[], because: string): BindingChoice {
  return {
    device_id: null,
    attribution: "shared",
    binding_id: null,
    losers: ids(ranked),
    contenders: [],
    because,
  }
}

/** Bound, but to nobody that inventory knows. */
function nobody(all: readonly BoundTo[], unknown: readonly BoundTo[]): BindingChoice {
  const ranked = [...all].sort(bySurety)
  const first = [...unknown].sort(bySurety)[0] as BoundTo
  return {
    device_id: null,
    attribution: "absent",
    binding_id: null,
    losers: ids(ranked),
    contenders: [],
    because: `binding ${first.binding_id} from ${first.source} names no device: ${first.unknown?.because}`,
  }
}
