/**
 * What a row of Zeek's ssl.log, quic.log or conn.log says of a session. In: a row. Out: its part of the
 * session, null for a row that is of no interest, or what is wrong with it.
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
import type { ZeekRow } from "./zeek-line.ts"

export type ZeekLog = "ssl" | "quic" | "conn"

export function zeekPart(log: ZeekLog, row: ZeekRow): SeenPart | null | { fault: string } {
  const atMs = time(row.get("ts"))
  const key = row.get("uid")
  const client = endpoint(row, "orig")
  const server = endpoint(row, "resp")
  if (atMs === null) return { fault: "ts is no time" }
  if (!key || key.length > 100) return { fault: "uid is missing" }
  if (!client || !server)
    return { fault: "id.orig_h, id.orig_p, id.resp_h or id.resp_p is missing" }
  const at = { key, atMs, client, server }
  if (log !== "conn") {
    if (row.get("version")?.startsWith("DTLS")) return null
    return {
      ...at,
      writtenMs: atMs,
      // Of a session over QUIC there is a line in ssl.log, too, which does not say so.
      network: log === "quic" ? "quic" : "tcp",
      handshake: log === "quic" ? quicHandshake(row) : sslHandshake(row),
      connection: null,
      services: null,
    }
  }
  const proto = row.get("proto")
  if (proto !== "tcp" && proto !== "udp") return null
  const connection = connectionOf(row, atMs, proto, client.ip)
  return {
    ...at,
    writtenMs: atMs + connection.durationMs,
    network: proto === "udp" ? "quic" : "tcp",
    handshake: null,
    connection,
    services: protocols(row.get("service")),
  }
}

/** In our words: `tls` or `quic`. A name after `-` is a protocol that Zeek found and gave up. */
function protocols(service: string | undefined): string[] {
  const names = service?.toLowerCase().split(",") ?? []
  return names.map((name) => (name === "ssl" ? "tls" : name))
}

function sslHandshake(row: ZeekRow): SeenHandshake {
  const history = row.get("ssl_history") ?? ""
  return {
    ...nothingOfHandshake,
    sni: serverName(row.get("server_name") ?? null),
    tlsVersion: versionName(row.get("version")),
    cipher: row.get("cipher") ?? null,
    ja4: ja4Of(row.get("ja4")),
    resumed: flag(row.get("resumed")),
    established: flag(row.get("established")),
    alert: row.get("last_alert") ?? null,
    helloTwice: history.includes("j"),
    clientCertificate:
      history.includes("X") ||
      Boolean(row.get("client_cert_chain_fps") ?? row.get("client_cert_chain_fuids")),
  }
}

function quicHandshake(row: ZeekRow): SeenHandshake {
  return { ...nothingOfHandshake, sni: serverName(row.get("server_name") ?? null) }
}

/** Meanings of conn_state and history: documentation of Zeek's Conn::Info. */
function connectionOf(
  row: ZeekRow,
  startMs: number,
  proto: "tcp" | "udp",
  clientIp: string,
): SeenConnection {
  const state = row.get("conn_state") ?? "OTH"
  const history = row.get("history") ?? ""
  const durationMs = Math.round(Math.max(0, Number(row.get("duration") ?? 0) || 0) * 1_000)
  const header = (clientIp.includes(":") ? 40 : 20) + (proto === "tcp" ? 20 : 8)
  return {
    startMs,
    durationMs,
    answered: answered(state, proto),
    // `x`: analysis partial; `^`: taken for flipped. Midstream, half seen.
    whole:
      !/[x^]/i.test(history) &&
      (proto === "udp" ? state === "SF" : /^(SF|S[123]|RSTO|RSTR)$/.test(state)),
    client: payload(row, "orig", header),
    server: payload(row, "resp", header),
    ...endOf(state, history, proto),
  }
}

function answered(state: string, proto: "tcp" | "udp"): SeenConnection["answered"] {
  if (state === "REJ") return "rejected"
  if (state === "S0" || (proto === "tcp" && state === "RSTOS0")) return "no"
  return "yes"
}

function endOf(
  state: string,
  history: string,
  proto: "tcp" | "udp",
): Pick<SeenConnection, "end" | "endedBy"> {
  if (proto === "udp") return { end: "timeout", endedBy: null }
  if (state === "RSTO" || state === "RSTOS0") return { end: "rst", endedBy: "client" }
  if (state === "RSTR" || state === "REJ") return { end: "rst", endedBy: "origin" }
  if (state === "S2") return { end: "fin", endedBy: "client" }
  if (state === "S3") return { end: "fin", endedBy: "origin" }
  if (state !== "SF") return { end: "none", endedBy: null }
  const first = /[Ff]/.exec(history)?.[0]
  return { end: "fin", endedBy: first === undefined ? null : first === "F" ? "client" : "origin" }
}

/** By sequence numbers, so what was sent again counts once; they lie after some resets, and then what IP
 * carried is the bound. */
function payload(row: ZeekRow, side: "orig" | "resp", header: number): Bounds {
  const bytes = count(row.get(`${side}_bytes`))
  const carried = count(row.get(`${side}_ip_bytes`))
  const packets = count(row.get(`${side}_pkts`))
  const most =
    carried === null || packets === null
      ? Number.POSITIVE_INFINITY
      : Math.max(0, carried - packets * header)
  const known = Math.min(bytes ?? 0, most)
  return { least: known, most: known }
}

function endpoint(row: ZeekRow, side: "orig" | "resp"): Endpoint | null {
  const ip = row.get(`id.${side}_h`)
  const port = count(row.get(`id.${side}_p`))
  return ip && /^[0-9a-f.:]{2,45}$/i.test(ip) && port !== null && port <= 65_535
    ? { ip, port }
    : null
}

/** Seconds since 1970 with fractions, or ISO 8601 (LogAscii::json_timestamps). */
function time(text: string | undefined): number | null {
  if (text === undefined) return null
  const seconds = Number(text)
  const ms = Number.isFinite(seconds) ? Math.round(seconds * 1_000) : Date.parse(text)
  return ms > 0 && ms < 253_402_300_800_000 ? ms : null
}

function count(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null
}

function flag(text: string | undefined): boolean | null {
  return text === "T" ? true : text === "F" ? false : null
}

/** TLSv12 -> TLSv1.2, as in our other records. */
function versionName(text: string | undefined): string | null {
  return text?.replace(/^TLSv1(\d)$/, "TLSv1.$1") ?? null
}

/** JA4 is no part of Zeek; FoxIO's package adds this field. */
export function ja4Of(text: string | undefined): string | null {
  return text !== undefined && /^[a-z0-9]{10}_[0-9a-f]{12}_[0-9a-f]{12}$/.test(text) ? text : null
}
