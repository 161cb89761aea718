/** Certificate and key of a listener, read from their files and found to fit before they are used. */
import { readFileSync } from "node:fs"
import { createSecureContext } from "node:tls"
import type { ListenerSettings } from "./settings.ts"

/** What node:tls takes. */
export interface TlsFiles {
  cert: string
  key: string
  ca: string | undefined
}

/** `at` is the setting, for the error: `sources.webhook.tls`. */
export function readTlsFiles(at: string, tls: NonNullable<ListenerSettings["tls"]>): TlsFiles {
  const clientCa = tls["client-ca"]
  const files = {
    cert: fileText(`${at}.cert`, tls.cert),
    key: fileText(`${at}.key`, tls.key),
    ca: clientCa === null ? undefined : fileText(`${at}.client-ca`, clientCa),
  }
  check(`${at}.cert: ${tls.cert} holds no certificate that can be read; give a PEM file`, {
    cert: files.cert,
  })
  check(
    `${at}.key: ${tls.key} is not the key of ${tls.cert}, or needs a passphrase; give the PEM key that the certificate was issued for`,
    { cert: files.cert, key: files.key },
  )
  if (clientCa !== null)
    check(
      `${at}.client-ca: ${clientCa} holds no certificate that can be read; give a PEM file`,
      files.ca?.includes("BEGIN CERTIFICATE") ? { ca: files.ca } : null,
    )
  return files
}

function check(fault: string, files: Partial<TlsFiles> | null): void {
  try {
    if (files === null) throw new Error("no PEM")
    createSecureContext(files)
  } catch (cause) {
    throw new Error(fault, { cause })
  }
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
