/**
 * The origin of the network in namespaces.ts, a program: HTTPS, plain text and UDP on port 443, each
 * of them saying to its peer who that is. Arguments: files of certificate and key.
 */
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer as createHttpsServer } from "node:https"
import { createServer } from "node:net"
import { addresses } from "./namespaces.ts"

const [cert = "", key = ""] = process.argv.slice(2)
const files = { cert: readFileSync(cert), key: readFileSync(key) }

for (const host of [...addresses.origin, ...addresses.never]) {
  const https = createHttpsServer(files, (request, response) => {
    response.setHeader("connection", "close")
    response.end(`tls from ${request.socket.remoteAddress}\n`)
  })
  https.on("clientError", (_, socket) => socket.destroy())
  await once(https.listen(443, host), "listening")

  const udp = createSocket(host.includes(":") ? "udp6" : "udp4")
  udp.on("message", (_, peer) => udp.send(`udp from ${peer.address}\n`, peer.port, peer.address))
  udp.bind(443, host)
  await once(udp, "listening")
}
for (const host of addresses.plain) {
  const plain = createServer((socket) => {
    socket.on("error", () => {})
    socket.once("data", (line) => socket.end(`plain from ${socket.remoteAddress}: ${line}`))
  })
  await once(plain.listen(443, host), "listening")
}
process.stdout.write("ready\n")
