/** `pinsensor finding VERB`: what was found, and what people say of it (docs/alerts.md). */
const verbs: Record<string, () => Promise<(args: readonly string[]) => void>> = {
  list: async () => (await import("./finding/list.ts")).list,
  show: async () => (await import("./finding/show.ts")).show,
  mark: async () => (await import("./finding/mark.ts")).mark,
  unmark: async () => (await import("./finding/unmark.ts")).unmark,
}

export async function finding(args: readonly string[]): Promise<void> {
  const [verb = "", ...rest] = args
  const load = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (!load)
    throw new Error(
      `say: pinsensor finding ${Object.keys(verbs).join("|")} (docs/alerts.md, "What people say")`,
    )
  const act = await load()
  act(rest)
}
