/**
 * The Android Management API as far as a poller needs it, after Google's reference and the types of
 * @googleapis/androidmanagement: signed assertions, pages of at most 100 by an opaque token, partial
 * responses, empty fields left out. By hand, for a trial:
 *
 *   node test/emulators/android-management.ts --port 0 --devices 1000 --quirk throttle
 */
import { createHash, generateKeyPairSync, randomBytes, verify } from "node:crypto"
import { writeFileSync } from "node:fs"
import type { androidmanagement_v1 } from "@googleapis/androidmanagement"
import { decodeJwt, decodeProtectedHeader } from "jose"
import { flagsOf } from "./by-hand.ts"
import {
  type Asked,
  digits,
  type Emulator,
  type EmulatorOptions,
  startEmulator,
  type Told,
} from "./http-emulator.ts"

export type AndroidDevice = androidmanagement_v1.Schema$Device
export type AndroidPolicy = androidmanagement_v1.Schema$Policy

export const enterprise = "enterprises/LC00emulated"
const account = "pinsensor@emulated.iam.gserviceaccount.com"
const scope = "https://www.googleapis.com/auth/androidmanagement"
/** The DER of the CA that the policy `fully-managed` hands out is these words; nobody parses it. */
const inspectionCa = Buffer.from("DER of the emulated inspection CA")
export const inspectionCaSha256 = createHash("sha256").update(inspectionCa).digest("hex")

export interface AndroidManagementOptions extends EmulatorOptions {
  devices?: number
  appsEach?: number
  tokenSeconds?: number
}

export interface AndroidManagementEmulator extends Emulator {
  /** A test takes devices out, adds some, and puts garbage between them. */
  devices: unknown[]
  policies: Map<string, AndroidPolicy>
  /** What Google Cloud gives when a key is made. */
  keyFile: string
  /** As when the key is deleted. */
  revoke(): void
}

/** One for all emulators of a process: it takes a tenth of a second. */
const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
const newest = Date.parse("2026-11-20T12:00:00Z")

/** Every fourth is personal with a work profile; every tenth says hardly anything. */
export function androidDevice(place: number, appsEach = 3): AndroidDevice {
  const name = `${enterprise}/devices/${digits(`android ${place}`, 16)}`
  if (place % 10 === 9) return { name, managementMode: "DEVICE_OWNER", state: "ACTIVE" }
  const personal = place % 4 === 3
  const policy = `${enterprise}/policies/${personal ? "work-profile" : "fully-managed"}`
  const enrolment = digits(`enrolment ${place}`, 32)
  return {
    name,
    managementMode: personal ? "PROFILE_OWNER" : "DEVICE_OWNER",
    ownership: personal ? "PERSONALLY_OWNED" : "COMPANY_OWNED",
    state: "ACTIVE",
    appliedState: "ACTIVE",
    policyName: policy,
    appliedPolicyName: policy,
    appliedPolicyVersion: "7",
    policyCompliant: place % 20 !== 6,
    lastStatusReportTime: `${new Date(newest - (place % 5_000) * 60_000).toISOString().slice(0, 19)}.123456789Z`,
    enrollmentTime: "2026-01-02T03:04:05Z",
    user: { accountIdentifier: `user${place}@contoso.example` },
    userName: `${enterprise}/users/${place}`,
    hardwareInfo: {
      brand: "google",
      model: "Pixel 9",
      serialNumber: personal ? enrolment : `AM${digits(`android serial ${place}`, 10)}`,
      ...(personal ? { enterpriseSpecificId: enrolment } : {}),
      batteryShutdownTemperatures: [60],
    },
    softwareInfo: { androidVersion: "16", securityPatchLevel: "2026-10-05" },
    networkInfo: personal
      ? {}
      : {
          imei: `35${String(place).padStart(13, "0")}`,
          wifiMacAddress: `00:${digits(`android mac ${place}`, 10).match(/../g)?.join(":")}`,
        },
    securityPosture:
      place % 50 === 5
        ? {
            devicePosture: "POTENTIALLY_COMPROMISED",
            postureDetails: [{ securityRisk: "COMPROMISED_OS" }],
          }
        : { devicePosture: "SECURE" },
    memoryInfo: { totalRam: "8000000000" },
    applicationReports: [
      ...Array.from({ length: appsEach }, (_, app) => ({
        packageName: `com.vendor${app % 17}.app${app}`,
        displayName: `App number ${app}`,
        versionName: `${app}.${place % 3}`,
        versionCode: 10 + app,
        packageSha256Hash: digits(`package ${app}`, 64),
        signingKeyCertFingerprints: [digits(`signer ${app}`, 40)],
        installerPackageName: "com.android.vending",
        applicationSource: "INSTALLED_FROM_PLAY_STORE",
        state: "INSTALLED",
      })),
      { packageName: "com.vendor.removed", state: "REMOVED" },
    ],
  }
}

function shippedPolicies(): Map<string, AndroidPolicy> {
  const applications = [
    { packageName: "com.vendor0.app0", installType: "FORCE_INSTALLED" },
    { packageName: "com.vendor1.app1", installType: "BLOCKED" },
  ]
  const Certificates = [
    { GUID: "ca", Type: "Authority", X509: inspectionCa.toString("base64") },
    { GUID: "client", Type: "Client" },
  ]
  return new Map([
    [
      `${enterprise}/policies/fully-managed`,
      { version: "7", applications, openNetworkConfiguration: { Certificates } },
    ],
    [`${enterprise}/policies/work-profile`, { version: "7", applications }],
  ])
}

