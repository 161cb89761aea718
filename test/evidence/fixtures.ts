/** Records with a story, of one phone on one day, and stores in folders of their own. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { App } from "../../src/record/app.ts"
import { AppEvent } from "../../src/record/app-event.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import { Binding } from "../../src/record/binding.ts"
import { Device } from "../../src/record/device.ts"
import { Posture } from "../../src/record/posture.ts"
import { RegisterEntry } from "../../src/record/register-entry.ts"

/** 2026-11-21T10:00:00.000Z */
export const ten = Date.UTC(2026, 10, 21, 10)

interface Test {
  teardown: (work: () => void) => void
}

export function newDir(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), "pinsensor-evidence-"))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export const iso = (ms: number) => new Date(ms).toISOString()

const common = { tenant: "acme", site: "hq", sensor_id: "sensor-1", v: 1 } as const

/** A pinned app's refusal after a completed handshake; as a sensor writes it, ~1.7 KiB of JSON. */
export function attempt(id: string, ms = ten, clientIp = "10.1.0.7"): Attempt {
  return {
    ...common,
    id,
    observed_at: iso(ms),
    decision: "inspect",
    rule: "default",
    splice_cause: null,
    issuing_ca: "a1".repeat(32),
    sensor_config: "c0ffee0123456789",
    client_ip: clientIp,
    client_port: 40123,
    transport: "direct",
    relayed_by: null,
    proxy_user: null,
    destination_ip: "203.0.113.10",
    destination_port: 443,
    sni: "api.bank.example",
    connect_host: "api.bank.example",
    connect_user_agent: "okhttp/4.12.0",
    name_agrees: true,
    ech_offered: false,
    ja4: "t13d1516h2_8daaf6152771_02713d6af862",
    stack: "t13d15_8daaf6152771_02713d6af862",
    alpn_offered: ["h2", "http/1.1"],
    alpn_chosen: "h2",
    tls_version: "TLSv1.3",
    cipher: "TLS_AES_128_GCM_SHA256",
    group: "X25519",
    phases: {
      hello: { ms: 0.4, bytes_in: 517, bytes_out: 0 },
      certificate: { ms: 2.1, bytes_in: 517, bytes_out: 1800 },
      delivered: { ms: 5.5, bytes_in: 517, bytes_out: 1800 },
      finished: { ms: 6.5, bytes_in: 600, bytes_out: 1800 },
      first_data: null,
      closed: { ms: 10.25, bytes_in: 600, bytes_out: 2000 },
    },
    hello_fault: null,
    alert: null,
    alert_level: null,
    alert_from: null,
    alert_after_finished: null,
    close_notify_from: "client",
    end: "fin",
    ended_by: "client",
    client_app_bytes: 0,
    client_turns: 0,
    delivered_app_bytes: 0,
    h2_headers: false,
    rtt_ms: 3.2,
    retransmits: 0,
    leaf: "b2".repeat(32),
    leaf_check: "ok",
    upstream: {
      status: "verified",
      reason: null,
      leaf: "d4".repeat(32),
      issuer: "CN=Example CA",
      tls_version: "TLSv1.3",
      alpn: "h2",
      client_certificate: "none",
      public_trust: true,
    },
    outcome: "refused-after-handshake",
    strength: "strong",
    mark: null,
    token: "HCDF.|fin:client",
  }
}

export function appEvent(id: string, eventId: string, ms = ten): AppEvent {
  return AppEvent.parse({
    ...common,
    id,
    observed_at: iso(ms),
    event_id: eventId,
    source: "vendor-x",
    received_at: iso(ms + 1000),
    type: "network_connect",
  })
}

export function device(id: string, deviceId: string, ms: number, user: string): Device {
  return Device.parse({
    ...common,
    id,
    observed_at: iso(ms),
    device_id: deviceId,
    platform: "ios",
    user,
  })
}

export function posture(id: string, deviceId: string, ms: number, profile = "device"): Posture {
  return Posture.parse({ ...common, id, observed_at: iso(ms), device_id: deviceId, profile })
}

export function app(id: string, appId: string, ms: number, signer: string | null): App {
  return App.parse({
    ...common,
    id,
    observed_at: iso(ms),
    app_id: appId,
    platform: "android",
    signer_sha256: signer,
  })
}

export function binding(id: string, address: string, from: number, to: number | null): Binding {
  return Binding.parse({
    ...common,
    id,
    observed_at: iso(from),
    address,
    valid_from: iso(from),
    valid_to: to === null ? null : iso(to),
    device_id: "d-1",
  })
}

export function registerEntry(id: string, sni: string, expires: number | null): RegisterEntry {
  return RegisterEntry.parse({
    ...common,
    id,
    observed_at: iso(ten),
    kind: "operator",
    scope: { sni },
    owner: "netops",
    reason: "pinned by its vendor",
    created_at: iso(ten),
    expires_at: expires === null ? null : iso(expires),
  })
}
