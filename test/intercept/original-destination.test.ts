/** What needs no firewall; test/end-to-end/transparent.test.ts has the rest, in network namespaces. */
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import t from "tap"
import {
  makeTransparent,
  originalDestination,
  transparentSupport,
} from "../../src/intercept/original-destination.ts"

async function listen(host: string): Promise<Server> {
  const server = createServer({ allowHalfOpen: true })
  await once(server.listen(0, host), "listening")
  t.teardown(() => server.close())
  return server
}

async function accepted(server: Server, host: string): Promise<Socket> {
  const client = connect((server.address() as AddressInfo).port, host)
  t.teardown(() => client.destroy())
  const [[socket]] = await Promise.all([once(server, "connection"), once(client, "connect")])
  t.teardown(() => socket.destroy())
  return socket
}

const here = transparentSupport() ?? false

const direct = [
  ["IPv4", "127.0.0.1", "127.0.0.1"],
  ["IPv4 on a loopback address that no interface has", "0.0.0.0", "127.9.8.7"],
  ["IPv6", "::1", "::1"],
  ["IPv4 on a dual-stack listener", "::", "127.0.0.1"],
] as const

for (const [name, host, dialled] of direct)
  t.test(`who dials the listener itself has no other destination: ${name}`, async (t) => {
    const socket = await accepted(await listen(host), dialled)
    t.equal(originalDestination(socket, "redirect"), null)
    t.equal(originalDestination(socket, "tproxy"), null)
  })

t.test("a client that is gone already has no destination", async (t) => {
  const socket = await accepted(await listen("127.0.0.1"), "127.0.0.1")
  socket.destroy()
  await once(socket, "close")
  t.equal(originalDestination(socket, "redirect"), null)
  t.equal(originalDestination(socket, "tproxy"), null)
})

t.test("a tproxy listener before it listens says so", { skip: here }, async (t) => {
  t.throws(() => makeTransparent(createServer()), { message: /listen before/ })
})

t.test("without CAP_NET_ADMIN the way out is named", { skip: here }, async (t) => {
  for (const host of ["127.0.0.1", "::1"]) {
    const server = await listen(host)
    const asRoot = process.geteuid?.() === 0
    // Root without its effective user has no capabilities either.
    if (asRoot) process.seteuid?.(65_534)
    try {
      t.throws(() => makeTransparent(server), { message: /CAP_NET_ADMIN.*redirect listener/ }, host)
    } finally {
      if (asRoot) process.seteuid?.(0)
    }
  }
})
