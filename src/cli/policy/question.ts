/** What `pinsensor policy test` is asked: a connection as it would come in, read from flags. */
import { isIP } from "node:net"
import { parseArgs } from "node:util"
import { type Config, listenersOf } from "../../config.ts"
import type { ListenerSettings } from "../../intercept/listeners.ts"
import { canonicalAddress } from "../../policy/destination/addresses.ts"
import { readTime } from "../bypass/end-time.ts"
import { configOf, runFlags } from "../flags.ts"

const flags = {
  ...runFlags,
  client: { type: "string" },
  sni: { type: "string" },
  address: { type: "string" },
  "connect-host": { type: "string" },
  port: { type: "string" },
  alpn: { type: "string" },
  stack: { type: "string" },
  listener: { type: "string" },
  device: { type: "string" },
  group: { type: "string", multiple: true },
  at: { type: "string" },
  resolve: { type: "boolean" },
  json: { type: "boolean" },
} as const
type Flags = ReturnType<typeof parseArgs<{ options: typeof flags }>>["values"]

export interface Question {
  client: string
  listener: ListenerSettings
  sni: string | null
  /** Host of the CONNECT request; null by a listener that takes none. */
  connectHost: string | null
  /** What the client asks for by a listener that takes no CONNECT. */
  destinationIp: string | null
  port: number
  alpn: readonly string[]
  stack: string | null
  /** In place of what the bindings say. */
  device: string | null
  groups: readonly string[]
  /** Epoch milliseconds. */
  at: number
  /** Names are asked for; else `assumed` alone is known. */
  resolve: boolean
  /** What the CONNECT host is taken to resolve to. */
  assumed: string | null
}

/** Throws an Error that says what is wrong and what to give instead. */
export function readQuestion(
  args: readonly string[],
  now: number,
): { question: Question; config: Config; json: boolean } {
  const { values } = parseArgs({ args: [...args], options: flags })
  const config = configOf(values)
  const client = address("--client", values.client)
  if (client === null)
    throw new Error("say whose connection it is: --client IP, and --sni NAME, --address IP or both")
  const listener = listenerFor(values, config)
  const question = {
    client,
    listener,
    sni: values.sni ?? null,
    ...(listener.kind === "explicit" ? byConnect(values) : byAddress(values, listener)),
    port: portFrom(values.port ?? "443"),
    alpn: values.alpn?.split(",").filter((one) => one !== "") ?? [],
    stack: values.stack ?? null,
    device: values.device ?? null,
    groups: values.group ?? [],
    at: values.at === undefined ? now : readTime("--at", values.at, now),
    resolve: values.resolve ?? false,
  }
  return { question, config, json: values.json ?? false }
}

/** The one that is named; else one that takes what is given. */
function listenerFor(values: Flags, config: Config): ListenerSettings {
  const all = listenersOf(config)
  const { listener: name } = values
  const named = all.find((one) => one.name === name)
  if (name !== undefined && named === undefined)
    throw new Error(
      `--listener: there is no ${name}; there are ${all.map((one) => one.name).join(", ")}`,
    )
  const byConnect = values["connect-host"] !== undefined || values.address === undefined
  const fits = (one: ListenerSettings) => (one.kind === "explicit") === byConnect
  const found = named ?? all.find(fits) ?? all[0]
  if (found === undefined) throw new Error("the configuration has no listener; give it a listen")
  return found
}

/** Without a CONNECT host the client names the address, else the name of its SNI. */
function byConnect(values: Flags) {
  const given = values["connect-host"] ?? values.address ?? values.sni
  if (given === undefined)
    throw new Error("say where it goes: --sni NAME, --connect-host HOST or --address IP")
  const connectHost = isIP(given) === 0 ? given : (canonicalAddress(given) ?? given)
  const assumed = address("--address", values.address)
  const isName = isIP(connectHost) === 0
  if (!isName && assumed !== null && assumed !== connectHost)
    throw new Error("--connect-host is another address than --address; leave out --address")
  if (isName && assumed !== null && values.resolve)
    throw new Error(`--resolve asks for the addresses of ${connectHost}; leave out --address`)
  return { connectHost, destinationIp: null, assumed: isName ? assumed : null }
}

function byAddress(values: Flags, { name, kind }: ListenerSettings) {
  if (values["connect-host"] !== undefined)
    throw new Error(
      `the listener ${name} (${kind}) takes no CONNECT; leave out --connect-host, or name an explicit one with --listener`,
    )
  const destinationIp = address("--address", values.address)
  if (destinationIp === null)
    throw new Error(`the listener ${name} (${kind}) goes by the address; give --address IP`)
  return { connectHost: null, destinationIp, assumed: null }
}

function address(flag: string, text: string | undefined): string | null {
  if (text === undefined) return null
  const read = canonicalAddress(text)
  if (read === null)
    throw new Error(`${flag}: "${text}" is no address; write 192.0.2.7 or 2001:db8::7`)
  return read
}

function portFrom(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw new Error(`--port: "${text}" is no port; write 1 to 65535`)
  return port
}
