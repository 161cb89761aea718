/** Files that the configuration names. */
import { readFileSync } from "node:fs"
import { errorCode } from "../intercept/tls-error.ts"

/** The text of the file that this key names; else an error that says which key and what to do. */
export function configuredFile(key: string, file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    throw new Error(
      `${key}: ${file} cannot be read (${errorCode(cause)}); give a file that exists and that this user may read`,
      { cause },
    )
  }
}
