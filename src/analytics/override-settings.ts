/**
 * Tunables that differ by app or by device group. In: parsed YAML or JSON. Out: checked overrides. What
 * may not differ is refused with the reason: it is about a device or the whole sensor, not about one key.
 */
import { z } from "zod"
import { Platform } from "../record/common.ts"
import type { An1725Settings, An1726Settings, ScopeSettings } from "./tunables.ts"

/** Why some keys of `scope` are the same for all. */
const sameForAll: Record<string, string> = {
  window: "is how much of a device's past one judgement looks at, of all its apps together",
  "allowed-lateness": "is how long the correlator waits, whatever the record is about",
  "network-window": "tells a lost network by all apps of a device together",
  "network-destinations": "tells a lost network by all apps of a device together",
}

/** At most so many: each costs some 2 KiB, and none costs a judgement anything. */
const mostOverrides = 10_000

type Shapes = {
  scope: typeof ScopeSettings
  AN1725: typeof An1725Settings
  AN1726: typeof An1726Settings
}

/** The schemas are handed in. */
export function overridesSchema({ scope, AN1725, AN1726 }: Shapes) {
  const names = z.array(z.string().min(1)).min(1)
  const Override = z
    .strictObject({
      /** Findings name it where it decided. */
      name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "a name in kebab-case"),
      /** App ids; an app that is only inferred is none of them. */
      app: z.string().min(1).optional(),
      apps: names.optional(),
      /** Device groups, as the inventory names them. */
      group: z.string().min(1).optional(),
      groups: names.optional(),
      platform: Platform.optional(),
      set: z.strictObject({
        scope: z
          .looseObject(changeable(scope))
          .superRefine((given, context) => {
            for (const key of Object.keys(given)) {
              if (key in scope.shape && !(key in sameForAll)) continue
              const why = sameForAll[key]
              const message = why
                ? `${key} ${why}; set it under analytics.scope`
                : `Unrecognized key: "${key}"`
              context.addIssue({ code: "custom", path: [key], message })
            }
          })
          .optional(),
        AN1725: z.strictObject(changeable(AN1725)).optional(),
        AN1726: z.strictObject(changeable(AN1726)).optional(),
      }),
    })
    .superRefine((override, context) => {
      const refuse = (path: string, message: string) =>
        context.addIssue({ code: "custom", path: [path], message })
      if (override.app !== undefined && override.apps !== undefined)
        refuse("apps", "say app or apps, not both")
      if (override.group !== undefined && override.groups !== undefined)
        refuse("groups", "say group or groups, not both")
      const whom = override.app ?? override.apps ?? override.group ?? override.groups
      if (whom === undefined)
        refuse("app", "say for which app or group; for all of them set analytics itself")
      const { set } = override
      if (Object.values(set).every((part) => part === undefined || Object.keys(part).length === 0))
        refuse("set", "sets nothing; give it scope, AN1725 or AN1726")
    })
  return z
    .array(Override)
    .max(mostOverrides)
    .superRefine((all, context) => {
      const seen = new Set<string>()
      for (const [index, { name }] of all.entries()) {
        if (seen.has(name))
          context.addIssue({
            code: "custom",
            path: [index, "name"],
            message: `"${name}" is the name of an earlier override; give each its own`,
          })
        seen.add(name)
      }
    })
}

type Bare<Schema> = Schema extends z.ZodPrefault<infer Inner> | z.ZodDefault<infer Inner>
  ? Inner
  : Schema
type Changeable<Shape extends z.ZodRawShape> = {
  [Key in keyof Shape]: z.ZodOptional<Extract<Bare<Shape[Key]>, z.ZodType>>
}

/** Every key may be left out, and then has no default: the general setting stands. */
function changeable<Shape extends z.ZodRawShape>({ shape }: z.ZodObject<Shape>): Changeable<Shape> {
  const parts = Object.entries(shape).map(([key, schema]) => [key, optional(schema as z.ZodType)])
  return Object.fromEntries(parts)
}

function optional(schema: z.ZodType): z.ZodType {
  const bare =
    schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault ? schema.unwrap() : schema
  return (bare as z.ZodType).optional()
}
