/** What clients of a soak say in HTTP, within TLS and without. */
import type { Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { leave, told } from "./visit.ts"

export const get = (host: string, path = "/") => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

/** Upgrades, says something three times and leaves. */
export async function talk(socket: Socket, request: string): Promise<void> {
  socket.write(request)
  await told(socket, "\r\n\r\n", 1)
  for (let turn = 0; turn < 3; turn++) {
    socket.write(`turn ${turn}.`)
    await told(socket, `turn ${turn}.`, 1)
    await sleep(100)
  }
  await leave(socket)
}

export function upgradeRequest(target: string, host: string): string {
  const key = Buffer.alloc(16, 3).toString("base64")
  return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`
}
