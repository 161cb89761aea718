/**
 * A plain WebSocket (or another upgrade) without CONNECT: the head goes on as it came, then bytes go
 * both ways unread. Comes in: a request that Node's HTTP server has parsed; it is guarded as all else.
 */
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { type Destination, destination, openStream } from "./destination.ts"
import { type Found, findAddresses } from "./find-addresses.ts"
import { endIdle, pump, pumpFrom } from "./pump.ts"
import type { SensorDeps } from "./sensor-deps.ts"

type UpgradeDeps = Pick<SensorDeps, "resolver" | "guard" | "limits" | "upstreamProxy">

export function upgrade(
  request: IncomingMessage,
  client: Socket,
  head: Buffer,
  deps: UpgradeDeps,
  onGuarded: (host: string, because: string) => void,
): void {
  client.on("error", () => {})
  const target = upgradeTarget(request)
  if (!target) return void client.destroy()
  const found = findAddresses(target.host, target.port, deps)
  const go = (found: Found) => {
    if (client.destroyed) return
    if (found.guarded !== null) return onGuarded(target.host, found.guarded)
    if (found.addresses.length === 0 && found.name === null) return void client.destroy()
    const to = destination(found, target.host, target.port, deps.upstreamProxy)
    join(client, to, Buffer.concat([headOf(request, target.path), head]), deps)
  }
  if (found instanceof Promise) found.then(go)
  else go(found)
}

function join(client: Socket, to: Destination, first: Buffer, { limits }: UpgradeDeps): void {
  const { origin, inflow } = openStream(to, limits["upstream-time"])
  const unanswered = setTimeout(() => origin.destroy(), limits["upstream-time"])
  origin.once("connect", () => clearTimeout(unanswered))
  origin.write(first)
  endIdle(client, origin, limits, () => client.destroy())
  pump(client, origin, () => {})
  pumpFrom(inflow, origin, client, () => {})
  origin.on("error", () => client.destroy())
  client.on("close", () => origin.destroy())
  origin.on("close", () => {
    clearTimeout(unanswered)
    client.destroySoon()
  })
}

/** Absolute-form (RFC 9112 section 3.2.2), else the Host header. */
function upgradeTarget({ url = "", headers }: IncomingMessage) {
  const text = url.startsWith("/") ? `http://${headers.host ?? ""}${url}` : url
  const parsed = URL.canParse(text) ? new URL(text) : null
  if (!parsed || !/^(http|ws):$/.test(parsed.protocol)) return null
  const host = parsed.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "")
  const port = Number(parsed.port || 80)
  return host === "" || port === 0 ? null : { host, port, path: parsed.pathname + parsed.search }
}

/** What the client said, in origin-form and without what was for the proxy alone. */
function headOf({ method = "GET", rawHeaders }: IncomingMessage, path: string): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`]
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (!/^proxy-/i.test(rawHeaders[at] ?? ""))
      lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`)
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1")
}
