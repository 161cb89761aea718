/** What a label covers: the parts of a finding that its kind of scope fixes, and how two scopes are told apart. */
import type { Finding } from "../record/finding.ts"
import { type LabelScope, LabelScopeKind } from "../record/label.ts"

type Part = Exclude<keyof LabelScope, "kind">

/** Parts that a scope of the kind fixes. `finding` has the app or, where none is known, the stack besides. */
const fixed: Record<LabelScopeKind, readonly Part[]> = {
  finding: ["analytic", "device_id", "profile", "destination"],
  "app-destination": ["app_id", "destination"],
  "device-app": ["device_id", "app_id"],
  "app-domain": ["app_id", "registrable_domain"],
  app: ["app_id"],
  destination: ["destination"],
  domain: ["registrable_domain"],
  device: ["device_id"],
}

/** Kinds from narrow to wide. */
export const scopeKinds = LabelScopeKind.options

/** Null where the finding does not tell what the kind needs: an unknown app, no destination of its own. */
export function scopeOf(kind: LabelScopeKind, finding: Finding): LabelScope | null {
  const { key, analytic, registrable_domain } = finding
  const { device_id, profile, app_id, stack } = key
  const destination = ofItsOwn(key.destination)
  const known: LabelScope = {
    kind,
    analytic,
    device_id,
    profile,
    app_id,
    stack: app_id === null ? stack : null,
    destination: kind === "finding" ? key.destination : destination,
    registrable_domain: ofItsOwn(registrable_domain),
  }
  const parts: readonly Part[] =
    kind === "finding" ? [...fixed.finding, "app_id", "stack"] : fixed[kind]
  const scope: LabelScope = { ...empty, kind }
  for (const part of parts) Object.assign(scope, { [part]: known[part] })
  return isWhole(scope) ? scope : null
}

const empty: Omit<LabelScope, "kind"> = {
  analytic: null,
  device_id: null,
  profile: null,
  app_id: null,
  stack: null,
  destination: null,
  registrable_domain: null,
}

/** Findings about a device as a whole have `*`: a scope of it would be all devices. */
function ofItsOwn(name: string): string | null {
  return name === "*" ? null : name
}

/** Whether it says all that its kind needs; one from elsewhere that does not covers nothing. */
export function isWhole(scope: LabelScope): boolean {
  return fixed[scope.kind].every((part) => scope[part] !== null)
}

/** Whether the scope is about one app, so that its version, signer and stack can be compared. */
export function namesApp(scope: LabelScope): boolean {
  return scope.app_id !== null
}

/** Equal for scopes of one tenant that cover the same. */
export function scopeKey(tenant: string, scope: LabelScope): string {
  const { kind, analytic, device_id, profile, app_id, stack, destination, registrable_domain } =
    scope
  return JSON.stringify([
    tenant,
    kind,
    analytic,
    device_id,
    profile,
    app_id,
    stack,
    destination,
    registrable_domain,
  ])
}

/** Why a scope is wide, in words that follow "it"; null if it is not. */
export function widthOfLabel({ kind }: LabelScope): string | null {
  switch (kind) {
    case "finding":
    case "app-destination":
    case "device-app":
    case "app-domain":
    case "destination":
      return null
    case "app":
      return "covers all that the app does, on every device"
    case "domain":
      return "covers every app towards every name of the domain"
    case "device":
      return "covers every app of the device"
  }
}

/** `com.example.bank to api.bank.example, on every device`. */
export function labelScopeText(scope: LabelScope): string {
  const { kind, analytic, device_id, profile, app_id, stack, destination, registrable_domain } =
    scope
  switch (kind) {
    case "finding":
      return `${analytic} of ${app_id ?? `stack ${stack ?? "unknown"}`} to ${destination} on ${device_id} (${profile})`
    case "app-destination":
      return `${app_id} to ${destination}, on every device`
    case "device-app":
      return `${app_id} on ${device_id}, to everywhere`
    case "app-domain":
      return `${app_id} to names of ${registrable_domain}, on every device`
    case "app":
      return `${app_id} to everywhere, on every device`
    case "destination":
      return `every app to ${destination}, on every device`
    case "domain":
      return `every app to names of ${registrable_domain}, on every device`
    case "device":
      return `everything of ${device_id}`
  }
}
