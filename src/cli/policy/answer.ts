/**
 * What a sensor of this configuration would do with a connection. In: the question, the configuration,
 * the store if there is one. Out: what is done, by what, why, and what is dialled. It goes the way of the
 * data path, through its own functions, and touches nothing.
 */

import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type Config, policyRevision, policySettings } from "../../config.ts"
import type { Store } from "../../evidence/store.ts"
import { agreedDestination } from "../../intercept/agreed-destination.ts"
import { type Found, findAddresses, guardedAddress } from "../../intercept/find-addresses.ts"
import type { Log } from "../../intercept/log.ts"
import { nameAgreement } from "../../intercept/name-agreement.ts"
import { originTrust } from "../../intercept/origin-trust.ts"
import { defaultResolverLimits, Resolver } from "../../intercept/resolver.ts"
import type { SensorDeps } from "../../intercept/sensor-deps.ts"
import type { ConnectionFacts } from "../../policy/connection-view.ts"
import { type Decision, nameDisagrees } from "../../policy/decide.ts"
import { type ExplainStep, explain, explanationLines } from "../../policy/explain.ts"
import { preparePolicy } from "../../policy/prepare.ts"
import { bypassIdOf } from "../../policy/register/bypass-id.ts"
import { configuredGuard, servedClients } from "../configured-guard.ts"
import { ClientDevices } from "../worker/client-devices.ts"
import { openResolver } from "../worker/open-resolver.ts"
import { openUpstreamProxy } from "../worker/upstream-proxy.ts"
import type { Question } from "./question.ts"

export interface Answer {
  /** `refuse`: the connection ends before policy is asked. */
  do: Decision["do"] | "refuse"
  /** Rule, `list:` and list, register entry; `default`, `name-disagrees`; `guard`, `allow-client`. */
  by: string
  /** Under which id the register counts it; null where nothing passes. */
  bypass: string | null
  splice_cause: Decision["splice_cause"]
  device: Pick<ConnectionFacts, "device_id" | "device_groups" | "device_personal">
  /** What is dialled for a splice; null: nothing is, or it is not known. */
  dials: {
    addresses: readonly string[]
    host: string
    port: number
    upstream_proxy: boolean
  } | null
  /** What came near and what decided, in words. */
  why: string[]
  steps: readonly ExplainStep[]
  revision: string
}

const silent: Log = () => {}

export async function answerTo(
  question: Question,
  config: Config,
  store: Store | null,
): Promise<Answer> {
  const unasked = new Set<string>()
  const deps = dialling(question, config, unasked)
  const found = await findDestination(question, deps)
  const refusal = refusalOf(question, config, found)
  if (refusal) return refusal

  const entries = (store?.registerEntries(question.at) ?? []).filter(
    ({ tenant }) => tenant === config.tenant,
  )
  const policy = preparePolicy(policySettings(config), entries)
  const facts = await factsOf(question, found, deviceOf(question, config, store), deps)
  const explained = explain(facts, policy, question.at)
  const why = explanationLines(explained)
  let { decision } = explained
  let dials: Answer["dials"] = null
  if (decision.do === "splice") {
    const reasons: string[] = []
    dials = await dialled(question, found, decision, deps, (because) => reasons.push(because))
    // What was not asked for may agree.
    if (unasked.size === 0) why.push(...reasons.map((because) => `not dialled: ${because}`))
    if (unasked.size === 0 && dials === null) decision = nameDisagrees
  }
  const matters = policy.asks_destination || policy.asks_name_agreement || decision.do === "splice"
  if (matters && dials === null)
    for (const name of unasked) why.push(`${name} was not asked for; --resolve asks for it`)
  if (decision.do === "inspect") decision = whileCaIsOver(decision, config, question.at, why)
  return {
    do: decision.do,
    by: decision.rule,
    bypass: bypassIdOf(decision),
    splice_cause: decision.splice_cause,
    device: {
      device_id: facts.device_id,
      device_groups: facts.device_groups,
      device_personal: facts.device_personal ?? false,
    },
    dials,
    why,
    steps: explained.steps,
    revision: policyRevision(config),
  }
}

type Dialling = Pick<SensorDeps, "resolver" | "upstreamProxy" | "guard">

