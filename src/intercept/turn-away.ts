/** How a connection ends whose client has seen nothing of ours, and how its attempt is handed on. */
import type { AttemptFacts } from "../record/attempt.ts"
import type { ClientConnection } from "./client-connection.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { plaintextAlert } from "./tls-error.ts"

/** With a fatal alert in clear, if the client speaks TLS (RFC 8446 section 6.2); null: with none. */
export function turnAway(
  connection: ClientConnection,
  deps: SensorDeps,
  alert: number | null,
): void {
  const { raw } = connection.arrival
  const speaksTls = connection.helloFault !== "not-tls"
  if (alert !== null && speaksTls && !raw.destroyed) raw.write(plaintextAlert(alert))
  raw.destroySoon()
  finish(connection, deps, "fin", "sensor")
}

/** Records the attempt, if it was not recorded yet. */
export function finish(
  connection: ClientConnection,
  deps: SensorDeps,
  end: AttemptFacts["end"],
  by: AttemptFacts["ended_by"],
): void {
  const attempt = connection.record(deps.sensor, end, by)
  if (attempt) deps.onAttempt(attempt, connection.arrival.raw)
}
