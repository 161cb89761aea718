/** What a bypass covers: from flags to a scope in canonical form, and from a scope to words. */
import { parseNetwork } from "../../policy/destination/addresses.ts"
import { type Scope, suffixCovered, widthOf } from "../../policy/register/scope-width.ts"
import { parseHostPattern } from "../../record/host-pattern.ts"
import type { RegisterEntry } from "../../record/register-entry.ts"

export const scopeOptions = {
  sni: { type: "string" },
  group: { type: "string" },
  device: { type: "string" },
  client: { type: "string" },
  destination: { type: "string" },
  stack: { type: "string" },
  wide: { type: "boolean" },
} as const

export interface ScopeFlags {
  sni?: string
  group?: string
  device?: string
  client?: string
  destination?: string
  stack?: string
  wide?: boolean
}

export function scopeFrom(flags: ScopeFlags): Scope {
  const scope: Scope = {
    device_id: given("--device", flags.device),
    device_group: given("--group", flags.group),
    client_network: network("--client", flags.client),
    stack: given("--stack", flags.stack),
    sni: pattern(flags.sni),
    destination_network: network("--destination", flags.destination),
  }
  refuseTooWide(scope, flags.wide ?? false)
  return scope
}

/** Throws for a scope that nobody should open, or not without saying so. */
export function refuseTooWide(scope: Scope, wide: boolean): void {
  if (Object.values(scope).every((part) => part === null))
    throw new Error(
      "say what it is about: --sni, --destination, --client, --device, --group or --stack, any of them",
    )
  const width = widthOf(scope)
  if (width === null) return
  const suffix = scope.sni === null ? null : suffixCovered(scope.sni)
  if (suffix?.icann)
    throw new Error(`--sni: ${scope.sni} ${width}; name the domain, as in *.example.org`)
  const narrower = suffix ? "name the hosts" : "narrow it with --sni, --destination or --device"
  if (!wide)
    throw new Error(
      `it ${width}; ${narrower}, or say --wide if you mean it (it is marked WIDE for as long as it stands)`,
    )
}

/** Equal for scopes that cover the same, however they were written. */
export function scopeKey(scope: Scope): string {
  const { device_id, device_group, client_network, stack, sni, destination_network } = scope
  const canonical = (text: string | null, read: (text: string) => string | null) => {
    try {
      return text === null ? null : read(text)
    } catch {
      // From elsewhere, and not readable: then it is equal to what is written the same.
      return text
    }
  }
  return JSON.stringify([
    device_id,
    device_group,
    canonical(client_network, (text) => parseNetwork(text).text),
    stack,
    canonical(sni, pattern),
    canonical(destination_network, (text) => parseNetwork(text).text),
  ])
}

/** `*.push.example for group staff`; of a declared bypass what its configuration says. */
export function scopeText({ scope, source, declared, reason }: RegisterEntry): string {
  if (source === "rule" && declared !== null) return declared
  // A list may have thousands of hosts.
  if (source !== "register") return reason
  const { device_id, device_group, client_network, stack, sni, destination_network } = scope
  const words = [
    sni,
    destination_network && `to ${destination_network}`,
    device_id && `for device ${device_id}`,
    device_group && `for group ${device_group}`,
    client_network && `from ${client_network}`,
    stack && `stack ${stack}`,
  ]
  return words.filter((word) => word !== null).join(" ") || "everything"
}

function given(flag: string, text: string | undefined): string | null {
  if (text === undefined) return null
  if (text.trim() === "") throw new Error(`${flag}: it is empty`)
  return text.trim()
}

function network(flag: string, text: string | undefined): string | null {
  if (text === undefined) return null
  try {
    return parseNetwork(text).text
  } catch (error) {
    throw new Error(`${flag}: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
}

function pattern(text: string | undefined): string | null {
  if (text === undefined) return null
  const read = parseHostPattern(text)
  if (read.kind === "network")
    throw new Error(`--sni: "${text}" is an address; say --destination for it`)
  return read.kind === "name" ? read.name : `*${read.suffix}`
}
