/**
 * A mapping: how the inventory of an MDM that we have no connector for is asked and read. It only
 * declares: there is no code in it, no expression and no regular expression.
 */
import { z } from "zod"
import { AnyTimestamp, Platform, Profile } from "../../../record/common.ts"
import { Ownership } from "../../../record/device.ts"
import { Duration } from "../../../record/duration.ts"
import { InspectionCaTrust } from "../../../record/posture.ts"
import { byKey } from "./by-key.ts"
import { FieldRule } from "./field.ts"
import { PointerText } from "./pointer.ts"

const Name = z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, "write a name such as api-key")
const ParameterName = z.string().regex(/^[A-Za-z0-9_.$[\]-]{1,60}$/, "is not a parameter's name")
const HeaderName = z.string().regex(/^[A-Za-z0-9-]{1,60}$/, "is not a header's name")
/** Written out, or filled in from the source's `values` or `secrets`. */
const Given = byKey({
  text: z.strictObject({ text: z.string().max(500) }),
  value: z.strictObject({ value: Name }),
  secret: z.strictObject({ secret: Name }),
})
export type Given = z.infer<typeof Given>

/** `{name}` is filled in and percent-encoded; nothing in it can leave the path. */
const Path = z
  .string()
  .max(500)
  .regex(/^\/(?!\/)[A-Za-z0-9._~!$&'()*+,;=:@%/{}-]*$/, "write a path that begins with one /")
  .refine((path) => !/(^|\/)\.\.?(\/|$)/.test(path), "has . or .. in it")
  .refine(
    (path) => !/[{}]/.test(path.replaceAll(/\{[a-z_-]{1,40}\}/g, "")),
    "has a brace that holds no name",
  )

const Query = z.record(
  ParameterName,
  z.union([z.string().max(500), z.strictObject({ value: Name })]),
)

const Size = z.strictObject({ parameter: ParameterName, rows: z.int().min(1).max(5_000) })
const Paging = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  /** Page 0, 1, 2 ... until one is empty, or `total` rows were there, or `more` says no. */
  z.strictObject({
    kind: z.literal("page"),
    parameter: ParameterName,
    first: z.int().min(0).max(1).default(0),
    size: Size.optional(),
  }),
  /** The number of rows that were read. */
  z.strictObject({
    kind: z.literal("offset"),
    parameter: ParameterName,
    first: z.int().min(0).max(1).default(0),
    size: Size.optional(),
  }),
  /** What stands at `from` in the last row. */
  z.strictObject({
    kind: z.literal("cursor"),
    parameter: ParameterName,
    from: PointerText,
    size: Size.optional(),
  }),
  /** A token in the answer, sent back as it is. */
  z.strictObject({
    kind: z.literal("token"),
    parameter: ParameterName,
    next: PointerText,
    size: Size.optional(),
  }),
  /** A link in the answer, absolute or relative; never to another host. */
  z.strictObject({ kind: z.literal("link"), next: PointerText, size: Size.optional() }),
])
export type Paging = z.infer<typeof Paging>

const called = {
  path: Path,
  query: Query.default({}),
  /** Where the list of rows stands in the answer. */
  rows: PointerText,
  paging: Paging,
  /** How many rows there are in all. */
  total: PointerText.optional(),
  /** Whether there are more pages. */
  more: FieldRule.optional(),
}

const Auth = z.discriminatedUnion("kind", [
  /** Nothing but `headers`. */
  z.strictObject({ kind: z.literal("headers") }),
  z.strictObject({ kind: z.literal("basic"), user: Given, password: Given }),
  z.strictObject({ kind: z.literal("bearer"), token: Given }),
  /** RFC 6749 section 4.4. Asked at the source's `token-url`, or at a path of the same server. */
  z.strictObject({
    kind: z.literal("client-credentials"),
    path: Path.optional(),
    "client-id": Given,
    "client-secret": Given,
    scope: z.string().max(500).optional(),
  }),
  /** A JSON body is posted, the token is in the answer. */
  z.strictObject({
    kind: z.literal("login"),
    path: Path,
    body: z.record(z.string().min(1).max(60), Given),
    token: PointerText,
    /** Used so long, and then asked for again; sooner when it is refused. */
    lifetime: Duration.prefault("10m"),
  }),
])
export type Auth = z.infer<typeof Auth>

const booleans = (rule: FieldRule) => valuesOf(rule).every((value) => typeof value === "boolean")
const BooleanRule = FieldRule.refine(
  booleans,
  "has a table whose values are not true, false or null",
)
const wordsOf = (words: readonly string[]) =>
  FieldRule.refine(
    (rule) => valuesOf(rule).every((value) => words.includes(String(value))),
    `has a value that is none of ${words.join(", ")}`,
  )

