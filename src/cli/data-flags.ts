/** The flags of verbs that only need to find the store. */
import { type Config, loadConfig } from "../config.ts"

export const dataFlags = { data: { type: "string" }, config: { type: "string" } } as const

export function dataConfig(values: { data?: string; config?: string }): Config {
  return loadConfig(values.config ?? null, values.data === undefined ? {} : { data: values.data })
}
