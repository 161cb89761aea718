/** Ports on loopback for daemons that cannot be asked which port they were given. */
import type { ChildProcess } from "node:child_process"
import dgram from "node:dgram"
import net from "node:net"
import { setTimeout as sleep } from "node:timers/promises"

/** A port that neither TCP nor UDP uses just now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as net.AddressInfo
    const socket = dgram.createSocket("udp4")
    const free = await new Promise<boolean>((resolve) => {
      socket.once("error", () => resolve(false))
      socket.bind(port, "127.0.0.1", () => resolve(true))
    })
    if (free) socket.close()
    await new Promise((resolve) => server.close(resolve))
    if (free) return port
  }
}

/** Waits until the daemon accepts connections, up to 10 s; tells what it said if it ends before. */
export async function tcpAnswers(port: number, daemon: ChildProcess): Promise<void> {
  let said = ""
  daemon.stderr?.on("data", (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-4_000)
  })
  for (let tries = 0; tries < 200; tries++) {
    if (daemon.exitCode !== null) throw new Error(`${daemon.spawnfile} ended: ${said}`)
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        socket.destroy()
        resolve(true)
      })
      socket.once("error", () => resolve(false))
    })
    if (open) return
    await sleep(50)
  }
  throw new Error(`${daemon.spawnfile} does not listen on ${port}: ${said}`)
}
