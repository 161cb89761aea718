/** A syslog receiver over TCP that can be away: what it gets are the ids of alerts. */
import net from "node:net"
import { freePort } from "./free-port.ts"

export interface AlertReceiver {
  port: number
  /** Ids of alerts in the order they came, each as often as it came. */
  ids: string[]
  listen(): Promise<void>
  leave(): Promise<void>
}

export async function alertReceiver(): Promise<AlertReceiver> {
  const port = await freePort()
  const ids: string[] = []
  const sockets = new Set<net.Socket>()
  let server: net.Server | null = null
  return {
    port,
    ids,
    listen: async () => {
      server = net.createServer((socket) => {
        sockets.add(socket)
        let text = ""
        socket.on("data", (bytes) => {
          text += bytes.toString("latin1")
          for (let frame = nextFrame(text); frame; frame = nextFrame(text)) {
            text = frame.rest
            const id = / alert_id="([^"]+)"/.exec(frame.message)?.[1]
            if (id) ids.push(id)
          }
        })
        socket.on("error", () => {}).on("close", () => sockets.delete(socket))
      })
      await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve))
    },
    leave: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()))
      server = null
    },
  }
}

/** Octet counting, RFC 6587 section 3.4.1; read as latin1, an octet is a character. */
function nextFrame(text: string): { message: string; rest: string } | null {
  const length = /^(\d+) /.exec(text)
  if (!length) return null
  const from = length[0].length
  const to = from + Number(length[1])
  return text.length < to ? null : { message: text.slice(from, to), rest: text.slice(to) }
}
