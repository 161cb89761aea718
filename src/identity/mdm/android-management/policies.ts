/**
 * What policies say of the apps and certificates of the devices that apply them.
 *
 * In: policies as the API gives them. Out: which apps one manages, and whether it hands out the
 * inspection CA. Wi-Fi passwords, which stand beside the certificates, are not kept.
 */
import { createHash } from "node:crypto"
import { z } from "zod"
import type { InspectionCaTrust } from "../../../record/posture.ts"
import { trustOfInstalled } from "../inspection-ca.ts"

const Policy = z.object({
  version: z.union([z.string().max(30), z.int()]).nullish(),
  applications: z
    .array(
      z.object({ packageName: z.string().max(512).nullish(), installType: z.string().nullish() }),
    )
    .max(10_000)
    .nullish(),
  openNetworkConfiguration: z
    .object({
      Certificates: z
        .array(
          z.object({
            Type: z.string().nullish(),
            X509: z
              .string()
              .max(64 * 1024)
              .nullish(),
          }),
        )
        .max(500)
        .nullish(),
    })
    .nullish(),
})

export interface KnownPolicy {
  version: string | null
  /** Of packages that it installs or lets users install. */
  packages: ReadonlySet<string>
  /** SHA-256 of the CA certificates that it hands out. */
  authorities: ReadonlySet<string>
}

/** Null: it is not what a policy looks like, and nothing is known of it. */
export function readPolicy(answer: unknown): KnownPolicy | null {
  const read = Policy.safeParse(answer)
  if (!read.success) return null
  const { version, applications, openNetworkConfiguration } = read.data
  const packages = (applications ?? []).flatMap(({ packageName, installType }) =>
    packageName && installType !== "BLOCKED" ? [packageName] : [],
  )
  const authorities = (openNetworkConfiguration?.Certificates ?? []).flatMap(({ Type, X509 }) =>
    Type === "Authority" && X509 ? [sha256Of(X509)] : [],
  )
  return {
    version: version === null || version === undefined ? null : String(version),
    packages: new Set(packages),
    authorities: new Set(authorities),
  }
}

/** What a policy means for a device that applies it. */
export interface AppliedPolicy {
  manages(packageName: string): boolean | null
  inspection_ca: InspectionCaTrust
}

const nothingKnown: AppliedPolicy = { manages: () => null, inspection_ca: "unknown" }

/**
 * `applied` is the version that the device has. Of another one the policy does not say what CA is
 * there; and a policy without it does not say that it is absent: an app with the right to install
 * certificates, or the user, may have brought it.
 */
export function appliedPolicy(
  policy: KnownPolicy | null,
  applied: string | null,
  inspectionCas: ReadonlySet<string>,
): AppliedPolicy {
  if (policy === null) return nothingKnown
  const current = applied !== null && applied === policy.version
  const handedOut = [...policy.authorities].some((one) => inspectionCas.has(one))
  return {
    manages: (packageName) => policy.packages.has(packageName),
    inspection_ca: current && handedOut ? trustOfInstalled("android") : "unknown",
  }
}

/** `X509` is base64 of the DER; PEM is taken too. */
function sha256Of(x509: string): string {
  const base64 = x509.replaceAll(/-----(BEGIN|END) CERTIFICATE-----/g, "")
  return createHash("sha256").update(Buffer.from(base64, "base64")).digest("hex")
}
