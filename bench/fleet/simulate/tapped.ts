/** How a flow sensor sees a session of ours: which ends, which names, by its own clock. */
import type { Random } from "../random.ts"
import { proxyAddress, publicAddress, upstreamAddress } from "../wire/addresses.ts"
import type { Base } from "../wire/attempt-of.ts"
import type { Exchange } from "../wire/exchange.ts"
import type { Tap } from "../world/model.ts"

/** What its log does not have. */
export const asZeekSees = {
  sensor_id: "zeek",
  sensor_config: "zeek",
  decision: "splice",
  rule: "seen",
  splice_cause: null,
  issuing_ca: null,
  transport: "direct",
  relayed_by: null,
  proxy_user: null,
  connect_host: null,
  connect_user_agent: null,
  name_agrees: null,
  ech_offered: false,
  ja4: null,
  stack: null,
  alpn_offered: [],
} satisfies Partial<Base>

/** Clocks of taps differ from ours by so much at most, in milliseconds. */
const skewMs = 2_000

export function seenBy(
  tap: Tap,
  base: Base,
  exchange: Exchange,
  random: Random,
): { base: Base; exchange: Exchange } | null {
  const observed = Date.parse(base.observed_at) + Math.round(random.between(-skewMs, skewMs))
  const seen: Base = { ...base, ...asZeekSees, observed_at: new Date(observed).toISOString() }
  const otherPort = random.int(32_768, 60_999)
  if (tap.side === "lan") {
    // Behind CONNECT it is the proxy that the client talks to, and the same hello.
    const to =
      base.connect_host === null ? {} : { destination_ip: proxyAddress, destination_port: 8_080 }
    const port = tap.translated ? { client_port: otherPort } : {}
    return { base: { ...seen, ...to, ...port }, exchange }
  }
  // Our own leg: nothing of it where the client refused, for the origin was remembered.
  if (exchange.kind === "ended" || exchange.kind === "lost") return null
  const client_ip = tap.translated ? publicAddress : upstreamAddress
  return { base: { ...seen, client_ip, client_port: otherPort }, exchange }
}
