/**
 * The bypasses that the configuration itself opens, as register entries: so that the register shows
 * every bypass there is, with owner, reason and use. Nothing is decided by them: rules, lists and
 * settings decide.
 *
 * In: rules, lists, the settings that splice. Out: one entry for each rule, list and setting. It must not
 * know what the register holds.
 */
import type { RegisterEntry } from "../../record/register-entry.ts"
import { compileConditions } from "../conditions.ts"
import { opens } from "../prepare.ts"
import type { Rule } from "../settings.ts"
import type { ListStanding } from "../shipped-lists.ts"

export interface Declaring {
  rules: readonly Rule[]
  /** Those by which something is spliced. */
  lists: readonly ListStanding[]
  /** Keys of settings by which something is spliced, and what each of them does in words. */
  settings: Readonly<Record<string, { kind: RegisterEntry["kind"]; reason: string }>>
  whose: Pick<RegisterEntry, "tenant" | "site" | "sensor_id">
  /** Who answers for what names no owner. */
  owner: string
  /** Epoch milliseconds. */
  now: number
}

type Told = Pick<RegisterEntry, "id" | "kind" | "source" | "declared" | "owner" | "reason"> & {
  scope?: Partial<RegisterEntry["scope"]>
  review?: string | null | undefined
}

export function declaredBypasses(from: Declaring): RegisterEntry[] {
  return [
    ...from.rules.filter(opens).map((rule) => byRule(rule, from)),
    ...from.lists.map((list) => byList(list, from)),
    ...Object.entries(from.settings).map(([key, { kind, reason }]) =>
      entry(
        {
          id: `setting:${key}`,
          kind,
          source: "setting",
          declared: null,
          owner: from.owner,
          reason,
        },
        from,
      ),
    ),
  ]
}

function byRule(rule: Rule, from: Declaring): RegisterEntry {
  const { when } = rule
  const met = compileConditions(when, "own").map(({ asks }) => asks)
  const where = met.length === 0 ? "everything" : `where ${met.join(", and ")}`
  const does = rule.do === "splice" ? "not inspected" : "passed on unread if its origin is no good"
  const told: Told = {
    id: `rule:${rule.name}`,
    kind: rule.cause ?? "operator",
    source: "rule",
    declared: JSON.stringify(rule.origin === undefined ? when : { ...when, origin: rule.origin }),
    owner: rule.owner ?? from.owner,
    reason: rule.reason ?? `${does}: ${where}`,
    // What a scope can say it says; the whole is in `declared`.
    scope: {
      device_group: only(when["device-group"]),
      client_network: only(when.client),
      stack: only(when.stack),
      sni: only(when.sni),
      destination_network: only(when.destination),
    },
    review: rule.review,
  }
  return entry(told, from)
}

function byList(list: ListStanding, from: Declaring): RegisterEntry {
  const { name, about, cause, hosts, owner, reason, review } = list
  const sources = Map.groupBy(hosts, ({ source, read }) => JSON.stringify({ source, read }))
  const declared = [...sources].map(([source, of]) => ({
    ...JSON.parse(source),
    hosts: of.map(({ pattern }) => pattern),
  }))
  const told: Told = {
    id: `list:${name}`,
    kind: cause,
    source: "list",
    declared: JSON.stringify(declared),
    owner: owner ?? from.owner,
    reason: reason ?? `not inspected: ${about}`,
    review,
  }
  return entry(told, from)
}

function entry({ scope, review, ...told }: Told, { whose, now }: Declaring): RegisterEntry {
  const at = new Date(now).toISOString()
  return {
    ...whose,
    ...told,
    v: 1,
    observed_at: at,
    standing: "in-force",
    scope: {
      device_id: null,
      device_group: null,
      client_network: null,
      stack: null,
      sni: null,
      destination_network: null,
      ...scope,
    },
    evidence_ids: [],
    created_at: at,
    // It ends when the configuration does not say so any more.
    expires_at: null,
    review_at: review ?? null,
    hits: 0,
    bytes: 0,
    last_hit_at: null,
    trial: null,
    learned: null,
  }
}

function only(values: readonly string[] | undefined): string | null {
  const [first, ...others] = values ?? []
  return first !== undefined && others.length === 0 ? first : null
}
