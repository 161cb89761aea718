/** The facts about a client connection that attempts and flows share. */
import { z } from "zod"

/** What a PROXY protocol header said beside the addresses (section 2.2 of its specification): the
 * words of the relay, not of the client. `proxy_ip`: the relay itself. */
export const Relayed = z.strictObject({
  proxy_ip: z.string(),
  /** PP2_TYPE_AUTHORITY: the server name that the relay saw. */
  authority: z.string().max(255).nullable(),
  /** PP2_TYPE_UNIQUE_ID, in hex. */
  unique_id: z.string().max(256).nullable(),
  /** PP2_SUBTYPE_SSL_CN: common name of the client certificate that the relay verified. */
  client_cn: z.string().max(255).nullable(),
})
export type Relayed = z.infer<typeof Relayed>

/** How a connection came in and where it wanted to go. */
export const connection = {
  /** Address of the client as the sensor saw it (IPv4-mapped IPv6 is written as IPv4). */
  client_ip: z.string(),
  client_port: z.int().min(0).max(65535),
  /** `relayed`: something between client and sensor ends TCP, so closes and resets are weak. */
  transport: z.enum(["direct", "relayed"]),
  /** Present exactly where a PROXY protocol header was read. */
  relayed_by: Relayed.nullable().default(null),
  /** User of Proxy-Authorization, if any. */
  proxy_user: z.string().nullable(),
  /** Address and port connected to (or that would have been). */
  destination_ip: z.string().nullable(),
  destination_port: z.int().min(0).max(65535),
  /** Server name of the ClientHello, lower case. */
  sni: z.string().nullable(),
  /** Host of the CONNECT request, lower case; null outside an explicit proxy. */
  connect_host: z.string().nullable(),
  /** User-Agent of the CONNECT request: describes an app, never satisfies a policy scope. */
  connect_user_agent: z.string().max(512).nullable(),
  /** Whether the SNI agrees with the CONNECT host or, without one, resolves to the address. */
  name_agrees: z.boolean().nullable(),
  /** The encrypted_client_hello extension was present; GREASE looks the same (RFC 9849). */
  ech_offered: z.boolean(),
  /** JA4 as FoxIO defines it, and the stack: JA4 without what varies within one stack. */
  ja4: z.string().nullable(),
  stack: z.string().nullable(),
  alpn_offered: z.array(z.string()),
}
