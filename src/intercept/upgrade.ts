/**
 * A plain WebSocket (or another upgrade) without CONNECT: the head goes on as it came, then bytes go
 * both ways unread. Comes in: a request that Node's HTTP server has parsed; it is guarded as all else.
 */
import type { IncomingMessage } from "node:http"
import { connect, type Socket } from "node:net"
import { dialOptions } from "./dial.ts"
import { type Found, findAddresses } from "./find-addresses.ts"
import { pump } from "./pump.ts"
import type { SensorDeps } from "./sensor-deps.ts"

type UpgradeDeps = Pick<SensorDeps, "resolver" | "guard" | "limits">

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
  const go = ({ addresses, guarded }: Found) => {
    if (client.destroyed) return
    if (guarded !== null) return onGuarded(target.host, guarded)
    if (addresses.length === 0) return void client.destroy()
    join(client, addresses, target.port, Buffer.concat([headOf(request, target.path), head]), deps)
  }
  if (found instanceof Promise) found.then(go)
  else go(found)
}

function join(
  client: Socket,
  addresses: readonly string[],
  port: number,
  first: Buffer,
  { limits }: UpgradeDeps,
): void {
  const options = dialOptions(addresses, port)
  const origin = connect({ ...options, noDelay: true, allowHalfOpen: true })
  const unanswered = setTimeout(() => origin.destroy(), limits["upstream-time"])
  origin.once("connect", () => clearTimeout(unanswered))
  origin.write(first)
  client.setTimeout(limits["idle-time"], () => client.destroy())
  pump(client, origin, () => {})
  pump(origin, client, () => {})
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
