/** Records for the tests of the join: whole and valid, with what a row does not care about filled in. */
import type { z } from "zod"
import { App } from "../../src/record/app.ts"
import { AppEvent } from "../../src/record/app-event.ts"
import { Attempt } from "../../src/record/attempt.ts"
import { Binding } from "../../src/record/binding.ts"
import { Device } from "../../src/record/device.ts"
import { Flow } from "../../src/record/flow.ts"
import { Posture } from "../../src/record/posture.ts"

/** `10:30` or `10:30:05.250` on the one day on which everything happens. */
export function clock(time: string): string {
  const [hours = "0", minutes = "0", seconds = "0"] = time.split(":")
  const [whole = "0", part = ""] = seconds.split(".")
  const two = (text: string) => text.padStart(2, "0")
  return `2026-11-20T${two(hours)}:${two(minutes)}:${two(whole)}.${part.padEnd(3, "0")}Z`
}

export function ms(time: string): number {
  return Date.parse(clock(time))
}

function common(id: string, time: string) {
  const observed_at = clock(time)
  return { tenant: "acme", site: "berlin", sensor_id: "s1", v: 1 as const, id, observed_at }
}

export function binding(
  id: string,
  address: string,
  device_id: string,
  [from, to]: [from: string, to: string | null],
  more: Partial<z.input<typeof Binding>> = {},
): Binding {
  return Binding.parse({
    ...common(id, from),
    address,
    device_id,
    valid_from: clock(from),
    valid_to: to === null ? null : clock(to),
    source: "dhcp",
    ...more,
  })
}

export function device(device_id: string, more: Partial<z.input<typeof Device>> = {}): Device {
  return Device.parse({
    ...common(`d-${device_id}`, "0:00"),
    device_id,
    platform: "android",
    ...more,
  })
}

export function posture(
  device_id: string,
  time: string,
  apps: string[] | null,
  more: Partial<z.input<typeof Posture>> = {},
): Posture {
  return Posture.parse({
    ...common(`p-${device_id}-${time}-${more.profile ?? "device"}`, time),
    device_id,
    apps:
      apps?.map((app_id) => ({ app_id, version: "1.0", signer_sha256: `sig-${app_id}` })) ?? null,
    ...more,
  })
}

export function app(app_id: string, more: Partial<z.input<typeof App>> = {}): App {
  return App.parse({ ...common(`a-${app_id}`, "0:00"), app_id, platform: "android", ...more })
}

export function event(
  id: string,
  time: string,
  app_id: string,
  dest: z.input<typeof AppEvent>["dest"],
  more: Partial<z.input<typeof AppEvent>> = {},
): AppEvent {
  return AppEvent.parse({
    ...common(id, time),
    event_id: id,
    source: "edr",
    received_at: clock("23:59"),
    device: { device_id: "phone" },
    app: { id: app_id, version: "2.0" },
    type: "network_connect",
    dest,
    ...more,
  })
}

const connection = {
  decision: "inspect" as const,
  rule: "default",
  splice_cause: null,
  issuing_ca: "ca",
  sensor_config: "c1",
  client_ip: "10.0.0.5",
  client_port: 50_000,
  transport: "direct" as const,
  relayed_by: null,
  proxy_user: null,
  destination_ip: "203.0.113.10",
  destination_port: 443,
  sni: "api.shop.example",
  connect_host: null,
  connect_user_agent: null,
  name_agrees: true,
  ech_offered: false,
  ja4: null,
  stack: null,
  alpn_offered: [],
}

export function attempt(
  id: string,
  time: string,
  more: Partial<z.input<typeof Attempt>> = {},
): Attempt {
  return Attempt.parse({
    ...common(id, time),
    ...connection,
    alpn_chosen: null,
    tls_version: null,
    cipher: null,
    group: null,
    phases: {
      hello: null,
      certificate: null,
      delivered: null,
      finished: null,
      first_data: null,
      closed: { ms: 10, bytes_in: 0, bytes_out: 0 },
    },
    alert: null,
    alert_level: null,
    alert_from: null,
    alert_after_finished: null,
    close_notify_from: null,
    end: "fin",
    ended_by: "client",
    client_app_bytes: 0,
    delivered_app_bytes: 0,
    h2_headers: null,
    hello_fault: null,
    client_turns: 1,
    rtt_ms: null,
    retransmits: null,
    leaf: null,
    leaf_check: null,
    upstream: {
      status: "not-contacted",
      reason: null,
      leaf: null,
      issuer: null,
      tls_version: null,
      alpn: null,
      client_certificate: null,
      public_trust: null,
    },
    outcome: "refused-close",
    strength: "strong",
    mark: null,
    token: "HC.|fin:client",
    ...more,
  })
}

export function flow(id: string, time: string, more: Partial<z.input<typeof Flow>> = {}): Flow {
  return Flow.parse({
    ...common(id, time),
    ...connection,
    source: "zeek",
    control: true,
    register_entry: null,
    network: "tcp",
    verdict: "used",
    reason: "application data both ways",
    strong: true,
    estimated: true,
    tls_version: "1.3",
    cipher: null,
    client_bytes: 500,
    server_bytes: 5000,
    duration_ms: 100,
    end: "fin",
    ended_by: "client",
    ...more,
  })
}