function valuesOf(rule: FieldRule): (string | boolean)[] {
  const given =
    "value" in rule ? [rule.value] : [...Object.values(rule.table ?? {}), rule.otherwise]
  return given.filter((value) => value !== null && value !== undefined)
}

const Condition = z.strictObject({
  at: PointerText,
  in: z
    .array(z.union([z.string(), z.number(), z.boolean()]))
    .min(1)
    .max(100),
})

const AppFields = {
  id: FieldRule,
  name: FieldRule.optional(),
  version: FieldRule.optional(),
  /** SHA-256 in hex. Another hash is none: leave it out. */
  signer_sha256: FieldRule.optional(),
  managed: BooleanRule.optional(),
  /** An app of which this is false is not there (removed, only assigned). */
  installed: BooleanRule.optional(),
  /** Read from the device's row: whether these are only some of its apps. */
  partial: BooleanRule.optional(),
}
/** What one call for each device costs the MDM is bounded. */
const PerDevice = {
  /** What `{name}` of the path is, from the row of the list. */
  parameters: z.record(z.string().regex(/^[a-z_]{1,40}$/), PointerText),
  /** At most so many devices a sweep; the next sweep goes on with those after them. */
  "per-sweep": z.int().min(1).max(500_000).default(20_000),
  "at-once": z.int().min(1).max(4).default(2),
}

export const Mapping = z
  .strictObject({
    mapping: Name,
    version: z.int().min(1),
    /** The API and its version that this was written for. */
    api: z.string().min(1).max(200),
    "reviewed-by": z.string().min(1).max(200),
    "reviewed-at": z.union([z.iso.date(), AnyTimestamp]),
    auth: Auth,
    /** Sent with each request. */
    headers: z.record(HeaderName, Given).default({}),
    list: z.strictObject({
      ...called,
      /** Rows that are read; others are passed over. */
      only: z.array(Condition).max(10).default([]),
      /** For incremental sweeps: only what changed since. */
      "changed-since": z
        .strictObject({
          parameter: ParameterName,
          as: z.enum(["rfc3339", "epoch-seconds", "epoch-ms"]),
        })
        .optional(),
    }),
    /** One call for each device, whose answer stands in place of the row. */
    detail: z
      .strictObject({ path: Path, query: Query.default({}), at: PointerText, ...PerDevice })
      .optional(),
    device: z.strictObject({
      /** Stable in this MDM. */
      id: FieldRule,
      platform: wordsOf(Platform.options),
      /** When the device was last heard of: what it says is as of then. */
      seen: FieldRule.optional(),
      os_version: FieldRule.optional(),
      model: FieldRule.optional(),
      serial: FieldRule.optional(),
      udid: FieldRule.optional(),
      imei: FieldRule.optional(),
      wifi_mac: FieldRule.optional(),
      user: FieldRule.optional(),
      /** Whose it is; connections of personal devices are not inspected by default. */
      ownership: wordsOf(Ownership.options).optional(),
      /** A list in the row, or fields of it. */
      groups: byKey({
        at: z.strictObject({ at: PointerText, each: FieldRule }),
        of: z.strictObject({ of: z.array(FieldRule).min(1).max(10) }),
      }).optional(),
    }),
    posture: z.strictObject({
      profile: wordsOf(Profile.options).optional(),
      managed: BooleanRule.optional(),
      supervised: BooleanRule.optional(),
      compliant: BooleanRule.optional(),
      jailbroken: BooleanRule.optional(),
      inspection_ca: wordsOf(InspectionCaTrust.options).optional(),
    }),
    /** Left out: the MDM does not say which apps there are. */
    apps: byKey({
      in: z.strictObject({ in: PointerText, ...AppFields }),
      call: z.strictObject({ call: z.strictObject({ ...called, ...PerDevice }), ...AppFields }),
    }).optional(),
    /** The device's own last address, not the one after NAT. Used where the source has `address-hint`. */
    address: FieldRule.optional(),
  })
  .superRefine((mapping, context) => {
    const refuse = (path: string[], message: string) =>
      context.addIssue({ code: "custom", path, message })
    if (mapping.address && !mapping.device.seen)
      refuse(["address"], "needs device.seen: an address without a time is none")
    if (mapping.list["changed-since"] && !mapping.device.seen)
      refuse(["list", "changed-since"], "needs device.seen: the newest of them is asked for next")
  })
export type Mapping = z.infer<typeof Mapping>
export type ListCall = Pick<Mapping["list"], keyof typeof called>
