/** The ways in: which listeners there are, and what each knows of a connection before its first byte. */
import { z } from "zod"
import { parseNetwork } from "../policy/destination/addresses.ts"

/** HOST:PORT, with IPv6 in brackets; port 0 lets the system choose. */
export const Endpoint = z
  .string()
  .regex(/^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/, "write HOST:PORT")
  .refine((text) => endpoint(text).port <= 65535, "a port is at most 65535")

export const Network = z.string().superRefine((text, context) => {
  try {
    parseNetwork(text)
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : "" })
  }
})

/**
 * - `explicit`: an HTTP proxy; the client names its destination in CONNECT.
 * - `redirect`: nftables REDIRECT or DNAT; the kernel tells the original destination
 *   (SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST).
 * - `tproxy`: nftables TPROXY; the socket's own local address is the destination (IP_TRANSPARENT).
 * - `relayed`: a load balancer in front says where the client wanted to go (PROXY protocol).
 */
export const ListenerKind = z.enum(["explicit", "redirect", "tproxy", "relayed"])
export type ListenerKind = z.infer<typeof ListenerKind>

export const ListenerSettings = z
  .strictObject({
    /** Recorded nowhere, but rules can ask for it (`listener`), and logs name it. */
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{0,63}$/, "1-64 lower-case letters, digits, dots and hyphens"),
    kind: ListenerKind,
    listen: Endpoint,
    /** From these addresses a PROXY protocol header must come first, from others none is read. */
    "proxy-protocol-from": z.array(Network).default([]),
  })
  .refine(({ kind, ...rest }) => kind !== "relayed" || rest["proxy-protocol-from"].length > 0, {
    message: "a relayed listener needs the addresses of its relays",
    path: ["proxy-protocol-from"],
  })
export type ListenerSettings = z.infer<typeof ListenerSettings>

/** The kinds whose destination the kernel knows (docs/interception.md); Linux only. */
export const transparentKinds = ["redirect", "tproxy"] as const
export type TransparentKind = (typeof transparentKinds)[number]

export function isTransparent(kind: ListenerKind): kind is TransparentKind {
  return kind === "redirect" || kind === "tproxy"
}

/** The name of the listener that `listen` stands for. */
export const explicitName = "explicit"

/** Names and endpoints are each used once: SO_REUSEPORT would let two listeners share a port. */
export const Listeners = z.array(ListenerSettings).superRefine((listeners, context) => {
  const seen = new Set<string>()
  for (const [index, { name, listen }] of listeners.entries()) {
    if (seen.has(name))
      context.addIssue({ code: "custom", path: [index, "name"], message: `"${name}" is taken` })
    if (seen.has(listen) && endpoint(listen).port !== 0)
      context.addIssue({ code: "custom", path: [index, "listen"], message: `${listen} is taken` })
    seen.add(name).add(listen)
  }
})

export interface Listen {
  host: string
  port: number
}

/** HOST:PORT in its parts. */
export function endpoint(text: string): Listen {
  const at = text.lastIndexOf(":")
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(text.slice(at + 1)) }
}

export function endpointText({ host, port }: Listen): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`
}
