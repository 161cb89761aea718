import type { SourceParts } from "../../source/source.ts"

/** Gives one source what it needs; `kind` is its sort, for health. */
export type PartsOf = (name: string, kind: string) => SourceParts
