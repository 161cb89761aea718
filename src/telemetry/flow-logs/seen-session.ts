/** A session as a flow sensor tells of it, in parts: what Zeek and Suricata have in common. */

/** At least and at most so many bytes of payload. */
export interface Bounds {
  least: number
  most: number
}

export interface Endpoint {
  ip: string
  port: number
}

/** What the log of the handshake says. Null: the log does not say. */
export interface SeenHandshake {
  sni: string | null
  tlsVersion: string | null
  cipher: string | null
  ja4: string | null
  /** The server took up an earlier session, so it showed no certificate. */
  resumed: boolean | null
  /** Encrypted records both ways (Zeek). In TLS 1.3 the client's may be an alert. */
  established: boolean | null
  /** Name of the last alert in the clear. */
  alert: string | null
  /** False where the groups of the ClientHello are known and none is hybrid: then it is small. */
  hybridOffered: boolean | null
  /** The ClientHello was sent twice (HelloRetryRequest). */
  helloTwice: boolean
  clientCertificate: boolean
}

/** What the log of the connection says. */
export interface SeenConnection {
  /** Epoch milliseconds. */
  startMs: number
  durationMs: number
  /** `no`: nothing came back; `rejected`: a reset or nothing but it came back. */
  answered: "yes" | "no" | "rejected"
  /** It was seen from its first packet on. */
  whole: boolean
  client: Bounds
  server: Bounds
  end: "fin" | "rst" | "timeout" | "none"
  endedBy: "client" | "origin" | null
}

export interface SeenSession {
  /** Zeek's uid, Suricata's flow_id. */
  key: string
  network: "tcp" | "quic"
  client: Endpoint
  server: Endpoint
  /** When the first part of it was seen, in epoch milliseconds. */
  seenMs: number
  handshake: SeenHandshake | null
  connection: SeenConnection | null
}

/** One line about a session: of its handshake, or of its connection. */
export interface SeenPart {
  key: string
  /** The time of the line, in epoch milliseconds; and when it was written at the earliest. */
  atMs: number
  writtenMs: number
  network: "tcp" | "quic"
  client: Endpoint
  server: Endpoint
  handshake: SeenHandshake | null
  connection: SeenConnection | null
  /** Protocols found in the connection (`tls`, `quic`, ...); null in lines about a handshake. */
  services: readonly string[] | null
}

/** The later part of a handshake adds what the earlier did not say. */
export function withHandshake(known: SeenHandshake | null, more: SeenHandshake): SeenHandshake {
  if (known === null) return more
  return {
    sni: known.sni ?? more.sni,
    tlsVersion: known.tlsVersion ?? more.tlsVersion,
    cipher: known.cipher ?? more.cipher,
    ja4: known.ja4 ?? more.ja4,
    resumed: known.resumed ?? more.resumed,
    established: known.established ?? more.established,
    alert: known.alert ?? more.alert,
    hybridOffered: known.hybridOffered ?? more.hybridOffered,
    helloTwice: known.helloTwice || more.helloTwice,
    clientCertificate: known.clientCertificate || more.clientCertificate,
  }
}

export const nothingOfHandshake: SeenHandshake = {
  sni: null,
  tlsVersion: null,
  cipher: null,
  ja4: null,
  resumed: null,
  established: null,
  alert: null,
  hybridOffered: null,
  helloTwice: false,
  clientCertificate: false,
}

/** As in a ClientHello: lower case, without the root's dot; null for what is no name. */
export function serverName(text: string | null): string | null {
  const name = text?.toLowerCase().replace(/\.$/, "") ?? ""
  return /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name) && name.length <= 253 && !/^[\d.]+$/.test(name)
    ? name
    : null
}
