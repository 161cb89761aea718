/**
 * A plain HTTP request as an upstream proxy wants it: in absolute-form (RFC 9112 section 3.2.2) with the
 * operator's credentials; and its answer, which may be the proxy's own and not the origin's.
 */
import { Agent, type IncomingMessage, type OutgoingHttpHeaders } from "node:http"
import type { UpstreamProxy } from "./upstream-proxy.ts"

/** The part of Node's request options that changes. */
export interface RequestOptions {
  host?: string | null | undefined
  port?: string | number | null | undefined
  path?: string | null | undefined
  headers?: OutgoingHttpHeaders | undefined
  agent?: Agent | boolean | undefined
}

/** Opens a connection to the proxy for each request. */
export function proxyAgent(proxy: UpstreamProxy, timeMs: number): Agent {
  const agent = new Agent({ keepAlive: false })
  agent.createConnection = (_, done) => {
    proxy.open(timeMs, (opened) => {
      if (opened.ok) done?.(null, opened.socket)
      else done?.(blamed(opened.because), undefined as never)
    })
    return undefined
  }
  return agent
}

/** The proxy goes by the request target alone; the Host header says the same. */
export function toAbsoluteForm(options: RequestOptions, proxy: UpstreamProxy, agent: Agent): void {
  const { host, port, path } = options
  const bare = host ?? ""
  const authority = `${bare.includes(":") ? `[${bare}]` : bare}${port === 80 ? "" : `:${port}`}`
  // RFC 9112 section 3.2.4: an OPTIONS of the whole server has no path.
  options.path = `http://${authority}${path === "*" ? "" : (path ?? "/")}`
  options.headers = { ...options.headers, host: authority, ...proxy.headers }
  options.agent = agent
}

/**
 * Why the answer is the proxy's own refusal; null where it may be the origin's. A 407 is never an
 * origin's (RFC 9110 section 15.5.8), and squid marks its own pages. Other proxies' 403 and 502 cannot
 * be told from an origin's: HTTP has no sign for it.
 */
export function refusedByProxy({ statusCode, headers }: IncomingMessage): Error | null {
  const own = statusCode === 407 || headers["x-squid-error"] !== undefined
  return own ? blamed(`upstream-proxy ${statusCode}`) : null
}

function blamed(because: string): Error {
  return Object.assign(new Error(because), { code: because })
}
