/**
 * What the operator configures of policy: ordered rules, and how trials are governed.
 *
 * In: parsed YAML or JSON with kebab-case keys. Out: checked settings with every default filled in,
 * still printable text. It must not know connections or the register's entries.
 */
import { z } from "zod"
import { AnyTimestamp, DecisionKind } from "../record/common.ts"
import { Duration } from "../record/duration.ts"
import { parseHostPattern } from "../record/host-pattern.ts"
import { parseNetwork } from "./destination/addresses.ts"
import { OriginChoices } from "./origin-choice.ts"

/** Names that decisions use for what no rule decided. */
export const reservedRuleNames: readonly string[] = [
  "default",
  "register",
  "name-disagrees",
  "ca-expired",
  "overload",
  "personal-device",
]

const network = z.string().superRefine((text, context) => report(context, () => parseNetwork(text)))
const hostPattern = z
  .string()
  .superRefine((text, context) => report(context, () => parseHostPattern(text)))

/** An empty list would match nothing, which nobody means: it is refused. */
const some = <Item extends z.ZodType>(item: Item) => z.array(item).min(1).optional()

export const nameAnswers = ["yes", "no", "unknown"] as const
export type NameAnswer = (typeof nameAnswers)[number]

/** Every given condition must hold; within one, any of its values. A fact that is not known (no
 * SNI, unreadable ClientHello, unbound client) meets no condition about it. */
export const Conditions = z.strictObject({
  client: some(network),
  "device-group": some(z.string().min(1)),
  /** `example.org`, `*.example.org` or an address. Read from the SNI, else the CONNECT host. */
  sni: some(hostPattern),
  destination: some(network),
  port: some(z.int().min(1).max(65535)),
  /** Any of these among the protocols that the client offers. */
  alpn: some(z.string().min(1)),
  stack: some(z.string().min(1)),
  listener: some(z.string().min(1)),
  /** Whether the SNI agrees with where the client asked to go. The decision waits for the resolver
   * where that must be asked; `unknown`: no SNI, or no answer. */
  "name-agrees": some(z.enum(nameAnswers)),
})
export type Conditions = z.infer<typeof Conditions>

export const Rule = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{0,63}$/, "1-64 lower-case letters, digits, dots and hyphens")
      .refine(
        (name) => !reservedRuleNames.includes(name),
        "this name is used by the sensor itself",
      ),
    when: Conditions.default({}),
    do: DecisionKind,
    /** Recorded with each splice; the other causes are the sensor's own. */
    cause: z.enum(["operator", "platform", "private"]).optional(),
    /** For what is inspected: what becomes of it if its origin is no good. */
    origin: OriginChoices.optional(),
    /** Who answers for it, why it is there, and when somebody should look at it again: shown by
     * `bypass list` and to auditors. */
    owner: z.string().min(1).optional(),
    reason: z.string().min(1).optional(),
    review: AnyTimestamp.optional(),
  })
  .refine((rule) => rule.cause === undefined || rule.do === "splice", {
    message: "only a rule that splices has a cause",
    path: ["cause"],
  })
  .refine((rule) => rule.origin === undefined || rule.do === "inspect", {
    message: "only a rule that inspects judges origins",
    path: ["origin"],
  })
export type Rule = z.infer<typeof Rule>

/** Ordered: the first rule that matches decides. */
export const Rules = z.array(Rule).superRefine(named("name"))

/** A number of bytes: 52428800, or text such as `50 MiB`. */
export const ByteCount = z.union([
  z.int().positive(),
  z
    .string()
    .regex(/^[1-9]\d{0,8} ?(?:B|KiB|MiB|GiB)$/, "write it as 512 KiB, 50 MiB or 1 GiB")
    .transform((text) => Number.parseInt(text, 10) * (unitBytes.get(text.match(unit)?.[0]) ?? 1)),
])
const unit = /(?:B|KiB|MiB|GiB)$/
const unitBytes = new Map<string | undefined, number>([
  ["KiB", 1024],
  ["MiB", 1024 ** 2],
  ["GiB", 1024 ** 3],
])

/** How what was confirmed becomes a bypass that lasts. */
export const LearnSettings = z.strictObject({
  /** Entries are put in force by themselves; else they are proposals for a person. */
  accept: z.boolean().default(false),
  /** So many devices of a group have to confirm a name before an entry is about the group; one
   * alone never speaks for the others. */
  devices: z.int().min(2).max(50).default(3),
  /** How long before its end an entry is tested again. */
  "retest-before": Duration.prefault("1d"),
  /** How often a re-test may lengthen it; then a person has to renew it. */
  renewals: z.int().min(0).default(4),
})
export type LearnSettings = z.infer<typeof LearnSettings>

