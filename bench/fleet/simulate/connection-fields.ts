/** What a connection carries before anything passed on it: as records have it, and as policy is asked. */
import type { ConnectionFacts } from "../../../src/policy/connection-view.ts"
import type { Base } from "../wire/attempt-of.ts"
import type { Stack } from "../wire/stacks.ts"
import { holdsAt, hour, type Installed, type Phone } from "../world/model.ts"
import type { Meeting } from "./reaction.ts"

export function fieldsOf(meeting: Meeting, host: string, port: number, id: string): Base {
  const { world, phone, installed, place, at, stack } = meeting
  const explicit = phone.path === "explicit"
  return {
    tenant: phone.tenant,
    site: world.site,
    sensor_id: "sensor-1",
    v: 1,
    id,
    observed_at: new Date(at).toISOString(),
    decision: "inspect",
    rule: "default",
    splice_cause: null,
    issuing_ca: holdsAt(world.issuer, at),
    sensor_config: holdsAt(world.config, at),
    client_ip: holdsAt(phone.addresses, at).ip,
    client_port: port,
    transport: phone.relayed ? "relayed" : "direct",
    relayed_by: phone.relayed ? relay : null,
    proxy_user: null,
    destination_ip: place.ip,
    destination_port: 443,
    sni: place.echOuter ?? host,
    connect_host: explicit ? host : null,
    connect_user_agent: explicit ? userAgentOf(installed, phone) : null,
    name_agrees: place.echOuter === null,
    ech_offered: place.echOuter !== null || stack.name === "chromium",
    ja4: stack.ja4,
    stack: stack.key,
    alpn_offered: [...stack.alpn],
    leaf: "c3".repeat(32),
  }
}

/** What a load balancer's PROXY header says beside the addresses. */
const relay = { proxy_ip: "10.10.10.2", authority: null, unique_id: null, client_cn: null }

export function factsOf(base: Base, phone: Phone, stack: Stack): ConnectionFacts {
  return {
    client_ip: base.client_ip,
    // Workers know the device by its binding; where none was told, they know none.
    device_id: isTold(phone, Date.parse(base.observed_at)) ? phone.id : null,
    device_groups: [],
    listener: "explicit",
    sni: base.sni,
    connect_host: base.connect_host,
    destination_ip: base.destination_ip,
    destination_port: base.destination_port,
    alpn_offered: base.alpn_offered,
    stack: stack.key,
    name_agrees: base.name_agrees,
    hello_readable: true,
  }
}

function isTold(phone: Phone, at: number): boolean {
  const step = phone.addresses.findLast(({ from }) => from <= at)
  if (!step) return false
  const { told } = step.value
  switch (told) {
    case "late":
      return at >= step.from + 3 * hour
    case "mac":
      return at >= step.from
    case "dhcp":
    case "vpn":
      return true
    case "made-up-mac":
    case "never":
      return false
  }
}

/** iOS names the app in its CONNECT; Android's names the library. */
function userAgentOf({ app, version }: Installed, { platform }: Phone): string {
  if (app.role === "browser") return "Mozilla/5.0"
  if (platform === "android") return app.stack === "flutter" ? "Dart/3.5" : "okhttp/4.12.0"
  return `${app.name}/${version[0]?.value ?? "1.0"} CFNetwork/1494.0.7 Darwin/23.4.0`
}
