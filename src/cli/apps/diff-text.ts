/** A difference of app registers as a person reads it, like a patch: `+`, `~`, `-`. */
import type { AppsDiff, FieldChange } from "./diff.ts"
import { declared, shortForm, titleOf } from "./entry.ts"

export function diffLines(diff: AppsDiff, replace: boolean): string[] {
  return [
    ...diff.added.flatMap((app) => {
      const fields = Object.entries(shortForm(app)).filter(([field]) => !inTitle(field))
      return [
        `+ ${titleOf(app)}`,
        ...fields.map(([field, value]) => `    ${field}: ${shown(value)}`),
      ]
    }),
    ...diff.changed.flatMap(({ app, fields }) => [
      `~ ${titleOf(app)}`,
      ...fields.map((change) => `    ${change.field}: ${changeText(change)}`),
    ]),
    ...(replace ? diff.missing.map((app) => `- ${titleOf(app)}`) : []),
    summary(diff, replace),
  ]
}

function summary({ added, changed, same, missing }: AppsDiff, replace: boolean): string {
  const left = `${missing.length} not in the file (${replace ? "withdrawn" : "they stay; --replace withdraws them"})`
  const parts = [`${added.length} added`, `${changed.length} changed`, `${same} the same`]
  return [...parts, ...(missing.length > 0 ? [left] : [])].join(", ")
}

function changeText({ before, after }: FieldChange): string {
  if (!Array.isArray(before) || !Array.isArray(after)) return `${shown(before)} -> ${shown(after)}`
  const gone = before.filter((one) => !after.includes(one)).map((one) => `-${one}`)
  const came = after.filter((one) => !before.includes(one)).map((one) => `+${one}`)
  return [...gone, ...came].join(" ")
}

function shown(value: unknown): string {
  if (value === null) return "none"
  return Array.isArray(value) ? value.join(", ") : String(value)
}

function inTitle(field: string): boolean {
  return field === "app_id" || field === "platform" || !declared.some((name) => name === field)
}
