/** The key of pseudonyms: a file beside the database, made at first use, that only its owner may read. */
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export const pseudonymKeyFile = "pseudonym.key"

/** `mayMake` false: there must be one. Fails closed: without a key that is kept well nothing goes out. */
export function pseudonymKey(dir: string, mayMake = true): Uint8Array {
  const path = join(dir, pseudonymKeyFile)
  if (!existsSync(path)) {
    if (!mayMake) throw new Error(`pseudonyms: there is no ${path}: none were ever made here`)
    try {
      writeFileSync(path, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600, flag: "wx" })
    } catch (cause) {
      // Another process may have been faster.
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST")
        throw new Error(`pseudonyms: cannot make ${path}`, { cause })
    }
  }
  if ((statSync(path).mode & 0o077) !== 0)
    throw new Error(`pseudonyms: ${path} is readable by others; chmod 600 it`)
  const text = readFileSync(path, "utf8").trim()
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new Error(`pseudonyms: ${path} must hold 64 hex digits; put the key back that was there`)
  return Buffer.from(text, "hex")
}