export async function startAndroidManagement(
  options: AndroidManagementOptions = {},
): Promise<AndroidManagementEmulator> {
  const { devices: count = 100, appsEach = 3, tokenSeconds = 3_599 } = options
  const devices: unknown[] = Array.from({ length: count }, (_, place) =>
    androidDevice(place, appsEach),
  )
  const policies = shippedPolicies()
  const tokens = new Map<string, number>()
  let keyIsValid = true
  const keyFile = JSON.stringify({
    type: "service_account",
    project_id: "emulated",
    private_key_id: "key-1",
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
    client_email: account,
    token_uri: "https://oauth2.googleapis.com/token",
  })
  const emulator = await startEmulator(options, (asked) => {
    if (asked.url.pathname === "/token") return token(asked)
    const bearer = /^Bearer (\S+)$/.exec(asked.headers.authorization ?? "")?.[1] ?? ""
    if ((tokens.get(bearer) ?? 0) <= Date.now()) return fault(401, "UNAUTHENTICATED")
    if (asked.url.pathname === `/v1/${enterprise}/devices`) return list(asked)
    const policy = policies.get(asked.url.pathname.slice("/v1/".length))
    return policy ? { body: masked(policy, asked) } : fault(404, "NOT_FOUND")
  })
  return Object.assign(emulator, {
    devices,
    policies,
    keyFile,
    revoke: () => {
      keyIsValid = false
      tokens.clear()
    },
  })

  function token({ body }: Asked): Told {
    const form = new URLSearchParams(body)
    const assertion = form.get("assertion") ?? ""
    const invalid = { status: 400, body: { error: "invalid_grant" } }
    if (form.get("grant_type") !== "urn:ietf:params:oauth:grant-type:jwt-bearer") return invalid
    if (!keyIsValid || !isFitting(assertion)) return invalid
    const value = randomBytes(24).toString("base64url")
    tokens.set(value, Date.now() + tokenSeconds * 1_000)
    return { body: { access_token: value, token_type: "Bearer", expires_in: tokenSeconds } }
  }

  function isFitting(assertion: string): boolean {
    const [header, claimed, signature = ""] = assertion.split(".")
    const signed = Buffer.from(`${header}.${claimed}`)
    if (!verify("RSA-SHA256", signed, publicKey, Buffer.from(signature, "base64url"))) return false
    const { alg, kid } = decodeProtectedHeader(assertion)
    const { iss, aud, iat = 0, exp = 0, ...claims } = decodeJwt(assertion)
    if (alg !== "RS256" || kid !== "key-1" || iss !== account || claims["scope"] !== scope)
      return false
    return aud === `${emulator.url}/token` && exp - iat <= 3_600 && exp * 1_000 > Date.now()
  }

  function list(asked: Asked): Told {
    const { searchParams } = asked.url
    const size = Math.min(100, Number(searchParams.get("pageSize") ?? 10))
    const given = searchParams.get("pageToken")
    const from = given === null ? 0 : Number(Buffer.from(given, "base64url").toString())
    if (!Number.isSafeInteger(from) || from < 0) return fault(400, "INVALID_ARGUMENT")
    const rows = devices.slice(from, from + size)
    const next = Buffer.from(String(from + size)).toString("base64url")
    const more = from + size < devices.length ? { nextPageToken: next } : {}
    return { body: masked({ ...(rows.length > 0 ? { devices: rows } : {}), ...more }, asked) }
  }
}

function fault(code: number, status: string): Told {
  return { status: code, body: { error: { code, message: `${status} of the emulator`, status } } }
}

/** The partial response of `fields`: names, with what is wanted of them in brackets. */
function masked(answer: object, { url }: Asked): object {
  const mask = url.searchParams.get("fields")
  return mask === null ? answer : (only(answer, readMask(mask)) as object)
}

type Mask = Map<string, Mask>

function readMask(text: string): Mask {
  const root: Mask = new Map()
  const open = [root]
  for (const [, name = "", mark] of text.matchAll(/([A-Za-z0-9]*)([(),]?)/g)) {
    const here = open.at(-1) ?? root
    const below: Mask = new Map()
    if (name !== "") here.set(name, below)
    if (mark === "(") open.push(below)
    if (mark === ")") open.pop()
  }
  return root
}

function only(value: unknown, mask: Mask): unknown {
  if (mask.size === 0 || typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map((one) => only(one, mask))
  const kept = Object.entries(value).filter(([name]) => mask.has(name))
  return Object.fromEntries(kept.map(([name, one]) => [name, only(one, mask.get(name) ?? mask)]))
}

if (import.meta.main) {
  const flags = flagsOf(process.argv.slice(2))
  const emulator = await startAndroidManagement(flags)
  emulator.disturb = flags.disturb
  const file = "emulated-service-account.json"
  writeFileSync(file, emulator.keyFile, { mode: 0o600 })
  process.stdout.write(`${emulator.url}

sources:
  mdm:
    - name: emulated-android
      kind: android-management
      enterprise: ${enterprise}
      service-account: { file: ${file} }
      url: ${emulator.url}
      token-url: ${emulator.url}/token
      inspection-ca: { sha256: [${inspectionCaSha256}] }
      http: { allow-plain-http: true }
`)
}
