/** `pinsensor bypass VERB`: the register of bypasses, as people keep it (docs/register.md). */
const verbs: Record<string, () => Promise<(args: readonly string[]) => void>> = {
  add: async () => (await import("./bypass/add.ts")).add,
  list: async () => (await import("./bypass/list.ts")).list,
  show: async () => (await import("./bypass/show.ts")).show,
  remove: async () => (await import("./bypass/change.ts")).remove,
  renew: async () => (await import("./bypass/change.ts")).renew,
  review: async () => (await import("./bypass/change.ts")).review,
  accept: async () => (await import("./bypass/decide-proposal.ts")).accept,
  reject: async () => (await import("./bypass/decide-proposal.ts")).reject,
}

export async function bypass(args: readonly string[]): Promise<void> {
  const [verb = "", ...rest] = args
  const load = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (!load)
    throw new Error(`say: pinsensor bypass ${Object.keys(verbs).join("|")} (docs/register.md)`)
  const act = await load()
  act(rest)
}
