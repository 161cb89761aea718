/** What the operator configures of every MDM that is polled, whichever it is. */
import { z } from "zod"
import { Duration } from "../../record/duration.ts"
import { Secret } from "../../source/secret.ts"

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** https, or plain http to this machine alone; a URL with credentials would end up in logs. */
export const MdmUrl = z.string().superRefine((text, context) => {
  const refuse = (message: string) => context.addIssue({ code: "custom", message })
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === "")
    return refuse("write https://HOST, with :PORT and /PATH where they are needed")
  if (url.username !== "" || url.password !== "")
    return refuse("credentials do not belong here; name a file or variable that holds them")
  if (url.search !== "" || url.hash !== "") return refuse("no query or fragment belongs here")
  if (url.protocol === "http:" && !loopback.test(url.hostname))
    refuse("plain http would show the credentials to the network; write https")
})

const ProxyUrl = z.string().superRefine((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol !== "http:" || url.username !== "" || !/^\/?$/.test(url.pathname))
    context.addIssue({ code: "custom", message: "write http://HOST:PORT, without credentials" })
})

/** How its servers are asked. */
export const MdmHttpSettings = z.strictObject({
  /** PEM file of the CA that issued the MDM's certificate, instead of the public ones. */
  ca: z.string().min(1).nullable().default(null),
  /** Proxy that carries the requests (CONNECT); null: the MDM is dialled directly. */
  proxy: ProxyUrl.nullable().default(null),
  /** user:password for that proxy. */
  "proxy-user": Secret.nullable().default(null),
  /** Plain http is taken to this machine only, and only where it is allowed: for a trial. */
  "allow-plain-http": z.boolean().default(false),
  "connect-timeout": Duration.prefault("10s"),
  /** From the request to the head of the answer: large pages take servers long. */
  "answer-timeout": Duration.prefault("60s"),
  /** Without a byte of the body. */
  "idle-timeout": Duration.prefault("30s"),
  /** Attempts for one page; waits between them double, or are what the server asks for. */
  tries: z.int().min(1).max(20).default(6),
  /** A server that asks for a longer wait ends the sweep, which goes on there later. */
  "longest-wait": Duration.prefault("5m"),
  /** Of one answer, unpacked, in MiB. */
  "max-page": z.int().min(1).max(256).default(32),
  /** Of all answers of one sweep, unpacked, in MiB. */
  "max-sweep": z.int().min(1).max(1_000_000).default(16_384),
})
export type MdmHttpSettings = z.infer<typeof MdmHttpSettings>

/** The keys that every kind of MDM has. */
export const polled = {
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/),
  /** All devices are read so often, from the begin of one sweep to that of the next. */
  "full-every": Duration.prefault("12h"),
  /** Devices that changed are read so often; null: only full sweeps. */
  "changed-every": Duration.nullable().prefault("15m"),
  /** More rows than this in one sweep are a server that never ends. */
  "max-devices": z.int().min(1).max(2_000_000).default(500_000),
  http: MdmHttpSettings.prefault({}),
}
