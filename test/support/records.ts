/**
 * Builders of records for tests: a plain connection of a plain day, with what the test is about as
 * overrides. Times are given in milliseconds after `dayStart`; ids are given or counted.
 */
import type { App } from "../../src/record/app.ts"
import type { AppEvent } from "../../src/record/app-event.ts"
import type { Attempt, Outcome } from "../../src/record/attempt.ts"
import type {
  Attributed,
  Attribution,
  DeviceEvidence,
  JudgementContext,
} from "../../src/record/attributed.ts"
import type { Baselines } from "../../src/record/baseline.ts"
import type { Device } from "../../src/record/device.ts"
import type { Flow } from "../../src/record/flow.ts"
import type { Posture } from "../../src/record/posture.ts"

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE

/** Midnight, so that buckets and hours are easy to read. */
export const dayStart = Date.parse("2026-11-21T00:00:00.000Z")
export const ca1 = "a1".repeat(32)
export const ca2 = "b2".repeat(32)
/** The TLS stack that all connections have unless they say otherwise. */
export const stack1 = "tx13x1516h00_000000000001_000000000001"
export const stack2 = "tx13x1516h00_000000000002_000000000002"

let count = 0
function nextId(kind: string): string {
  count += 1
  return `${kind}-${String(count).padStart(6, "0")}`
}

export function at(ms: number): string {
  return new Date(dayStart + ms).toISOString()
}

function base(kind: string, ms: number) {
  return {
    tenant: "t1",
    site: "hq",
    sensor_id: "s1",
    v: 1 as const,
    id: nextId(kind),
    observed_at: at(ms),
  }
}

function connectionTo(sni: string) {
  return {
    rule: "default",
    issuing_ca: ca1,
    sensor_config: "c1",
    client_ip: "10.0.0.7",
    client_port: 40_000,
    transport: "direct" as const,
    relayed_by: null,
    proxy_user: null,
    destination_ip: "203.0.113.10",
    destination_port: 443,
    sni,
    connect_host: null,
    connect_user_agent: null,
    name_agrees: true,
    ech_offered: false,
    ja4: "t13d1516h2_000000000001_000000000001",
    stack: stack1,
    alpn_offered: ["h2", "http/1.1"],
  }
}

/** An attempt at `sni` that began at `ms` and ended with `outcome` 200 ms later. */
export function attempt(
  sni: string,
  ms: number,
  outcome: Outcome,
  over: Partial<Attempt> = {},
): Attempt {
  const phase = (after: number) => ({ ms: after, bytes_in: 600, bytes_out: 3_000 })
  const refused = outcome.startsWith("refused")
  return {
    ...base("attempt", ms),
    ...connectionTo(sni),
    decision: "inspect",
    splice_cause: null,
    alpn_chosen: "h2",
    tls_version: "TLSv1.3",
    cipher: "TLS_AES_128_GCM_SHA256",
    group: "X25519",
    phases: {
      hello: phase(5),
      certificate: outcome === "abandoned" || outcome === "timed-out" ? null : phase(10),
      delivered: outcome === "abandoned" || outcome === "timed-out" ? null : phase(20),
      finished: outcome === "accepted" || outcome === "idle" ? phase(30) : null,
      first_data: outcome === "accepted" ? phase(40) : null,
      closed: phase(200),
    },
    hello_fault: null,
    alert: outcome === "refused-alert" ? 46 : null,
    alert_level: outcome === "refused-alert" ? "fatal" : null,
    alert_from: outcome === "refused-alert" ? "client" : null,
    alert_after_finished: outcome === "refused-alert" ? false : null,
    close_notify_from: null,
    end: outcome === "refused-reset" ? "rst" : outcome === "timed-out" ? "timeout" : "fin",
    ended_by: "client",
    client_app_bytes: outcome === "accepted" ? 500 : 0,
    client_turns: outcome === "accepted" ? 1 : 0,
    delivered_app_bytes: outcome === "accepted" ? 5_000 : 0,
    h2_headers: outcome === "accepted" ? true : null,
    rtt_ms: 10,
    retransmits: 0,
    leaf: "c3".repeat(32),
    leaf_check: "ok",
    upstream: {
      status: "verified",
      reason: null,
      leaf: "d4".repeat(32),
      issuer: "CN=Public CA",
      tls_version: "TLSv1.3",
      alpn: "h2",
      client_certificate: "none",
      public_trust: true,
    },
    outcome,
    strength: refused ? "strong" : null,
    mark: null,
    token: "",
    ...over,
  }
}

/** A trial splice to `sni` that was strongly used for two seconds. */
export function flow(sni: string, ms: number, over: Partial<Flow> = {}): Flow {
  return {
    ...base("flow", ms),
    ...connectionTo(sni),
    decision: "splice",
    splice_cause: "trial",
    source: "sensor",
    control: true,
    register_entry: "trial-1",
    network: "tcp",
    verdict: "used",
    reason: "data both ways",
    strong: true,
    estimated: true,
    tls_version: "TLSv1.3",
    cipher: "TLS_AES_128_GCM_SHA256",
    client_bytes: 900,
    server_bytes: 9_000,
    duration_ms: 2_000,
    end: "fin",
    ended_by: "client",
    ...over,
  }
}

