#!/usr/bin/env node
/** `pinsensor`: one verb a file. */
import { asksForHelp, usageText } from "./usage.ts"

const verbs: Record<string, () => Promise<(args: readonly string[]) => Promise<void> | void>> = {
  run: async () => (await import("./run.ts")).run,
  export: async () => (await import("./export.ts")).exportVerb,
  import: async () => (await import("./import.ts")).importVerb,
  replay: async () => (await import("./replay.ts")).replay,
  explain: async () => (await import("./explain.ts")).explain,
  finding: async () => (await import("./finding.ts")).finding,
  lab: async () => (await import("./lab.ts")).lab,
  "proxy-user": async () => (await import("./proxy-user.ts")).proxyUser,
  ca: async () => (await import("./ca.ts")).ca,
  "check-config": async () => (await import("./check-config.ts")).checkConfig,
  config: async () => (await import("./check-config.ts")).config,
  bypass: async () => (await import("./bypass.ts")).bypass,
  baseline: async () => (await import("./baseline.ts")).baseline,
  policy: async () => (await import("./policy.ts")).policy,
  trials: async () => (await import("./trials.ts")).trials,
  apps: async () => (await import("./apps.ts")).apps,
  coverage: async () => (await import("./coverage.ts")).coverage,
  doctor: async () => (await import("./doctor.ts")).doctor,
  pseudonym: async () => (await import("./pseudonym.ts")).pseudonym,
  erase: async () => (await import("./erase.ts")).erase,
  db: async () => (await import("./db.ts")).db,
}

const [verb = "", ...args] = process.argv.slice(2)
if (["help", "--help", "-h"].includes(verb)) {
  process.stdout.write(usageText(args[0]))
  process.exit(0)
}
const load = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
if (!load) {
  const known = Object.keys(verbs).join(", ")
  process.stderr.write(`pinsensor: verbs are ${known}; see pinsensor help, or README.md\n`)
  process.exit(2)
}
if (asksForHelp(args)) {
  process.stdout.write(usageText(verb))
  process.exit(0)
}
// Whoever reads may have seen enough (`| head`). A running sensor logs elsewhere than here.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error
  if (verb !== "run") process.exit(0)
})
try {
  const act = await load()
  await act(args)
} catch (error) {
  process.stderr.write(`pinsensor ${verb}: ${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
