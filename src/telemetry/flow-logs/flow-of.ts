/**
 * The flow record of a session that a flow sensor saw. In: the session as its logs tell. Out: a record of
 * which the id depends on the source, the session and its start alone, so what is read twice is stored once.
 */
import { createHash } from "node:crypto"
import type { Flow } from "../../record/flow.ts"
import type { SeenSession } from "./seen-session.ts"
import type { HandshakeAllowance } from "./settings.ts"
import { useVerdict } from "./use-verdict.ts"

export interface FlowSource {
  /** Unique among all sources. */
  name: string
  kind: "zeek" | "suricata"
  common: { tenant: string; site: string; sensor_id: string; v: 1 }
  handshake: HandshakeAllowance
  /** Whether a flow from this address to that one may be a control observation. */
  control: (client: string, server: string) => boolean
}

export function flowOf(session: SeenSession, source: FlowSource): Flow {
  const { client, server, handshake, connection } = session
  const startMs = connection?.startMs ?? session.seenMs
  return {
    ...source.common,
    id: idOf(source.name, session.key, startMs),
    observed_at: new Date(startMs).toISOString(),
    // Nobody decided; it was not inspected.
    decision: "splice",
    rule: "seen",
    splice_cause: null,
    issuing_ca: null,
    sensor_config: source.kind,
    client_ip: client.ip,
    client_port: client.port,
    transport: "direct",
    relayed_by: null,
    proxy_user: null,
    destination_ip: server.ip,
    destination_port: server.port,
    sni: handshake?.sni ?? null,
    connect_host: null,
    connect_user_agent: null,
    name_agrees: null,
    ech_offered: false,
    ja4: handshake?.ja4 ?? null,
    // It is made from the ClientHello, which no log has.
    stack: null,
    alpn_offered: [],
    source: source.kind,
    control: source.control(client.ip, server.ip),
    register_entry: null,
    network: session.network,
    ...useVerdict(session, source.handshake),
    tls_version: handshake?.tlsVersion ?? null,
    cipher: handshake?.cipher ?? null,
    client_bytes: connection?.client.least ?? 0,
    server_bytes: connection?.server.least ?? 0,
    duration_ms: connection?.durationMs ?? 0,
    end: connection?.end ?? "none",
    ended_by: connection?.endedBy ?? null,
  }
}

function idOf(source: string, key: string, startMs: number): string {
  const text = JSON.stringify([source, key, startMs])
  return createHash("sha256").update(text).digest("hex").slice(0, 32)
}
