/** Log events: a level, a name in kebab-case and fields of records. */
export type Log = (
  level: "debug" | "info" | "warn" | "error",
  event: string,
  fields: Record<string, unknown>,
) => void
