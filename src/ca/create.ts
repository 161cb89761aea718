/** Makes an inspection CA: a self-signed root of its own for each installation. */
import { createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto"
import { nameDer, serialFrom, toPem, writeCertificate } from "./certificate-writer.ts"
import { basicConstraints, keyIdentifier, keyUsage, subjectKeyId } from "./extensions.ts"

export interface NewCa {
  /** As devices show it in their lists of trusted certificates; at most 64 characters. */
  commonName: string
  keyKind?: "ec" | "rsa"
  /** Epoch milliseconds. */
  notBefore: number
  years: number
}

/** X.520's upper bound for a common name (RFC 5280 appendix A.1, ub-common-name). */
const longestCommonName = 64

/**
 * EC P-256 unless asked otherwise: to sign a leaf costs 0.05 ms with it and 0.68 ms with RSA-2048.
 * The path length is 0: this CA signs leaves and nothing else, and says so.
 */
export function createInspectionCa({ commonName, keyKind = "ec", notBefore, years }: NewCa): {
  certPem: string
  keyPem: string
} {
  if (commonName.length === 0 || commonName.length > longestCommonName) {
    throw new Error(`ca: a CA needs a common name of 1 to ${longestCommonName} characters`)
  }
  const { privateKey } =
    keyKind === "ec"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 })
  const spkiDer = createPublicKey(privateKey).export({ type: "spki", format: "der" })
  const subjectDer = nameDer(commonName)
  const der = writeCertificate(
    {
      serial: serialFrom(randomBytes(16)),
      issuerDer: subjectDer,
      subjectDer,
      spkiDer,
      notBefore,
      notAfter: yearsAfter(notBefore, years),
      extensions: [
        basicConstraints({ pathLen: 0 }),
        keyUsage("keyCertSign", "cRLSign"),
        subjectKeyId(keyIdentifier(spkiDer)),
      ],
    },
    privateKey,
  )
  const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
  return { certPem: toPem(der), keyPem }
}

function yearsAfter(epochMs: number, years: number): number {
  const date = new Date(epochMs)
  return date.setUTCFullYear(date.getUTCFullYear() + years)
}
