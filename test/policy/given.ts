/** Records for the tests of policy: each is valid as it is, and takes what a test cares about. */
import type { ConnectionFacts } from "../../src/policy/connection-view.ts"
import { ControlSettings, Rules } from "../../src/policy/settings.ts"
import { RegisterEntry } from "../../src/record/register-entry.ts"
import type { ScopeJudgement } from "../../src/record/scope-judgement.ts"

/** 2026-03-01T12:00:00.000Z */
export const noon = Date.UTC(2026, 2, 1, 12)
export const second = 1000
export const minute = 60 * second
export const hour = 60 * minute
export const iso = (ms: number) => new Date(ms).toISOString()

export const common = { tenant: "acme", site: "hq", sensor_id: "s1" }
export const control = ControlSettings.parse({})
export const rules = (list: unknown[]) => Rules.parse(list)

export function facts(given: Partial<ConnectionFacts> = {}): ConnectionFacts {
  return {
    client_ip: "10.1.2.3",
    device_id: "phone-1",
    device_groups: ["field"],
    listener: "explicit",
    sni: "api.example.org",
    connect_host: "api.example.org",
    destination_ip: null,
    destination_port: 443,
    alpn_offered: ["h2", "http/1.1"],
    stack: "t13-okhttp",
    hello_readable: true,
    name_agrees: null,
    ...given,
  }
}

type EntryGiven = Partial<Omit<RegisterEntry, "scope" | "trial">> & {
  scope?: Partial<RegisterEntry["scope"]>
  trial?: Partial<RegisterEntry["trial"]>
}

export function entry({ scope, trial, ...given }: EntryGiven = {}): RegisterEntry {
  return RegisterEntry.parse({
    ...common,
    v: 1,
    id: "entry-1",
    observed_at: iso(noon),
    kind: "operator",
    owner: "ops",
    reason: "ticket",
    created_at: iso(noon),
    scope: scope ?? {},
    trial: trial ? { state: "armed", since: iso(noon), ...trial } : null,
    ...given,
  })
}

/** A trial of (phone-1, t13-okhttp, api.example.org), armed at noon for 24 h. */
export function trial(state: Partial<RegisterEntry["trial"]> = {}, given: EntryGiven = {}) {
  return entry({
    id: "trial-1",
    kind: "trial",
    owner: "pinsensor",
    expires_at: iso(noon + 24 * hour),
    scope: {
      device_id: "phone-1",
      stack: "t13-okhttp",
      sni: "api.example.org",
    },
    ...given,
    trial: { state: "armed", ...state },
  })
}

export function judgement(given: Partial<ScopeJudgement> = {}): ScopeJudgement {
  return {
    key: {
      device_id: "phone-1",
      profile: "device",
      app_id: "org.example.app",
      app_version: "1",
      stack: "t13-okhttp",
      destination: "api.example.org",
    },
    platform: "android",
    epoch: { issuing_ca: "ca", sensor_config: "c1" },
    verdict: "suspected",
    ceilings: [],
    reasons: [],
    confounders_ruled_out: [],
    missing: null,
    app: "observed",
    app_signer: null,
    device: "bound",
    registrable_domain: "example.org",
    client_ip: "10.1.2.3",
    sni: "api.example.org",
    refusals: ["a1", "a2", "a3"],
    refusal_buckets: 2,
    acceptances: [],
    control_used: [],
    control_strong: [],
    control_failed: [],
    refusal_after_control: false,
    app_accepts: 2,
    qualifying: { by: "app", domains: ["one.example", "two.example"], ids: ["q1", "q2"] },
    upstream_verified: true,
    first_refusal_ms: noon - 10 * minute,
    last_refusal_ms: given.last_ms ?? noon - minute,
    last_acceptance_ms: null,
    first_ms: noon - 10 * minute,
    last_ms: noon - minute,
    ...given,
  }
}
