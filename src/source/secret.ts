/** Credentials: the configuration names where they are, and never holds them. */
import { readFileSync } from "node:fs"
import { z } from "zod"

/** A secret of more than this is none. */
const longest = 64 * 1024

export const Secret = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ env: z.string().min(1) }),
])
export type Secret = z.infer<typeof Secret>

/** Read each time it is used, so that a rotated one is taken. `key` is the setting, for the error. */
export function readSecret(key: string, secret: Secret): string {
  const text = "env" in secret ? process.env[secret.env] : fileText(key, secret.file)
  const where = "env" in secret ? `environment variable ${secret.env}` : secret.file
  const value = text?.trim() ?? ""
  if (value === "")
    throw new Error(`${key}: ${where} is not set or empty; put the credential there`)
  if (value.length > longest) throw new Error(`${key}: ${where} is longer than ${longest} bytes`)
  return value
}

function fileText(key: string, file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown"
    throw new Error(
      `${key}: ${file} cannot be read (${code}); give a file that exists and that this user may read`,
      { cause },
    )
  }
}
