/**
 * What sums of bytes and states of a connection say of its use. In: a session as a flow sensor saw it.
 * Out: the verdict, and why. Where the bytes might be a handshake alone it is `undecided`, so that neither
 * a refusal is taken for use nor a short use for a failure.
 */
import type { FlowVerdict } from "../../record/flow.ts"
import type { SeenConnection, SeenHandshake, SeenSession } from "./seen-session.ts"
import type { HandshakeAllowance } from "./settings.ts"

export interface UseVerdict {
  verdict: FlowVerdict
  strong: boolean
  estimated: boolean
  reason: string
}

/** Application bytes each way that make use strong, as for spliced sessions. */
const strongBytes = 200
/** Below it there is no ServerHello: 5 of the record, 4 of the message, at least 38 of fields, extensions
 * (RFC 8446 section 4.1.3), of which TLS 1.3 needs 46. An alert in the clear is 7. */
const leastServerHello = 60
/** A ClientHello without a hybrid share, padded to 517 bytes (RFC 7685) or with ECH; Finished, alert. */
const classicClient = 1_000
/** Without certificates: hellos with a hybrid share, Finished, two large tickets. */
const resumedServer = 2_560
/** Chain and signature of a client. */
const clientCertificate = 6_000
/** ServerHello, Finished and what goes with them, resumed and with no ticket. */
const leastServerFlight = 250
/** The smallest ClientHello with a name (180), Finished (58) and one record: no less can carry a request. */
const leastUsedClient = 280

export function useVerdict(session: SeenSession, allowance: HandshakeAllowance): UseVerdict {
  const { connection, handshake, network } = session
  if (connection === null) return undecided("open, or its connection was not logged")
  if (connection.answered !== "yes") return blocked(connection.answered)
  if (!connection.whole) return undecided("seen from its middle on")
  const { client, server } = connection
  if (network === "tcp" && client.most > 0 && server.most < leastServerHello)
    return failed(handshake?.alert ? `alert ${handshake.alert}` : "no ServerHello came")
  if (handshake?.established === false && connection.end !== "none")
    return failed(handshake.alert ? `alert ${handshake.alert}` : "the handshake did not end")
  const most = handshakeAtMost(session, handshake, allowance)
  const beyond = Math.min(client.least - most.client, server.least - most.server)
  if (beyond > 0)
    return {
      verdict: "used",
      strong: beyond >= strongBytes,
      estimated: true,
      reason: `more than a handshake both ways (over ${most.client} and ${most.server} bytes)`,
    }
  if (client.least > most.client && server.most < leastServerFlight)
    return estimated("sent-only", "more than a handshake from the client, less from the server")
  if (handshake?.established && client.most < leastUsedClient)
    return estimated("established-unused", "too little from the client for a request")
  return undecided("no more bytes than a handshake may take")
}

function handshakeAtMost(
  { network }: SeenSession,
  handshake: SeenHandshake | null,
  allowance: HandshakeAllowance,
): { client: number; server: number } {
  if (network === "quic")
    return { client: allowance["quic-client"], server: allowance["quic-server"] }
  const hello =
    handshake?.hybridOffered === false
      ? Math.min(classicClient, allowance.client)
      : allowance.client
  return {
    client:
      hello * (handshake?.helloTwice ? 2 : 1) +
      (handshake?.clientCertificate ? clientCertificate : 0),
    server: handshake?.resumed ? Math.min(resumedServer, allowance.server) : allowance.server,
  }
}

function blocked(answered: Exclude<SeenConnection["answered"], "yes">): UseVerdict {
  const reason = answered === "no" ? "not answered" : "rejected"
  return { verdict: "direct-attempted", strong: false, estimated: false, reason }
}

function failed(reason: string): UseVerdict {
  return { verdict: "failed", strong: false, estimated: false, reason }
}

function estimated(verdict: FlowVerdict, reason: string): UseVerdict {
  return { verdict, strong: false, estimated: true, reason }
}

function undecided(reason: string): UseVerdict {
  return estimated("undecided", reason)
}
