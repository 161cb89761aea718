/**
 * Passes on what is no TLS (a plain WebSocket through CONNECT, SSH, ...), unread. Fails open: the
 * sensor is no protocol filter; `not-tls: block` in the configuration closes it.
 */
import type { ClientConnection } from "./client-connection.ts"
import { type Destination, openStream } from "./destination.ts"
import { notContacted } from "./dial-origin.ts"
import { keepAlive } from "./keep-alive.ts"
import { endIdle, pump, pumpFrom } from "./pump.ts"
import type { SensorDeps } from "./sensor-deps.ts"
import { errorCode } from "./tls-error.ts"

export function passOn(connection: ClientConnection, to: Destination, deps: SensorDeps): void {
  const { raw: client } = connection.arrival
  const { limits, sensor } = deps
  const { origin, inflow } = openStream(to, limits["upstream-time"])
  let connected = false
  const unanswered = setTimeout(() => origin.destroy(), limits["upstream-time"])
  origin.once("connect", () => {
    clearTimeout(unanswered)
    connected = true
    keepAlive(origin)
  })
  endIdle(client, origin, limits, () => client.destroy())
  pump(client, origin, () => {})
  pumpFrom(inflow, origin, client, () => {})
  origin.on("error", (error) => {
    if (!connected)
      connection.upstream = { ...notContacted, status: "unreachable", reason: errorCode(error) }
    client.destroy()
  })
  if (client.destroyed) origin.destroy()
  else client.on("close", () => origin.destroy())
  origin.on("close", () => {
    clearTimeout(unanswered)
    client.destroySoon()
    const attempt = connection.record(sensor, "fin", null)
    if (attempt) deps.onAttempt(attempt, client)
  })
}
