/** All targets that read bytes in memory. */
import { clientHello, handshakeRecords, oracle } from "./hello-targets.ts"
import { connectAnswer, connectHead } from "./http-targets.ts"
import { proxyHeader } from "./proxy-header-target.ts"
import { opaqueSession } from "./session-target.ts"
import { h2Request, recordHeaders, recordLengths, serverHello } from "./stream-targets.ts"
import type { FuzzTarget } from "./target.ts"
import { addressTexts, connectTargets, hostNames, tlsErrors } from "./text-targets.ts"

export const fuzzTargets: readonly FuzzTarget[] = [
  clientHello,
  opaqueSession,
  handshakeRecords,
  proxyHeader,
  recordHeaders,
  serverHello,
  connectTargets,
  connectAnswer,
  connectHead,
  hostNames,
  addressTexts,
  h2Request,
  tlsErrors,
  recordLengths,
  oracle,
]

export function targetNamed(name: string): FuzzTarget {
  const target = fuzzTargets.find((one) => one.name === name)
  if (target) return target
  const names = fuzzTargets.map((one) => one.name).join(", ")
  throw new Error(`no target ${name}; there are ${names} and tcp`)
}