/** A used session around the proxy, as Zeek reports it: no CA, no stack of ours. */
export function zeekFlow(sni: string, ms: number, over: Partial<Flow> = {}): Flow {
  return flow(sni, ms, {
    source: "zeek",
    splice_cause: null,
    register_entry: null,
    issuing_ca: null,
    sensor_config: "import",
    stack: null,
    ja4: null,
    ...over,
  })
}

export const bank = "com.example.bank"

/** Observed by mobile EDR as the bank app on the bound device d1. */
export function who(over: Partial<Attribution> = {}): Attribution {
  return {
    device_id: "d1",
    device: "bound",
    binding_id: "binding-1",
    profile: "device",
    app_id: bank,
    app_version: "7.1",
    app_signer: null,
    app: "observed",
    because: [],
    ...over,
  }
}

/** The device is known, the app is not. */
export function someone(over: Partial<Attribution> = {}): Attribution {
  return who({ app_id: null, app_version: null, app: "unknown", ...over })
}

export function by<Fact>(fact: Fact, attribution: Attribution = who()): Attributed<Fact> {
  return { fact, who: attribution }
}

export function device(over: Partial<Device> = {}): Device {
  return {
    ...base("device", 0),
    device_id: "d1",
    platform: "android",
    os_version: "16",
    model: null,
    mdm_id: null,
    serial: null,
    udid: null,
    imei: null,
    wifi_mac: null,
    user: null,
    groups: [],
    source: "import",
    ownership: "unknown",
    ...over,
  }
}

/** MDM at midnight: managed, supervised, compliant, CA trusted, the bank app managed. */
export function posture(over: Partial<Posture> = {}): Posture {
  return {
    ...base("posture", 0),
    device_id: "d1",
    profile: "device",
    managed: true,
    supervised: true,
    compliant: true,
    jailbroken: false,
    inspection_ca: "mdm-trusted",
    apps: [{ app_id: bank, name: null, version: "7.1", signer_sha256: null, managed: true }],
    apps_partial: false,
    source: "import",
    ...over,
  }
}

/** The bank app in the register: an Android app that declares nothing. */
export function app(over: Partial<App> = {}): App {
  return {
    ...base("app", 0),
    app_id: bank,
    platform: "android",
    name: null,
    signer_sha256: null,
    category: null,
    network_role: null,
    declared_transport: "undeclared",
    approved_destinations: [],
    user_agents: [],
    owner: null,
    review_at: null,
    declared_by: null,
    withdrawn: false,
    ...over,
  }
}

/** An event of the bank app; what it says is in the overrides. */
export function appEvent(ms: number, over: Partial<AppEvent> = {}): AppEvent {
  const common = base("event", ms)
  return {
    ...common,
    event_id: common.id,
    source: "edr",
    received_at: common.observed_at,
    device: {
      device_id: "d1",
      mdm_id: null,
      serial: null,
      udid: null,
      imei: null,
      wifi_mac: null,
      ip: null,
      user: null,
    },
    app: { id: bank, version: null, signer_sha256: null },
    type: "app_state",
    dest: null,
    trust: null,
    state: null,
    ...over,
  }
}

/** A pin comparison of the bank app at run time. */
export function pinEvent(ms: number, over: Partial<AppEvent> = {}): AppEvent {
  return appEvent(ms, {
    type: "tls_trust_customization",
    trust: { kind: "pin_comparison", evidence: "runtime" },
    ...over,
  })
}

export function stateEvent(
  ms: number,
  state: Partial<NonNullable<AppEvent["state"]>>,
  over: Partial<AppEvent> = {},
): AppEvent {
  return appEvent(ms, {
    state: { app_state: "unknown", device_locked: null, recent_user_interaction: null, ...state },
    ...over,
  })
}

/** The evidence of the Android device d1. */
export function evidence(over: Partial<DeviceEvidence> = {}): DeviceEvidence {
  return {
    device_id: "d1",
    device: device(),
    postures: [],
    attempts: [],
    flows: [],
    app_events: [],
    ...over,
  }
}

/** These destinations are baseline of any app; of no pair is known what it was. */
export function baselined(destinations: readonly string[]): Baselines {
  return {
    standing: ({ destination }) =>
      destinations.includes(destination)
        ? { is: "learned", why: "learned from 5 devices on 3 days" }
        : { is: "missing", why: "used by 4 of 5 devices" },
    before: () => null,
  }
}

/** Nobody else showed anything; it is noon. */
export function context(over: Partial<JudgementContext> = {}): JudgementContext {
  return {
    apps: [],
    register: [],
    accepted_elsewhere: new Map(),
    stack_devices: new Map(),
    baselines: baselined([]),
    drifts: new Map(),
    sensor_fault: new Set(),
    now: dayStart + 12 * HOUR,
    ...over,
  }
}
