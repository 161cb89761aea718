/** A small syslog receiver of the lab's own on a real TCP port: the SOC's end. */
import { type AddressInfo, createServer, type Socket } from "node:net"
import { GrowingList } from "./growing-list.ts"
import { OctetCounting, readSyslog, type SyslogMessage } from "./syslog-stream.ts"

export interface SyslogReceiver {
  port: number
  /** In the order of arrival, at most 1,000. */
  received: GrowingList<SyslogMessage>
  /** What came and was no syslog message. */
  faults: GrowingList<string>
  close(): Promise<void>
}

const most = 1_000

export async function startSyslogReceiver(): Promise<SyslogReceiver> {
  const received = new GrowingList<SyslogMessage>(most)
  const faults = new GrowingList<string>(most)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const stream = new OctetCounting()
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket)).on("error", () => {})
    socket.on("data", (chunk) => {
      try {
        for (const line of stream.take(chunk)) {
          const message = readSyslog(line)
          if (message) received.add(message)
          else faults.add(line.slice(0, 200))
        }
      } catch (error) {
        faults.add(error instanceof Error ? error.message : String(error))
        socket.destroy()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as AddressInfo).port,
    received,
    faults,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
