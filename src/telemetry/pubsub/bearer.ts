/**
 * Who pushes: Pub/Sub signs each push with an OpenID Connect token of a service account. Verified are
 * signature (the issuer's published keys), issuer, audience, time and e-mail.
 */
import { createRemoteJWKSet, errors, jwtVerify } from "jose"
import type { PubSubSettings } from "./settings.ts"

/** How far the issuer's clock may be from ours, in seconds. */
const clockToleranceS = 60
/** The issuer's keys are waited for so long, in milliseconds. */
const keysWithin = 5_000
/** A token is about 1 KB. */
const longestToken = 8 * 1024

/** `unable`: the issuer's keys cannot be had now, so nothing is known of the token. */
export type Bearer = { is: "good" } | { is: "refused" } | { is: "unable"; reason: string }

/** Failures to have the keys; all others are faults of the token. */
const withoutKeys = new Set(["ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID", "ERR_JOSE_GENERIC"])

export function bearerCheck(
  settings: PubSubSettings,
  clock: () => number,
): (authorization: string | undefined) => Promise<Bearer> {
  const { audience, issuers } = settings
  const account = settings["service-account"]
  if (audience === null || account === null)
    throw new Error("sources.pubsub: audience and service-account are needed")
  // Kept for ten minutes; an unknown key id asks again, at most every half minute.
  const keys = createRemoteJWKSet(new URL(settings["keys-url"]), { timeoutDuration: keysWithin })
  return async (authorization) => {
    const [, token] = /^Bearer ([\w.-]+)$/i.exec(authorization ?? "") ?? []
    if (token === undefined || token.length > longestToken) return { is: "refused" }
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ["RS256"],
        audience,
        issuer: [...issuers],
        requiredClaims: ["exp", "iat", "email", "email_verified"],
        clockTolerance: clockToleranceS,
        currentDate: new Date(clock()),
      })
      const own = payload["email"] === account && payload["email_verified"] === true
      return own ? { is: "good" } : { is: "refused" }
    } catch (error) {
      if (error instanceof errors.JOSEError && !withoutKeys.has(error.code))
        return { is: "refused" }
      return { is: "unable", reason: error instanceof Error ? error.message : String(error) }
    }
  }
}
