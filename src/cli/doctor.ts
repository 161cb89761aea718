/**
 * `pinsensor doctor [--through HOST[:PORT]] [--json] [flags of run]`: looks at everything that can keep
 * a sensor from working as configured, and says what to do. Changes nothing; 1 if anything fails.
 */
import { parseArgs } from "node:util"
import type { Config } from "../config.ts"
import { policyWarnings } from "../policy/policy-warnings.ts"
import { type Diagnosis, failed, ok, warn } from "./doctor/diagnosis.ts"
import { lookAtCa } from "./doctor/look-at-ca.ts"
import { lookAtMachine } from "./doctor/look-at-machine.ts"
import { lookAtStore } from "./doctor/look-at-store.ts"
import { lookThrough } from "./doctor/look-through.ts"
import { configOf, runFlags } from "./flags.ts"
import { printableLines } from "./printable.ts"

export async function doctor(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...runFlags,
      through: { type: "string", multiple: true },
      json: { type: "boolean" },
    },
  })
  const found = await diagnose(() => configOf(values), values.through ?? [], Date.now())
  process.stdout.write(values.json ? `${JSON.stringify(found, null, 2)}\n` : textOf(found))
  if (found.some(({ state }) => state === "fail")) process.exitCode = 1
}

/** `through`: names to be reached through the running sensor. */
export async function diagnose(
  read: () => Config,
  through: readonly string[],
  now: number,
): Promise<Diagnosis[]> {
  let config: Config
  try {
    config = read()
  } catch (error) {
    return [failed("configuration", error, "docs/configuration.md shows every key")]
  }
  const reached: Diagnosis[] = []
  for (const target of through) reached.push(await lookThrough(config, target, now))
  return [
    ...lookAtConfiguration(config),
    ...lookAtCa(config, now),
    ...lookAtMachine(config),
    ...(await lookAtStore(config, now)),
    ...reached,
  ]
}

function lookAtConfiguration(config: Config): Diagnosis[] {
  const warnings = policyWarnings(config)
  if (warnings.length === 0) return [ok("configuration", "good")]
  return warnings.map((warning) => warn("configuration", warning, "see docs/policy.md"))
}

function textOf(found: readonly Diagnosis[]): string {
  const lines = found.flatMap(({ about, state, says, advice }) => {
    const [first = "", ...others] = says.split("\n")
    return [
      `${state.padEnd(4)}  ${about}: ${first}`,
      ...others.map((line) => `      ${line}`),
      ...(advice === null ? [] : [`      -> ${advice}`]),
    ]
  })
  const count = (state: Diagnosis["state"]) => found.filter((one) => one.state === state).length
  const sum = `${count("ok")} ok, ${count("warn")} to look at, ${count("fail")} failing`
  return printableLines([...lines, sum])
}
