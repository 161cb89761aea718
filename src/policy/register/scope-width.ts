/**
 * How wide a bypass is. One that names neither where to nor which device is open to whoever wants
 * it, and so is one whose pattern covers a whole public suffix: anybody may register below it.
 */
import { parse } from "tldts"
import { z } from "zod"
import { canonicalHost } from "../../record/host-pattern.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"
import { parseNetwork } from "../destination/addresses.ts"

export type Scope = RegisterEntry["scope"]

const namesNeither =
  "names neither a host, nor one device, nor a network smaller than a good part of all addresses"

/** Networks shorter than these are a good part of the Internet. */
const shortest = { 4: 8, 6: 20 } as const

/** Why a scope is wide, in words that follow "it"; null if it is not. */
export function widthOf(scope: Scope): string | null {
  if (Object.values(scope).every((part) => part === null)) return "covers every connection"
  const suffix = scope.sni === null ? null : suffixCovered(scope.sni)
  if (suffix !== null) return `covers every name below ${suffix.name}, ${suffix.why}`
  const { sni, device_id, destination_network, client_network } = scope
  if (device_id !== null || (sni !== null && (!sni.includes("/") || isNarrow(sni)))) return null
  if (isNarrow(destination_network) || isNarrow(client_network)) return null
  return namesNeither
}

/** The same of any bypass. Lists name hosts, and settings are what they are. */
export function widthOfEntry({ source, scope, declared }: RegisterEntry): string | null {
  if (source === "register") return widthOf(scope)
  return source === "rule" && declared !== null ? widthOfRule(declared) : null
}

/** What a rule says of who and where to; each of the values that it gives must be narrow. One that
 * inspects and lets some origins pass is as narrow as those. */
function widthOfRule(declared: string): string | null {
  const read = RuleScope.safeParse(parsedJson(declared))
  if (!read.success || read.data.origin !== undefined) return null
  const { sni, destination, client } = read.data
  const each = (name: keyof Scope, values: readonly string[]) =>
    values.map((value) => widthOf({ ...nothing, [name]: value }))
  const names = each("sni", sni)
  const suffix = names.find((width) => width !== null)
  if (suffix) return suffix
  const narrow = [names, each("destination_network", destination), each("client_network", client)]
    .filter((widths) => widths.length > 0)
    .some((widths) => widths.every((width) => width === null))
  return narrow ? null : namesNeither
}

const RuleScope = z.object({
  sni: z.array(z.string()).default([]),
  destination: z.array(z.string()).default([]),
  client: z.array(z.string()).default([]),
  origin: z.unknown().optional(),
})

/** Null for what is no JSON, as an entry from elsewhere may have it. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const nothing: Scope = {
  device_id: null,
  device_group: null,
  client_network: null,
  stack: null,
  sni: null,
  destination_network: null,
}

/** The public suffix that a pattern covers as a whole, if it does. `icann`: it is one of the suffixes
 * of the DNS itself; else somebody's, such as github.io, below which others have their names. */
export function suffixCovered(
  pattern: string,
): { name: string; icann: boolean; why: string } | null {
  const below = nameBelow(pattern.trim())
  if (below === null) return null
  // `*.kawasaki.jp` stands above suffixes without being one: the probe finds that.
  for (const probe of [below, `probe.${below}`]) {
    const { publicSuffix, isIcann, isPrivate } = parse(probe, { allowPrivateDomains: true })
    if (publicSuffix !== probe || (!isIcann && !isPrivate)) continue
    const why = isIcann
      ? "where anybody registers domains"
      : "where a provider's customers choose their own names"
    return { name: below, icann: isIcann ?? false, why }
  }
  return null
}

/** The name of a pattern for all names below it; null of any other. Parsing it in full would cost a
 * fifth of a millisecond, and a register may have thousands. */
function nameBelow(pattern: string): string | null {
  return pattern.startsWith("*.") ? canonicalHost(pattern.slice(2)) : null
}

function isNarrow(network: string | null): boolean {
  if (network === null) return false
  try {
    const { address, prefix } = parseNetwork(network)
    return prefix >= shortest[address.version]
  } catch {
    return true
  }
}
