/**
 * Reads the CA's private key.
 *
 * Fails closed: a key that others can read, or that is not usable, stops the start. Whoever has it
 * can impersonate every site to every enrolled device.
 */
import { createPrivateKey, type KeyObject } from "node:crypto"
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs"

export function readPrivateKey(keyFile: string, passphrase: string | undefined): KeyObject {
  const pem = readOwnersOnly(keyFile)
  if (!/-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----/.test(pem)) {
    throw new Error(
      `ca: ${keyFile} holds no private key in PEM; convert it: ` +
        "openssl pkey -in <key> -out inspection-ca.key (from PKCS#12: openssl pkcs12 -nocerts)",
    )
  }
  const encrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)
  if (encrypted && passphrase === undefined) {
    throw new Error(`ca: ${keyFile} is encrypted; give its passphrase in the configuration`)
  }
  try {
    return createPrivateKey({ key: pem, ...(encrypted && { passphrase }) })
  } catch (cause) {
    const why = encrypted ? "cannot be decrypted; check its passphrase" : "is damaged; restore it"
    throw new Error(`ca: the key in ${keyFile} ${why}`, { cause })
  }
}

/** The mode is asked of the open file, so that it is the mode of what is then read. */
function readOwnersOnly(keyFile: string): string {
  const file = openForReading(keyFile)
  try {
    const { mode } = fstatSync(file)
    // Windows has no such bits; there the directory's access list is the operator's business.
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw new Error(`ca: ${keyFile} is open to group or others; run: chmod 600 ${keyFile}`)
    }
    return readFileSync(file, "utf8")
  } finally {
    closeSync(file)
  }
}

function openForReading(keyFile: string): number {
  try {
    return openSync(keyFile, "r")
  } catch (cause) {
    throw new Error(
      `ca: cannot read the key ${keyFile}; put it there, owned by the user that runs the sensor`,
      { cause },
    )
  }
}