function dialling(question: Question, config: Config, unasked: Set<string>): Dialling {
  const clock = () => performance.now()
  const resolver = question.resolve
    ? openResolver(config, silent, clock)
    : new Resolver(clock, defaultResolverLimits, assumedNames(question, config, unasked))
  const parts = { resolver, trust: originTrust(null), log: silent, clock }
  return {
    resolver,
    upstreamProxy: openUpstreamProxy(config, parts),
    guard: configuredGuard(config),
  }
}

async function findDestination(
  { connectHost, destinationIp, port }: Question,
  deps: Dialling,
): Promise<Found> {
  return connectHost === null
    ? guardedAddress(destinationIp ?? "", port, deps.guard)
    : findAddresses(connectHost, port, deps)
}

/** What ends a connection before policy is asked. */
function refusalOf({ client }: Question, config: Config, { guarded }: Found): Answer | null {
  const served = servedClients(config)(client)
  if (served && guarded === null) return null
  return {
    do: "refuse",
    by: served ? "guard" : "allow-client",
    bypass: null,
    splice_cause: null,
    device: { device_id: null, device_groups: [] },
    dials: null,
    why: [
      served
        ? `not dialled, whatever the rules say: ${guarded}`
        : `${client} is not served: no network of allow-client holds it`,
    ],
    steps: [],
    revision: policyRevision(config),
  }
}

/** As the data path puts them together after the ClientHello. */
async function factsOf(
  { client, listener, sni, connectHost, destinationIp, port, alpn, stack }: Question,
  found: Found,
  device: Answer["device"],
  deps: Dialling,
): Promise<ConnectionFacts> {
  return {
    client_ip: client,
    ...device,
    listener: listener.name,
    sni,
    connect_host: connectHost,
    destination_ip: destinationIp ?? found.addresses[0] ?? null,
    other_destinations: destinationIp === null ? found.addresses.slice(1) : [],
    destination_port: port,
    alpn_offered: alpn,
    stack,
    name_agrees: await nameAgreement({ sni, connectHost, destinationIp }, deps),
    hello_readable: true,
  }
}

async function dialled(
  { sni, connectHost, destinationIp, port }: Question,
  found: Found,
  decision: Decision,
  deps: Dialling,
  tell: (because: string) => void,
): Promise<Answer["dials"]> {
  const arrival = { connectHost, destinationIp, destinationPort: port, found }
  const hello = { sni: sni ?? undefined }
  const to = await agreedDestination({ arrival, hello }, decision, deps, tell)
  if (typeof to !== "object") return null
  return { addresses: to.addresses, host: to.host, port, upstream_proxy: to.via !== null }
}

/** The operator's table and what the question says; what else was asked for is noted. */
function assumedNames({ connectHost, assumed }: Question, { hosts }: Config, unasked: Set<string>) {
  const table = new Map(Object.entries(hosts).map(([name, all]) => [name.toLowerCase(), all]))
  return async (name: string): Promise<readonly string[]> => {
    if (name === connectHost && assumed !== null) return [assumed]
    const known = table.get(name.toLowerCase())
    if (known) return known
    unasked.add(name)
    throw Object.assign(new Error("not asked for"), { code: "ENOTFOUND" })
  }
}

function deviceOf(
  { client, device, groups, at }: Question,
  config: Config,
  store: Store | null,
): Answer["device"] {
  if (device !== null || groups.length > 0) {
    const known = device === null ? null : store?.device(config.tenant, device)
    return {
      device_id: device,
      device_groups: [...groups, ...(known?.groups ?? [])],
      device_personal: known?.ownership === "personal",
    }
  }
  const clients = new ClientDevices(config, silent, () => true)
  if (store) clients.readFrom(store)
  return clients.of(client, at)
}

/** What would be inspected, while the CA's time is over; a CA that is not there yet will be good. */
function whileCaIsOver(decision: Decision, { ca }: Config, at: number, why: string[]): Decision {
  const over = caIsOver(ca.cert ?? join(ca.dir, "inspection-ca.pem"), at)
  if (!over) return decision
  why.push("the inspection CA's time is over: ca.on-expired decides")
  const splices = ca["on-expired"] === "splice"
  const [does, cause] = splices ? (["splice", "operator"] as const) : (["block", null] as const)
  return { ...decision, do: does, rule: "ca-expired", splice_cause: cause }
}

function caIsOver(file: string, at: number): boolean {
  try {
    const { validFromDate, validToDate } = new X509Certificate(readFileSync(file))
    return at < validFromDate.getTime() || at >= validToDate.getTime()
  } catch {
    return false
  }
}