/** What is not given is as for all. */
export const GroupControl = z.strictObject({
  group: z.string().min(1),
  mode: z.enum(["off", "trial", "learn"]).optional(),
  hold: DecisionKind.optional(),
  "hold-for": Duration.optional(),
  accept: z.boolean().optional(),
})
export type GroupControl = z.infer<typeof GroupControl>

/** How trials are governed (docs/policy.md says what these numbers open at most). Durations are
 * milliseconds once parsed. */
export const ControlSettings = z.strictObject({
  mode: z.enum(["off", "trial", "learn"]).default("trial"),
  /** How long an armed trial waits for its client. */
  "armed-for": Duration.prefault("24h"),
  /** How long it splices, from its first splice on. */
  "splice-for": Duration.prefault("2m"),
  connections: z.int().min(1).default(20),
  /** Both directions together, over all connections of one trial. */
  bytes: ByteCount.prefault("50 MiB"),
  "per-key-a-day": z.int().min(1).default(3),
  "per-device-a-day": z.int().min(1).default(20),
  "fleet-an-hour": z.int().min(1).default(30),
  /** After a trial without a result; doubles with each round, at most seven days. */
  "cool-down": Duration.prefault("6h"),
  /** How long the refusal (or acceptance) after the trial is waited for. */
  "re-inspect-for": Duration.prefault("24h"),
  /** What happens to a key that is confirmed, and for how long: inspected on (its app stays
   * broken), spliced by a learned entry, or blocked. */
  hold: DecisionKind.default("inspect"),
  "hold-for": Duration.prefault("7d"),
  /** A key that works when spliced, and whose group splices what is confirmed, is spliced after so
   * long even if nothing more could be confirmed, until `hold-for` is over. */
  "broken-at-most": Duration.prefault("12h"),
  learn: LearnSettings.prefault({}),
  /** Other choices for groups of devices; of a device in several the first in this order holds. */
  groups: z.array(GroupControl).max(1_000).superRefine(named("group")).default([]),
})
export type ControlSettings = z.infer<typeof ControlSettings>

/** What control does with the devices of one group. */
export type GroupChoice = Pick<ControlSettings, "mode" | "hold" | "hold-for"> & { accept: boolean }

/** The choices for a device in these groups. */
export function controlOf(control: ControlSettings, groups: readonly string[]): GroupChoice {
  const own = control.groups.find(({ group }) => groups.includes(group))
  const { mode, hold, learn } = control
  return {
    // Off is off for everybody: a group can leave it, not enter.
    mode: mode === "off" ? "off" : (own?.mode ?? mode),
    hold: own?.hold ?? hold,
    "hold-for": own?.["hold-for"] ?? control["hold-for"],
    accept: own?.accept ?? learn.accept,
  }
}

/** What is done with the hosts of one list of exemptions. `auto`: spliced, but while `control.mode`
 * is off only those that the operator has named. */
export const ListChoice = z.enum(["auto", "splice", "inspect"])
export type ListChoice = z.infer<typeof ListChoice>

/** A list that the operator fills, or adds to. */
export const ListSettings = z.strictObject({
  do: ListChoice.default("auto"),
  /** Beside those that are shipped. */
  hosts: z.array(hostPattern).max(10_000).default([]),
  owner: z.string().min(1).optional(),
  reason: z.string().min(1).optional(),
  review: AnyTimestamp.optional(),
})
export type ListSettings = z.infer<typeof ListSettings>

/** What protects people beside the lists. */
export const PrivacySettings = z.strictObject({
  /** Of devices that inventory says are a person's own: the network cannot tell which of their profiles a
   * connection is of. */
  "personal-devices": z.enum(["splice", "inspect"]).default("splice"),
})
export type PrivacySettings = z.infer<typeof PrivacySettings>

/** One exemption, as a list gives it; `list` is the list's name. */
export interface ListedHost {
  list: string
  pattern: string
  cause: "platform" | "private"
  /** Who says so, and when that was read (date); the operator's own have the configuration. */
  source: string
  read: string
}

/** `lists`: hosts in force, in an order without meaning; see shipped-lists.ts. */
export interface PolicySettings {
  rules: readonly Rule[]
  control: ControlSettings
  lists?: readonly ListedHost[]
  /** Left out: as the defaults say. */
  privacy?: PrivacySettings
}

/** Refuses a second of the same name. */
function named<Key extends string>(key: Key) {
  return (all: readonly Record<Key, string>[], context: z.RefinementCtx) => {
    const seen = new Set<string>()
    for (const [index, { [key]: name }] of all.entries()) {
      if (seen.has(name))
        context.addIssue({ code: "custom", path: [index, key], message: `"${name}" is taken` })
      seen.add(name)
    }
  }
}

/** Turns a parser's error into a zod issue with the same words. */
function report(context: z.RefinementCtx, parse: () => unknown): void {
  try {
    parse()
  } catch (error) {
    context.addIssue({
      code: "custom",
      message: error instanceof Error ? error.message : "invalid",
    })
  }
}
