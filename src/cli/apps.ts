/** `pinsensor apps VERB`: the app register, as people keep it (docs/apps.md). */
const verbs: Record<string, () => Promise<(args: readonly string[]) => Promise<void>>> = {
  list: async () => (await import("./apps/list.ts")).listApps,
  import: async () => (await import("./apps/import.ts")).importApps,
  review: async () => (await import("./apps/review.ts")).reviewApps,
}

export async function apps(args: readonly string[]): Promise<void> {
  const [verb = "", ...rest] = args
  const load = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (!load) throw new Error(`say: pinsensor apps ${Object.keys(verbs).join("|")} (docs/apps.md)`)
  const act = await load()
  await act(rest)
}
