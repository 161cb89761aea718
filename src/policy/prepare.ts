/**
 * Makes a policy out of settings and the register, and keeps it as they change.
 *
 * In: rules, lists, control settings, register entries. Out: the indexes that `decide` asks. It must
 * not know connections.
 */
import type { RegisterEntry } from "../record/register-entry.ts"
import { compileConditions, hostIs } from "./conditions.ts"
import { NetworkSet, parseNetwork } from "./destination/addresses.ts"
import { facetsOf } from "./index/facets.ts"
import { hostKeys } from "./index/host-keys.ts"
import { type Ranked, RankedIndex } from "./index/ranked-index.ts"
import { opensOrigins } from "./origin-choice.ts"
import { RegisterIndex } from "./register/register-index.ts"
import type {
  ControlSettings,
  ListedHost,
  PolicySettings,
  PrivacySettings,
  Rule,
} from "./settings.ts"
import type { TrialUse } from "./trial/trial-use.ts"

/** `changeRegister` and `dropEnded` change it in place, between decisions; all else is fixed. */
export interface Policy {
  readonly rules: RankedIndex<Rule>
  /** Of rules that open a tunnel by its destination: the networks that are dialled under them, by name
   * of the rule. */
  readonly rule_networks: ReadonlyMap<string, NetworkSet>
  readonly lists: RankedIndex<ListedHost>
  readonly register: RegisterIndex
  readonly control: ControlSettings
  /** What is done with what a person's own device sends. */
  readonly personal_devices: PrivacySettings["personal-devices"]
  /** This worker's own count of trials; null where nothing is spliced, as in a dry run. */
  readonly use: TrialUse | null
  /** Whether some condition asks for the destination's address: if so, the shell resolves a CONNECT
   * host before it decides, for an unknown address meets no condition. */
  readonly asks_destination: boolean
  /** Whether some rule asks if name and destination agree: then the shell finds out before. */
  readonly asks_name_agreement: boolean
  /** Whether some condition asks which device the client is, or of which group. */
  readonly asks_device: boolean
  /** Register entries and listed hosts that cannot be read, in words for the log; they match nothing. */
  readonly faults: readonly string[]
}

/** From nothing: some microseconds for each rule, listed host and entry. */
export function preparePolicy(
  settings: PolicySettings,
  entries: readonly RegisterEntry[],
  use: TrialUse | null = null,
): Policy {
  return assemble(settings, new RegisterIndex(settings.control, use, entries))
}

/** What changed in the register, by id; null: it is gone. Costs what changed, and leaves what preparing
 * all of it anew would give. */
export function changeRegister(
  { register }: Policy,
  changes: ReadonlyMap<string, RegisterEntry | null>,
): void {
  for (const [id, entry] of changes)
    if (entry === null) register.delete(id)
    else register.set(entry)
}

/** Forgets what has ended and decides nothing any more, so that it does not pile up in a worker that
 * only reads changes; says how many. Some microseconds for a thousand entries; once a minute will do. */
export function dropEnded({ register }: Policy, now: number): number {
  return register.deleteEnded(now)
}

/** The policy under other settings. The register is taken over as it stands, unless control changed,
 * which decides what its entries do; the old policy is not to be used any more. */
export function withSettings({ register, control }: Policy, settings: PolicySettings): Policy {
  const same = JSON.stringify(control) === JSON.stringify(settings.control)
  return assemble(
    settings,
    same ? register : new RegisterIndex(settings.control, register.use, register.entries()),
  )
}

function assemble(settings: PolicySettings, register: RegisterIndex): Policy {
  const { rules, lists = [], privacy } = settings
  const faults: string[] = []
  const byDestination = rules.some(({ when }) => when.destination !== undefined)
  const byDevice = rules.some(({ when }) => when["device-group"] !== undefined)
  return {
    rules: new RankedIndex(rules.map(rankedRule)),
    rule_networks: new Map(rules.flatMap(openedNetworks)),
    lists: new RankedIndex(lists.flatMap((host) => rankedHost(host, faults))),
    register,
    control: register.control,
    personal_devices: privacy?.["personal-devices"] ?? "splice",
    use: register.use,
    get asks_destination() {
      return byDestination || register.asks_destination
    },
    asks_name_agreement: rules.some(({ when }) => when["name-agrees"] !== undefined),
    get asks_device() {
      return byDevice || register.asks_device
    },
    get faults() {
      return [...faults, ...register.faults]
    },
  }
}

/** Whether a rule passes connections on unread: then it goes by the client's own host and address. */
export function opens(rule: Rule): boolean {
  return rule.do === "splice" || opensOrigins(rule.origin)
}

function rankedRule(rule: Rule, order: number): Ranked<Rule> {
  const { when } = rule
  return {
    value: rule,
    order,
    tie: rule.name,
    conditions: compileConditions(when, opens(rule) ? "own" : "any"),
    facets: facetsOf({
      host: hostKeys(when.sni),
      client: when.client?.map(parseNetwork),
      destination: when.destination?.map(parseNetwork),
      stack: when.stack,
      group: when["device-group"],
      port: when.port,
      alpn: when.alpn,
      listener: when.listener,
      agrees: when["name-agrees"],
    }),
  }
}

function openedNetworks(rule: Rule): [string, NetworkSet][] {
  const { destination } = rule.when
  if (!opens(rule) || destination === undefined) return []
  return [[rule.name, new NetworkSet(destination.map(parseNetwork))]]
}

/** As with register entries: private before platform, an exact name before a wildcard; then by list
 * and pattern. Fails closed: what is no pattern matches nothing. */
function rankedHost(host: ListedHost, faults: string[]): Ranked<ListedHost>[] {
  const { list, pattern, cause } = host
  try {
    const order = (cause === "private" ? 0 : 2) + (pattern.startsWith("*.") ? 1 : 0)
    const conditions = [hostIs([pattern], "own")]
    const facets = facetsOf({ host: hostKeys([pattern]) })
    return [{ value: host, order, tie: `${list}\n${pattern}\n${host.source}`, conditions, facets }]
  } catch (error) {
    const why = error instanceof Error ? error.message : "it is no pattern"
    faults.push(`list ${list}: ${pattern} matches nothing: ${why}`)
    return []
  }
}
