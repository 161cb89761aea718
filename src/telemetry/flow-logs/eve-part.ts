/**
 * What a line of Suricata's eve.json says of a session: events tls, quic and flow. In: a line. Out: its part
 * of the session, null for other events, or what is wrong with it.
 */
import {
  type Bounds,
  type Endpoint,
  nothingOfHandshake,
  type SeenConnection,
  type SeenHandshake,
  type SeenPart,
  serverName,
} from "./seen-session.ts"
import { ja4Of } from "./zeek-part.ts"

interface EveObject {
  [field: string]: unknown
}

/**
 * Suricata counts whole frames: Ethernet 14, IP 20 or 40, TCP 20-60 or UDP 8. A data segment has 32 with time
 * stamps, a SYN 40, an acknowledgement of gaps up to 60; 4 more where a VLAN is tagged. The bounds of payload
 * follow from the least and from what is usual at most.
 */
const overhead = {
  tcp: { least: 14 + 20 + 20, most: 14 + 4 + 20 + 44 },
  quic: { least: 14 + 20 + 8, most: 14 + 4 + 20 + 8 },
}
const moreOfIpv6 = 20

/** TLS groups (IANA) whose key share is a kilobyte and more: X25519MLKEM768 and its kin, Kyber's draft. */
const hybridGroups = new Set(["4587", "4588", "4589", "25497", "25498"])

export function evePart(line: string): SeenPart | null | { fault: string } {
  let event: EveObject
  try {
    const read: unknown = JSON.parse(line)
    if (typeof read !== "object" || read === null) return { fault: "is no JSON object" }
    event = read as EveObject
  } catch {
    return { fault: "is no JSON" }
  }
  const type = text(event, "event_type")
  if (type !== "tls" && type !== "quic" && type !== "flow") return null
  const proto = text(event, "proto")
  if (proto !== "TCP" && proto !== "UDP") return null
  const atMs = time(text(event, "timestamp"))
  // The number may be beyond what a double holds; the text of the line has it whole.
  const key = /"flow_id":\s*(\d{1,20})/.exec(line)?.[1]
  const client = endpoint(event, "src")
  const server = endpoint(event, "dest")
  if (atMs === null) return { fault: "timestamp is no time" }
  if (!key) return { fault: "flow_id is missing" }
  if (!client || !server) return { fault: "src_ip, src_port, dest_ip or dest_port is missing" }
  const network = proto === "UDP" ? "quic" : "tcp"
  const at = { key, atMs, writtenMs: atMs, network, client, server } as const
  if (type === "flow") {
    const connection = connectionOf(event, network, client.ip)
    if (connection === null) return { fault: "flow has no start or no counts" }
    const app = text(event, "app_proto")
    return { ...at, handshake: null, connection, services: app === null ? [] : [app] }
  }
  const told = object(event, type)
  if (told === null) return { fault: `${type} is missing` }
  return { ...at, handshake: handshakeOf(told), connection: null, services: null }
}

function handshakeOf(told: EveObject): SeenHandshake {
  const ja3 = object(told, "ja3")
  return {
    ...nothingOfHandshake,
    sni: serverName(text(told, "sni")),
    tlsVersion: versionName(text(told, "version")),
    ja4: ja4Of(text(told, "ja4") ?? undefined),
    // Written only where it is so; a session without a certificate is not told apart in TLS 1.3.
    resumed: told["session_resumed"] === true ? true : null,
    hybridOffered: offersHybrid(ja3 && text(ja3, "string")),
    clientCertificate: object(told, "client") !== null,
  }
}

/** JA3 before hashing: version, ciphers, extensions, groups, point formats. */
function offersHybrid(ja3: string | null): boolean | null {
  const groups = ja3?.split(",")[3]
  return groups === undefined ? null : groups.split("-").some((group) => hybridGroups.has(group))
}

