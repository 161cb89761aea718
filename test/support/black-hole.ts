/**
 * An address that does not answer: a listener whose queue is full and which nobody accepts from. Linux
 * then drops the SYN, as a firewall would.
 */
import { connect, type Socket } from "node:net"
import { Worker } from "node:worker_threads"

export interface BlackHole {
  port: number
  close(): Promise<void>
}

/** The thread listens and then waits for ever: its event loop never accepts. */
const listener = `
const { parentPort } = require("node:worker_threads")
const server = require("node:net").createServer()
server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
  parentPort.postMessage(server.address().port)
  // Once the message has left; from here on nothing is accepted.
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
})
`

/** More connections than the queue takes (one above its length), so that it is surely full. */
const fillers = 4
const fullAfterMs = 1_500

export async function blackHole(): Promise<BlackHole> {
  const thread = new Worker(listener, { eval: true })
  const port = await new Promise<number>((resolve) => thread.once("message", resolve))
  const sockets: Socket[] = []
  for (let one = 0; one < fillers; one++) {
    const socket = connect(port, "127.0.0.1")
    socket.on("error", () => {})
    sockets.push(socket)
  }
  // The last ones never connect; the queue is full when the first two have.
  const until = performance.now() + fullAfterMs
  while (sockets.filter(({ connecting }) => !connecting).length < 2 && performance.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 10))
  return {
    port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await thread.terminate()
    },
  }
}
