/**
 * Loads the CA of a directory, or makes it at the first start.
 *
 * Two files cannot be written in one step, so one of them decides: the key file, which gets the
 * certificate too and appears whole under its name (`link` fails where the name exists). The
 * certificate file is copied out of it. Processes that start together, or again after a crash, thus
 * end with one pair.
 */
import { randomBytes } from "node:crypto"
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { createInspectionCa } from "./create.ts"
import type { InspectionCa } from "./inspection-ca.ts"
import { loadInspectionCa } from "./load.ts"

export interface CaDirectory {
  dir: string
  /** Epoch milliseconds. */
  now: number
  /** For a new CA; the default carries a random word, so that two sensors' CAs can be told apart. */
  commonName?: string | undefined
  keyKind?: "ec" | "rsa" | undefined
  years?: number | undefined
  passphrase?: string | undefined
  validity?: "required" | "watched" | undefined
}

const DAY = 86_400_000

export function ensureInspectionCa(options: CaDirectory): { ca: InspectionCa; created: boolean } {
  const { dir, now, passphrase, validity } = options
  const certFile = join(dir, "inspection-ca.pem")
  const keyFile = join(dir, "inspection-ca.key")
  // In this order: another process writes the key first, so a certificate without a key was
  // never its doing.
  const hasCertificate = existsSync(certFile)
  const hasKey = existsSync(keyFile)
  if (hasCertificate && !hasKey) {
    throw new Error(
      `ca: ${certFile} has no key beside it; restore ${keyFile}, or remove the certificate to get ` +
        "a new CA, which every device must then be given",
    )
  }
  const created = !hasKey && writeNewPair(keyFile, options)
  if (!hasCertificate) completePair(certFile, keyFile)
  return { ca: loadInspectionCa({ certFile, keyFile, passphrase, now, validity }), created }
}

/** False when another process was quicker; its CA then counts. */
function writeNewPair(keyFile: string, options: CaDirectory): boolean {
  const { certPem, keyPem } = createInspectionCa({
    commonName: options.commonName ?? `Pinsensor Inspection CA ${randomBytes(3).toString("hex")}`,
    keyKind: options.keyKind ?? "ec",
    notBefore: options.now - DAY,
    years: options.years ?? 10,
  })
  const draft = writeDraft(keyFile, keyPem + certPem, 0o600)
  try {
    linkSync(draft, keyFile)
    return true
  } catch (cause) {
    if (existsSync(keyFile)) return false
    throw new Error(`ca: cannot make ${keyFile}; the file system must allow hard links`, { cause })
  } finally {
    rmSync(draft)
  }
}

/** Copies the certificate out of the key file; several processes would write the same bytes. */
function completePair(certFile: string, keyFile: string): void {
  const pem = readFileSync(keyFile, "utf8")
  const certificate = /-----BEGIN CERTIFICATE-----[\s\S]*-----END CERTIFICATE-----\n?/.exec(pem)
  if (certificate === null) {
    throw new Error(
      `ca: ${keyFile} has no certificate beside it; put its certificate into ${certFile}, or ` +
        "move the key away to get a new CA, which every device must then be given",
    )
  }
  renameSync(writeDraft(certFile, certificate[0], 0o644), certFile)
}

/** Writes the whole text to disk under a name of its own in the same directory. */
function writeDraft(target: string, text: string, mode: number): string {
  const draft = `${target}.${process.pid}-${randomBytes(4).toString("hex")}`
  try {
    mkdirSync(join(target, ".."), { recursive: true })
    const file = openSync(draft, "wx", mode)
    try {
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    throw new Error(
      `ca: cannot write ${target}; let the sensor's user write there, or bring a CA of your own`,
      { cause },
    )
  }
  return draft
}
