/** A Google service account: a signed assertion is exchanged for a token (RFC 7523 section 2.1). */
import { importPKCS8, SignJWT } from "jose"
import { z } from "zod"

/** Nothing more than Android management; Google has no read-only scope for it. */
const scope = "https://www.googleapis.com/auth/androidmanagement"
/** Google takes none of more than an hour. */
const assertionSeconds = 600

/** Of the key file only these are used. Its own `token_uri` is not: a file must not choose who gets assertions. */
const KeyFile = z.object({
  type: z.literal("service_account"),
  client_email: z.string().regex(/^[\x21-\x7e]{3,320}$/),
  private_key_id: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/)
    .optional(),
  private_key: z.string().startsWith("-----BEGIN PRIVATE KEY-----"),
})

/** The form of the token request. `key` is the setting that names the file, `now` epoch milliseconds. */
export async function assertionForm(
  key: string,
  file: string,
  audience: string,
  now: number,
): Promise<Record<string, string>> {
  const account = keyFile(key, file)
  const signingKey = await importPKCS8(account.private_key, "RS256").catch((cause: unknown) => {
    throw new Error(`${key}: private_key is no RSA key in PKCS #8; make a new key`, { cause })
  })
  const issued = Math.floor(now / 1_000)
  const kid = account.private_key_id
  const assertion = await new SignJWT({ scope })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", ...(kid === undefined ? {} : { kid }) })
    .setIssuer(account.client_email)
    .setAudience(audience)
    .setIssuedAt(issued)
    .setExpirationTime(issued + assertionSeconds)
    .sign(signingKey)
  return { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion }
}

function keyFile(key: string, text: string): z.infer<typeof KeyFile> {
  const read = KeyFile.safeParse(jsonOrNull(text))
  if (read.success) return read.data
  const [fault] = read.error.issues
  const field = fault && fault.path.length > 0 ? ` (${fault.path.join(".")})` : ""
  throw new Error(
    `${key}: this is no key file of a service account${field}; use the JSON that Google Cloud gave when the key was made`,
  )
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
