/** `pinsensor check-config FILE` and `pinsensor config show [flags of run]`. */
import { stringify } from "yaml"
import { loadConfig } from "../config.ts"
import { configFromFlags } from "./flags.ts"

/** Ends with an error that names every fault, or says that there is none. */
export function checkConfig(args: readonly string[]): void {
  const [file] = args
  if (file === undefined) throw new Error("name the file: pinsensor check-config FILE")
  loadConfig(file)
  process.stdout.write(`${file}: good\n`)
}

/** Prints the values in force, defaults and flags included; durations are in milliseconds. */
export function config(args: readonly string[]): void {
  const [what, ...flags] = args
  if (what !== "show") throw new Error("say: pinsensor config show [--config FILE] [flags of run]")
  process.stdout.write(stringify(configFromFlags(flags)))
}
