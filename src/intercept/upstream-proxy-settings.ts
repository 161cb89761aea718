/** The proxy that stands between the sensor and all origins, if there is one, as it is configured. */
import { z } from "zod"
import { parseHostPattern } from "../record/host-pattern.ts"

const PatternText = z.string().superRefine((text, context) => {
  try {
    parseHostPattern(text)
  } catch (error) {
    context.addIssue({ code: "custom", message: error instanceof Error ? error.message : "" })
  }
})

/** No message repeats the URL: it may hold a password in the wrong place. */
const ProxyUrl = z.string().superRefine((text, context) => {
  const refuse = (message: string) => context.addIssue({ code: "custom", message })
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === "")
    return refuse("write http://HOST:PORT or https://HOST:PORT")
  if (url.username !== "" || url.password !== "")
    return refuse("credentials do not belong here; put user:password into user-file")
  if (!/^\/?$/.test(url.pathname) || url.search !== "" || url.hash !== "")
    refuse("no path, query or fragment; write http://HOST:PORT or https://HOST:PORT")
  if (url.port === "0") refuse("port 0 cannot be dialled")
})

export const UpstreamProxySettings = z.strictObject({
  url: ProxyUrl,
  /** File with one line, user:password, for Basic authentication (RFC 7617). */
  "user-file": z.string().min(1).nullable().default(null),
  /** Who resolves names. `proxy`: for networks in which the sensor cannot. */
  names: z.enum(["sensor", "proxy"]).default("sensor"),
  /** Names, `*.names`, addresses and networks that are dialled directly. */
  except: z.array(PatternText).default([]),
})
export type UpstreamProxySettings = z.infer<typeof UpstreamProxySettings>

/** Scheme, host without brackets and port (80 and 443 where none is written). */
export function upstreamProxyEndpoint({ url }: UpstreamProxySettings) {
  const { protocol, hostname, port } = new URL(url)
  const tls = protocol === "https:"
  const host = hostname.replace(/^\[|\]$/g, "")
  return { tls, host, port: Number(port) || (tls ? 443 : 80) }
}

/** Longest line of credentials; a longer file is the wrong file. */
const longestUser = 1_024

/** The one line of a `user-file`; throws an Error that says what is wrong and nothing of the line. */
export function upstreamProxyUser(text: string): string {
  const line = text.replace(/\r?\n$/, "")
  const control = [...line].some((letter) => letter < " " || letter === "\x7f")
  if (line.indexOf(":") < 1 || control || line.length > longestUser)
    throw new Error("one line is needed, user:password")
  return line
}
