#!/usr/bin/env node
/** `pinsensor`: one verb a file. */
const verbs: Record<string, () => Promise<(args: readonly string[]) => Promise<void> | void>> = {
  run: async () => (await import("./run.ts")).run,
  export: async () => (await import("./export-verb.ts")).exportVerb,
  import: async () => (await import("./import-verb.ts")).importVerb,
  replay: async () => (await import("./replay.ts")).replay,
  explain: async () => (await import("./explain.ts")).explain,
  lab: async () => (await import("./lab.ts")).lab,
  "proxy-user": async () => (await import("./proxy-user.ts")).proxyUser,
  ca: async () => (await import("./ca.ts")).ca,
  "check-config": async () => (await import("./check-config.ts")).checkConfig,
  config: async () => (await import("./check-config.ts")).config,
  bypass: async () => (await import("./bypass.ts")).bypass,
  policy: async () => (await import("./policy.ts")).policy,
  trials: async () => (await import("./trials.ts")).trials,
  db: async () => (await import("./db.ts")).db,
}

const [verb = "", ...args] = process.argv.slice(2)
const load = verbs[verb]
if (!load) {
  process.stderr.write(`pinsensor: verbs are ${Object.keys(verbs).join(", ")}; see README.md\n`)
  process.exit(2)
}
try {
  const act = await load()
  await act(args)
} catch (error) {
  process.stderr.write(`pinsensor ${verb}: ${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
