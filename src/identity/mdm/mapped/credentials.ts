/** How a mapping's requests prove who asks: its headers, and its way to a token. */
import { readSecret } from "../../../source/secret.ts"
import { boundedJson } from "../bounded-json.ts"
import { MdmClient } from "../client.ts"
import { type Credentials, fixedCredentials } from "../credentials.ts"
import { MdmHttp } from "../http.ts"
import { MdmFault } from "../mdm-fault.ts"
import { BearerToken, oauthToken } from "../token.ts"
import type { Auth, Given, Mapping } from "./mapping.ts"
import { at, pointerText } from "./pointer.ts"
import { callUrl } from "./request-url.ts"
import type { HttpInventorySettings } from "./settings.ts"

export interface CredentialParts {
  /** The setting that all this is about, for errors. */
  key: string
  settings: HttpInventorySettings
  mapping: Mapping
  /** The server of the inventory, where a token may come from too. */
  http: MdmHttp
  clock: () => number
  random: () => number
}

export interface MappedCredentials extends Credentials {
  close(): void
}

export function credentialsOf(parts: CredentialParts): MappedCredentials {
  const { key, mapping } = parts
  const { credentials, close } = authOf(mapping.auth, parts)
  const headers = async (signal: AbortSignal) => {
    const fixed: Record<string, string> = {}
    for (const [name, value] of Object.entries(mapping.headers))
      fixed[name.toLowerCase()] = headerText(`${key}: header ${name}`, written(value, parts))
    return { ...fixed, ...(await credentials.headers(signal)) }
  }
  return { headers, refused: () => credentials.refused(), close }
}

function authOf(auth: Auth, parts: CredentialParts): { credentials: Credentials; close(): void } {
  const { key, settings, http, clock, random } = parts
  const fixed = (read: () => Record<string, string>) => ({
    credentials: fixedCredentials(read),
    close: () => {},
  })
  switch (auth.kind) {
    case "headers":
      return fixed(() => ({}))
    case "basic":
      return fixed(() => {
        const pair = `${written(auth.user, parts)}:${written(auth.password, parts)}`
        return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` }
      })
    case "bearer":
      return fixed(() => {
        const token = headerText(`${key}: the bearer token`, written(auth.token, parts))
        return { authorization: `Bearer ${token}` }
      })
    case "client-credentials": {
      const elsewhere = settings["token-url"]
      const url =
        auth.path === undefined
          ? (elsewhere ?? "")
          : callUrl(settings.url, { path: auth.path, query: {} }, new Map()).href
      const own = auth.path === undefined ? new MdmHttp(key, url, settings.http) : null
      const form = () => ({
        grant_type: "client_credentials",
        client_id: written(auth["client-id"], parts),
        client_secret: written(auth["client-secret"], parts),
        ...(auth.scope === undefined ? {} : { scope: auth.scope }),
      })
      const endpoint = { http: own ?? http, settings: settings.http, url, form, clock, random }
      return { credentials: oauthToken(endpoint), close: () => own?.close() }
    }
    case "login":
      return { credentials: loginToken(auth, parts), close: () => {} }
  }
}

function loginToken(auth: Auth & { kind: "login" }, parts: CredentialParts): Credentials {
  const { settings, http, clock, random } = parts
  const client = new MdmClient({ http, settings: settings.http, credentials: null, clock, random })
  const fetch = async (signal: AbortSignal) => {
    const said = Object.entries(auth.body).map(([name, value]) => [name, written(value, parts)])
    const url = callUrl(settings.url, { path: auth.path, query: {} }, new Map())
    const headers = { "content-type": "application/json" }
    client.begin()
    const body = JSON.stringify(Object.fromEntries(said))
    const answer = await client.answer(url, { method: "POST", headers, body }, signal)
    const value = at(jsonOrNull(answer.body), auth.token)
    if (typeof value !== "string" || !/^[\x21-\x7e]{1,16384}$/.test(value))
      throw new MdmFault(
        "passing",
        `${http.origin} answered the login without a token at ${pointerText(auth.token)}`,
      )
    return { value, livesMs: auth.lifetime }
  }
  return new BearerToken({ fetch, clock })
}

function written(given: Given, { key, settings }: CredentialParts): string {
  if ("text" in given) return given.text
  if ("value" in given) return settings.values[given.value] ?? ""
  const secret = settings.secrets[given.secret]
  if (!secret) throw new Error(`${key}.secrets.${given.secret} is missing`)
  return readSecret(`${key}.secrets.${given.secret}`, secret)
}

/** Without this the system's own error would tell, and nobody knows with which words. */
function headerText(what: string, text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text
  throw new Error(`${what} has characters that no header may have; check its file`)
}

function jsonOrNull(body: Buffer): unknown {
  try {
    return boundedJson(body)
  } catch {
    return null
  }
}
