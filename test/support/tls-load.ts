/**
 * Real TLS clients through the explicit proxy, from several loopback addresses: some trust the
 * inspection CA and are served, some do not and break off with an alert.
 */
import net from "node:net"
import tls from "node:tls"

export interface Visit {
  /** Address and port of the client: what tells its attempt from the others of a few minutes. */
  client: string
  kind: "served" | "refused" | "failed"
  /** When the client's connection was closed; epoch milliseconds. */
  endedAt: number
}

export interface LoadParts {
  /** HOST:PORT of the proxy. */
  proxy: string
  /** Names that the proxy resolves, and the port of their origin. */
  hosts: readonly string[]
  port: number
  /** PEM of what a trusting client trusts, and of what a distrusting one does. */
  trusting: string
  distrusting: string
  /** Client addresses, taken in turn. */
  from: readonly string[]
  /** Clients at a time. */
  clients: number
}

export interface Load {
  /** Visits that have ended, whatever became of them. */
  visits: Visit[]
  /** Connections that are open now. */
  open(): number
  /** No new visits; settles when the last has ended. */
  stop(): Promise<void>
}

/** Every third client distrusts. Goes on until it is stopped. */
export function startLoad(parts: LoadParts): Load {
  const visits: Visit[] = []
  const trusting = tls.createSecureContext({ ca: parts.trusting })
  const distrusting = tls.createSecureContext({ ca: parts.distrusting })
  let count = 0
  let open = 0
  let stopping = false
  const client = async () => {
    while (!stopping) {
      const index = count++
      open += 1
      const visit = await visitOnce(parts, index, index % 3 === 2 ? distrusting : trusting)
      open -= 1
      visits.push(visit)
      // A proxy that is down must not be asked in a tight loop.
      if (visit.kind === "failed") await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const running = Array.from({ length: parts.clients }, client)
  return {
    visits,
    open: () => open,
    stop: async () => {
      stopping = true
      await Promise.all(running)
    },
  }
}

export function visitOnce(
  parts: Pick<LoadParts, "proxy" | "hosts" | "port" | "from">,
  index: number,
  secureContext: tls.SecureContext,
): Promise<Visit> {
  const host = parts.hosts[index % parts.hosts.length] ?? ""
  const localAddress = parts.from[index % parts.from.length] ?? "127.0.0.1"
  const [proxyHost = "", proxyPort] = parts.proxy.split(":")
  return new Promise((resolve) => {
    let kind: Visit["kind"] = "failed"
    let client = ""
    const socket = net.connect({ host: proxyHost, port: Number(proxyPort), localAddress })
    socket.setTimeout(10_000, () => socket.destroy())
    socket.on("error", () => {})
    socket.on("close", () => resolve({ client, kind, endedAt: Date.now() }))
    socket.on("connect", () => {
      client = `${socket.localAddress}:${socket.localPort}`
      socket.write(`CONNECT ${host}:${parts.port} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    })
    socket.once("data", (answer) => {
      if (!answer.includes(" 200 ")) return socket.destroy()
      const secure = tls.connect({ socket, servername: host, secureContext })
      secure.on("error", (error: NodeJS.ErrnoException) => {
        if (/CERT|VERIFY|SIGN/.test(error.code ?? "")) kind = "refused"
        socket.destroySoon()
      })
      secure.on("secureConnect", () => {
        secure.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      })
      secure.on("data", () => {
        kind = "served"
      })
      secure.on("end", () => secure.end())
    })
  })
}
