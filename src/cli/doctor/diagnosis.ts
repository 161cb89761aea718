/** What was looked at, and what came of it: one line each for a person, an object for a machine. */
export interface Diagnosis {
  /** What was looked at, by the word that the documentation uses. */
  about: string
  /** `fail`: traffic or judgement does not work as configured; `warn`: it will not for long, or not in all cases. */
  state: "ok" | "warn" | "fail"
  /** What was seen. */
  says: string
  /** What to do; null where there is nothing to do. */
  advice: string | null
}

export function ok(about: string, says: string): Diagnosis {
  return { about, state: "ok", says, advice: null }
}

export function warn(about: string, says: string, advice: string): Diagnosis {
  return { about, state: "warn", says, advice }
}

export function fail(about: string, says: string, advice: string): Diagnosis {
  return { about, state: "fail", says, advice }
}

/** What an error says is what was seen. */
export function failed(about: string, error: unknown, advice: string): Diagnosis {
  return fail(about, error instanceof Error ? error.message : String(error), advice)
}
