/** `pinsensor baseline VERB`: what apps are known to talk to, as people look at it and correct it. */
const verbs: Record<string, () => Promise<(args: readonly string[]) => void>> = {
  list: async () => (await import("./baseline/list.ts")).list,
  show: async () => (await import("./baseline/show.ts")).show,
  add: async () => (await import("./baseline/say.ts")).add,
  remove: async () => (await import("./baseline/say.ts")).remove,
  withdraw: async () => (await import("./baseline/say.ts")).withdraw,
  freeze: async () => (await import("./baseline/say.ts")).freeze,
  thaw: async () => (await import("./baseline/say.ts")).thaw,
}

export async function baseline(args: readonly string[]): Promise<void> {
  const [verb = "", ...rest] = args
  const load = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (!load)
    throw new Error(`say: pinsensor baseline ${Object.keys(verbs).join("|")} (docs/analytics.md)`)
  const act = await load()
  act(rest)
}
