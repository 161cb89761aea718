/**
 * The join: who was behind a connection, at its time.
 *
 * In: attempts, flows and app events with the indexes of bindings, devices and apps of one tenant.
 * Out: the same facts with device and app, and why. It must not know when anything arrived, so a
 * late binding or event gives the same answer as a punctual one.
 */
import type { AppEvent } from "../record/app-event.ts"
import type { Attempt } from "../record/attempt.ts"
import type { Attributed, Attribution, DeviceEvidence } from "../record/attributed.ts"
import type { Flow } from "../record/flow.ts"
import { canonicalAddress } from "./address-key.ts"
import { AppEventIndex } from "./app-events.ts"
import type { AppIndex } from "./apps.ts"
import { attributeApp } from "./attribute-app.ts"
import type { BindingIndex } from "./bindings.ts"
import type { BindingChoice } from "./choose-binding.ts"
import { connectionNames, type Fact } from "./connection-names.ts"
import type { DeviceIndex } from "./devices.ts"
import { OwnSessions, type Sessions } from "./own-sessions.ts"
import { type Login, ProxyUsers } from "./proxy-users.ts"
import { type JoinSettings, joinDefaults } from "./settings.ts"

export interface Indexes {
  bindings: BindingIndex
  devices: DeviceIndex
  apps: AppIndex
  events: AppEventIndex
  /** Without it, sharing is not concluded from the proxy users of connections. */
  proxyUsers?: ProxyUsers
}

export interface JoinInput {
  /** A device, or `address:<ip>` for what no binding tells. */
  device_id: string
  /** Connections that may be the device's: those of every address that was bound to it. The ones
   * that turn out to be of others are left out of the evidence. */
  attempts: readonly Attempt[]
  flows: readonly Flow[]
  /** Sessions that tell which imported flows are ours; without it the connections themselves. */
  around?: Sessions
  /** App events that may be the device's. */
  app_events: readonly AppEvent[]
  bindings: BindingIndex
  devices: DeviceIndex
  apps: AppIndex
  settings?: Partial<JoinSettings>
}

/** All evidence about one device; every list is oldest first, whatever the order of the input. */
export function joinDevice(input: JoinInput): DeviceEvidence {
  const { device_id, bindings, devices, apps } = input
  const settings = { ...input.settings, tenant: bindings.tenant }
  const events = new AppEventIndex(input.app_events, devices, settings)
  const own = new OwnSessions(input.around ?? input, { ...joinDefaults, ...input.settings })
  const facts = [...input.attempts, ...input.flows]
  const proxyUsers = new ProxyUsers(usersOf(facts, bindings), settings.proxyUserWindowMs)
  const indexes = { bindings, devices, apps, events, proxyUsers }
  return {
    device_id,
    device: devices.get(device_id),
    postures: devices.postures.of(device_id),
    attempts: ofDevice(input.attempts, device_id, indexes),
    flows: ofDevice(own.telling(input.flows), device_id, indexes),
    app_events: events.of(device_id),
  }
}

/** Who was behind one attempt or flow. */
export function attribute(fact: Fact, indexes: Indexes): Attribution {
  const names = connectionNames(fact)
  const choice = resolveDevice(fact, names.at, indexes)
  const app = attributeApp(
    { names, connectUserAgent: fact.connect_user_agent, deviceId: choice.device_id },
    indexes,
  )
  return {
    device_id: choice.device_id ?? `address:${canonicalAddress(fact.client_ip)}`,
    device: choice.attribution,
    binding_id: choice.binding_id,
    profile: app.profile,
    app_id: app.app_id,
    app_version: app.app_version,
    app_signer: app.app_signer,
    app: app.attribution,
    because: [choice.because, ...app.because],
  }
}

/** Whose a connection is by its address and time alone: what `attribute` says of the device, without the app. */
export function deviceOf(fact: Fact, indexes: Pick<Indexes, "bindings" | "devices">): string {
  const { device_id } = resolveDevice(fact, connectionNames(fact).at, indexes)
  return device_id ?? `address:${canonicalAddress(fact.client_ip)}`
}

/** The binding at the time, corrected by who logged in to the proxy: a user breaks a tie between
 * devices, and several users at once undo a binding. A login alone binds nothing: people use
 * their account on devices that inventory does not know. */
function resolveDevice(
  fact: Fact,
  at: number,
  indexes: Pick<Indexes, "bindings" | "devices" | "proxyUsers">,
): BindingChoice {
  const { bindings, devices, proxyUsers } = indexes
  const choice =
    fact.tenant === bindings.tenant
      ? bindings.resolve({ realm: fact.site, address: fact.client_ip, at })
      : foreign(fact.tenant)
  if (choice.binding_id !== null && proxyUsers?.severalAt(choice.binding_id, at))
    return {
      ...choice,
      device_id: null,
      attribution: "shared",
      binding_id: null,
      losers: [choice.binding_id, ...choice.losers],
      because: `several proxy users at once on binding ${choice.binding_id}`,
    }
  if (choice.attribution !== "ambiguous" || fact.proxy_user === null) return choice
  const owner = devices.ofUser(fact.proxy_user)
  const meant = choice.contenders.find((contender) => contender.device_id === owner)
  if (!meant) return choice
  return {
    device_id: meant.device_id,
    attribution: "bound",
    binding_id: meant.binding_id,
    losers: choice.losers.filter((id) => id !== meant.binding_id),
    contenders: [],
    because: `${choice.because}; proxy user ${fact.proxy_user} has only ${meant.device_id} of them`,
  }
}

function foreign(tenant: string): BindingChoice {
  return {
    device_id: null,
    attribution: "absent",
    binding_id: null,
    losers: [],
    contenders: [],
    because: `tenant ${tenant} has other bindings: evidence of two tenants is never joined`,
  }
}

function ofDevice<One extends Fact>(
  facts: readonly One[],
  deviceId: string,
  indexes: Indexes,
): Attributed<One>[] {
  return facts
    .filter((fact) => fact.tenant === indexes.bindings.tenant)
    .map((fact) => ({ fact, who: attribute(fact, indexes) }))
    .filter(({ who }) => who.device_id === deviceId)
    .sort((a, b) => (inOrder(a.fact, b.fact) ? -1 : 1))
}

function inOrder(a: Fact, b: Fact): boolean {
  return a.observed_at === b.observed_at ? a.id < b.id : a.observed_at < b.observed_at
}

/** Who logged in on which binding, of connections that may be of any device. */
export function* usersOf(facts: readonly Fact[], bindings: BindingIndex): Generator<Login> {
  for (const fact of facts) {
    if (fact.proxy_user === null || fact.tenant !== bindings.tenant) continue
    const at = Date.parse(fact.observed_at)
    const choice = bindings.resolve({ realm: fact.site, address: fact.client_ip, at })
    if (choice.binding_id !== null)
      yield { bindingId: choice.binding_id, user: fact.proxy_user, at }
  }
}
