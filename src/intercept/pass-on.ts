/**
 * Passes on what is no TLS (a plain WebSocket through CONNECT, SSH, ...), unread. Fails open: the
 * sensor is no protocol filter; `not-tls: block` in the configuration closes it.
 */
import { connect } from "node:net"
import type { ClientConnection } from "./client-connection.ts"
import { dialOptions } from "./dial.ts"
import { pump } from "./pump.ts"
import type { SensorDeps } from "./sensor-deps.ts"

export function passOn(
  connection: ClientConnection,
  addresses: readonly string[],
  deps: SensorDeps,
): void {
  const { raw: client, destinationPort } = connection.arrival
  const { limits, sensor } = deps
  const origin = connect({
    ...dialOptions(addresses, destinationPort),
    noDelay: true,
    allowHalfOpen: true,
  })
  const unanswered = setTimeout(() => origin.destroy(), limits["upstream-time"])
  origin.once("connect", () => clearTimeout(unanswered))
  client.setTimeout(limits["idle-time"], () => client.destroy())
  pump(client, origin, () => {})
  pump(origin, client, () => {})
  origin.on("error", () => client.destroy())
  if (client.destroyed) origin.destroy()
  else client.on("close", () => origin.destroy())
  origin.on("close", () => {
    clearTimeout(unanswered)
    client.destroySoon()
    const attempt = connection.record(sensor, "fin", null)
    if (attempt) deps.onAttempt(attempt)
  })
}
