/** Credentials, certificates and mapping files that the settings name, tried before anything is started. */
import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { readSecret } from "../../source/secret.ts"
import { assertionForm } from "./android-management/service-account.ts"
import { mappingOf } from "./mapped/mapped.ts"
import { type MdmSettings, mdmSecrets } from "./settings.ts"

/** Throws with words for the operator if one cannot be used; never with what is in it. */
export async function checkMdmFiles(all: readonly MdmSettings[]): Promise<void> {
  for (const settings of all) {
    const key = `sources.mdm ${settings.name}`
    for (const [name, secret] of mdmSecrets(settings)) {
      const value = readSecret(`${key}.${name}`, secret)
      if (settings.kind === "android-management" && name === "service-account")
        await assertionForm(`${key}.${name}`, value, settings["token-url"], 0)
    }
    const { ca } = settings.http
    if (ca !== null) checkCa(`${key}.http.ca`, ca)
    if (settings.kind === "http") mappingOf(settings)
  }
}

function checkCa(key: string, file: string): void {
  try {
    new X509Certificate(readFileSync(file))
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? ""
    const what = /^E[A-Z]+$/.test(code) ? `cannot be read (${code})` : "holds no certificate"
    throw new Error(`${key}: ${file} ${what}; give a PEM file that this user may read`, { cause })
  }
}
