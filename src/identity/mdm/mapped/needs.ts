/** What a mapping leaves open, which the source's configuration has to give. */
import type { Auth, Given, Mapping } from "./mapping.ts"
import type { HttpInventorySettings } from "./settings.ts"

export interface Needs {
  secrets: readonly string[]
  values: readonly string[]
}

export function needsOf(mapping: Mapping): Needs {
  const { auth, headers, list, detail, apps } = mapping
  const given = [...Object.values(headers), ...givenBy(auth)]
  const appsCall = apps && "call" in apps ? apps.call : undefined
  const calls = [list, detail, appsCall].filter((call) => call !== undefined)
  const queried = calls.flatMap(({ query }) => Object.values(query))
  const placed = calls.flatMap((call) => {
    const filled = "parameters" in call ? Object.keys(call.parameters) : []
    return namesIn(call.path).filter((name) => !filled.includes(name))
  })
  return {
    secrets: unique(given.flatMap((one) => ("secret" in one ? [one.secret] : []))),
    values: unique([
      ...given.flatMap((one) => ("value" in one ? [one.value] : [])),
      ...queried.flatMap((one) => (typeof one === "string" ? [] : [one.value])),
      ...placed,
    ]),
  }
}

/** What differs between that and what is configured, in words; empty where all fits. */
export function unmetNeeds(
  mapping: Mapping,
  configured: Pick<HttpInventorySettings, "secrets" | "values" | "token-url" | "address-hint">,
): string[] {
  const needs = needsOf(mapping)
  const faults: string[] = []
  for (const sort of ["secrets", "values"] as const) {
    for (const name of needs[sort])
      if (!Object.hasOwn(configured[sort], name))
        faults.push(`${sort}.${name} is missing: the mapping ${mapping.mapping} asks for it`)
    for (const name of Object.keys(configured[sort]))
      if (!needs[sort].includes(name))
        faults.push(`${sort}.${name} is not asked for by the mapping ${mapping.mapping}: remove it`)
  }
  const { auth } = mapping
  const elsewhere = auth.kind === "client-credentials" && auth.path === undefined
  if (elsewhere && configured["token-url"] === null)
    faults.push(`token-url is missing: the mapping ${mapping.mapping} gets its token there`)
  if (!elsewhere && configured["token-url"] !== null)
    faults.push(`token-url is not asked for by the mapping ${mapping.mapping}: remove it`)
  if (configured["address-hint"] !== null && mapping.address === undefined)
    faults.push(`address-hint: the mapping ${mapping.mapping} knows no address; remove it`)
  return faults
}

/** `/organizations/{group}/devices` -> group. */
export function namesIn(path: string): string[] {
  return [...path.matchAll(/\{([a-z_-]{1,40})\}/g)].map(([, name]) => name ?? "")
}

function givenBy(auth: Auth): Given[] {
  switch (auth.kind) {
    case "headers":
      return []
    case "basic":
      return [auth.user, auth.password]
    case "bearer":
      return [auth.token]
    case "client-credentials":
      return [auth["client-id"], auth["client-secret"]]
    case "login":
      return Object.values(auth.body)
  }
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)]
}
