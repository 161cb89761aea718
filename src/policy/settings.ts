/**
 * What the operator configures of policy: ordered rules, and how trials are governed.
 *
 * In: parsed YAML or JSON with kebab-case keys. Out: checked settings with every default filled in,
 * still printable text. It must not know connections or the register's entries.
 */
import { z } from "zod"
import { DecisionKind } from "../record/common.ts"
import { Duration } from "../record/duration.ts"
import { parseHostPattern } from "../record/host-pattern.ts"
import { parseNetwork } from "./addresses.ts"
import { OriginChoices } from "./origin-choice.ts"

/** Names that decisions use for what no rule decided. */
export const reservedRuleNames: readonly string[] = ["default", "register", "name-disagrees"]

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
export const Rules = z.array(Rule).superRefine((rules, context) => {
  const seen = new Set<string>()
  for (const [index, { name }] of rules.entries()) {
    if (seen.has(name))
      context.addIssue({ code: "custom", path: [index, "name"], message: `"${name}" is taken` })
    seen.add(name)
  }
})

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
  "fleet-an-hour": z.int().min(1).default(30),
  /** After a trial without a result; doubles with each round, at most seven days. */
  "cool-down": Duration.prefault("6h"),
  /** How long the refusal (or acceptance) after the trial is waited for. */
  "re-inspect-for": Duration.prefault("24h"),
  /** What happens to a key that is confirmed, and for how long. */
  hold: DecisionKind.default("inspect"),
  "hold-for": Duration.prefault("7d"),
})
export type ControlSettings = z.infer<typeof ControlSettings>

export interface PolicySettings {
  rules: readonly Rule[]
  control: ControlSettings
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