function connectionOf(
  event: EveObject,
  network: "tcp" | "quic",
  clientIp: string,
): SeenConnection | null {
  const flow = object(event, "flow")
  const tcp = object(event, "tcp")
  const startMs = time(flow && text(flow, "start"))
  if (flow === null || startMs === null) return null
  const endMs = time(text(flow, "end")) ?? startMs
  const v6 = clientIp.includes(":")
  const client = payload(flow, "toserver", network, v6)
  const server = payload(flow, "toclient", network, v6)
  if (client === null || server === null) return null
  const [byClient, byServer] = [flags(tcp, "tcp_flags_ts"), flags(tcp, "tcp_flags_tc")]
  const answered = answerOf(flow, network, server, byServer)
  return {
    startMs,
    durationMs: Math.max(0, endMs - startMs),
    answered,
    // Without the SYN of the client it was picked up midstream; the flags are of all packets seen.
    whole: network === "quic" || ((byClient ?? 0) & SYN) !== 0,
    client,
    server,
    ...endOf(network, byClient, byServer),
  }
}

const FIN = 1
const SYN = 2
const RST = 4

function answerOf(
  flow: EveObject,
  network: "tcp" | "quic",
  server: Bounds,
  byServer: number | null,
): SeenConnection["answered"] {
  if (number(flow, "pkts_toclient") === 0) return "no"
  if (network === "tcp" && byServer !== null && byServer & RST && !(byServer & SYN))
    return "rejected"
  // A firewall that rejects in the name of the server, after nothing else.
  return network === "tcp" && text(flow, "state") === "new" && server.most <= 0 ? "no" : "yes"
}

function endOf(
  network: "tcp" | "quic",
  byClient: number | null,
  byServer: number | null,
): Pick<SeenConnection, "end" | "endedBy"> {
  if (network === "quic") return { end: "timeout", endedBy: null }
  const [ours, theirs] = [byClient ?? 0, byServer ?? 0]
  // A reset after both sent FIN is how many clients close.
  if (!(ours & FIN && theirs & FIN)) {
    if (ours & RST) return { end: "rst", endedBy: "client" }
    if (theirs & RST) return { end: "rst", endedBy: "origin" }
  }
  if ((ours | theirs) & FIN) {
    const both = ours & FIN && theirs & FIN
    return { end: "fin", endedBy: both ? null : ours & FIN ? "client" : "origin" }
  }
  return { end: "none", endedBy: null }
}

function payload(
  flow: EveObject,
  way: "toserver" | "toclient",
  network: "tcp" | "quic",
  v6: boolean,
): Bounds | null {
  const [bytes, packets] = [number(flow, `bytes_${way}`), number(flow, `pkts_${way}`)]
  if (bytes === null || packets === null) return null
  const more = v6 ? moreOfIpv6 : 0
  const { least, most } = overhead[network]
  return {
    least: Math.max(0, bytes - packets * (most + more)),
    most: Math.max(0, bytes - packets * (least + more)),
  }
}

function endpoint(event: EveObject, side: "src" | "dest"): Endpoint | null {
  const [ip, port] = [text(event, `${side}_ip`), number(event, `${side}_port`)]
  return ip && /^[0-9a-f.:]{2,45}$/i.test(ip) && port !== null && port <= 65_535
    ? { ip, port }
    : null
}

/** 2026-11-21T11:16:39.785507+0000: ISO 8601 without the colon. */
function time(stamp: string | null): number | null {
  if (stamp === null) return null
  const ms = Date.parse(stamp.replace(/([+-]\d\d)(\d\d)$/, "$1:$2"))
  return Number.isFinite(ms) && ms > 0 ? ms : null
}

function flags(tcp: EveObject | null, name: string): number | null {
  const hex = tcp && text(tcp, name)
  return hex && /^[0-9a-f]{1,4}$/i.test(hex) ? Number.parseInt(hex, 16) : null
}

/** TLS 1.3 -> TLSv1.3, as in our other records. */
function versionName(name: string | null): string | null {
  return name?.replace(/^TLS (1\.\d)$/, "TLSv$1") ?? null
}

function text(from: EveObject, name: string): string | null {
  const value = from[name]
  return typeof value === "string" && value.length <= 4_096 ? value : null
}

function number(from: EveObject, name: string): number | null {
  const value = from[name]
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null
}

function object(from: EveObject, name: string): EveObject | null {
  const value = from[name]
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as EveObject)
    : null
}
