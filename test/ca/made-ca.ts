/** CAs for tests: written with our own writer, or by the openssl program where that is installed. */
import { spawnSync } from "node:child_process"
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { nameDer, serialFrom, toPem, writeCertificate } from "../../src/ca/certificate-writer.ts"
import { createInspectionCa } from "../../src/ca/create.ts"
import {
  authorityKeyId,
  basicConstraints,
  type Extension,
  keyIdentifier,
  keyUsage,
  subjectKeyId,
} from "../../src/ca/extensions.ts"
import type { InspectionCa } from "../../src/ca/inspection-ca.ts"
import { loadInspectionCa } from "../../src/ca/load.ts"

export const DAY = 86_400_000
export const now = Date.UTC(2026, 10, 21, 12)

/** A folder of the file's own, though it shares its process: gone when that ends. */
export function newFolder(t: { teardown(fn: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "pinsensor-ca-"))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Files {
  certFile: string
  keyFile: string
}

export function writePair(dir: string, certPem: string, keyPem: string, mode = 0o600): Files {
  const id = randomBytes(4).toString("hex")
  const files = { certFile: join(dir, `${id}.pem`), keyFile: join(dir, `${id}.key`) }
  writeFileSync(files.certFile, certPem)
  writeFileSync(files.keyFile, keyPem, { mode })
  return files
}

/** A CA as the sensor makes it, valid a day before `at` and ten years after. */
export function sensorCa(dir: string, keyKind: "ec" | "rsa", at = now): InspectionCa & Files {
  const { certPem, keyPem } = createInspectionCa({
    commonName: `Test Inspection CA ${keyKind}`,
    keyKind,
    notBefore: at - DAY,
    years: 10,
  })
  const files = writePair(dir, certPem, keyPem)
  return { ...loadInspectionCa({ ...files, now: at }), ...files }
}

export interface Issuer {
  name: string
  key: KeyObject
}

/** One certificate of a chain; the defaults make a good CA certificate. */
export function certificate({
  name,
  key,
  issuer = { name, key },
  notBefore = now - DAY,
  notAfter = now + 365 * DAY,
  extensions,
}: Issuer & {
  issuer?: Issuer
  notBefore?: number
  notAfter?: number
  extensions?: readonly Extension[]
}): string {
  const spkiDer = spkiOf(key)
  const der = writeCertificate(
    {
      serial: serialFrom(randomBytes(16)),
      issuerDer: nameDer(issuer.name),
      subjectDer: nameDer(name),
      spkiDer,
      notBefore,
      notAfter,
      extensions: extensions ?? [
        basicConstraints({}),
        keyUsage("keyCertSign", "cRLSign"),
        subjectKeyId(keyIdentifier(spkiDer)),
        authorityKeyId(keyIdentifier(spkiOf(issuer.key))),
      ],
    },
    issuer.key,
  )
  return toPem(der)
}

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: "spki", format: "der" })
}

export function ecKey(namedCurve = "P-256"): KeyObject {
  return generateKeyPairSync("ec", { namedCurve }).privateKey
}

export function pkcs8(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString()
}

/** Why a test that needs this program is skipped, or false. */
export function without(program: string, flag: string): string | false {
  return spawnSync(program, [flag]).status === 0 ? false : `${program} is not installed`
}

/** Runs openssl and returns what it printed; throws with its complaint if it fails. */
export function openssl(...args: string[]): string {
  const run = spawnSync("openssl", args, { encoding: "utf8" })
  if (run.status !== 0) throw new Error(`openssl ${args.join(" ")}: ${run.stdout}${run.stderr}`)
  return run.stdout
}
