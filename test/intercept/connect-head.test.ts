/** The quick way of reading CONNECT, beside Node's parser as the judge of what may be taken. */

import { createServer as createHttpServer, type IncomingMessage } from "node:http"
import { type AddressInfo, connect, createServer } from "node:net"
import t from "tap"
import { readConnectHead } from "../../src/intercept/connect-head.ts"

const heads = {
  plain: "CONNECT app.example:443 HTTP/1.1\r\nHost: app.example:443\r\n\r\n",
  "HTTP/1.0 and nothing else": "CONNECT app.example:443 HTTP/1.0\r\n\r\n",
  "an IPv6 address": "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n",
  "headers of a phone":
    "CONNECT app.example:443 HTTP/1.1\r\nHost: app.example\r\nProxy-Connection: keep-alive\r\n" +
    "User-Agent: App/1.0 CFNetwork/1490 Darwin/23.2.0\r\nProxy-Authorization: Basic dTpw\r\n\r\n",
  "spaces around a value":
    "CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\nUser-Agent: \t x y \t\r\n\r\n",
  "the same name twice":
    "CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\nUser-Agent: one\r\nuser-agent: two\r\n\r\n",
}

const left = {
  "another method": "GET http://app.example/ HTTP/1.1\r\nHost: app.example\r\n\r\n",
  "no end yet": "CONNECT app.example:443 HTTP/1.1\r\nHost: app.example\r\n",
  "bare line feeds": "CONNECT app.example:443 HTTP/1.1\nHost: app.example\n\n",
  "a folded line": "CONNECT app.example:443 HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
  "a space before the colon": "CONNECT app.example:443 HTTP/1.1\r\nHost : a\r\n\r\n",
  "a control character": "CONNECT app.example:443 HTTP/1.1\r\nHost: a\u0000b\r\n\r\n",
  "a lone carriage return": "CONNECT app.example:443 HTTP/1.1\r\nHost: a\rb: c\r\n\r\n",
  "no header name": "CONNECT app.example:443 HTTP/1.1\r\n: a\r\n\r\n",
  "a body": "CONNECT app.example:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
  chunks: "CONNECT app.example:443 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
  "a path as target": "CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n",
  "two spaces": "CONNECT  app.example:443 HTTP/1.1\r\nHost: a\r\n\r\n",
  "another version": "CONNECT app.example:443 HTTP/2.0\r\nHost: a\r\n\r\n",
  "a very long head": `CONNECT app.example:443 HTTP/1.1\r\nX: ${"x".repeat(5_000)}\r\n\r\n`,
  "many headers": `CONNECT app.example:443 HTTP/1.1\r\n${"X: y\r\n".repeat(40)}\r\n`,
  nothing: "",
}

/** What Node's own parser makes of it. */
async function parsedByNode(text: string): Promise<Pick<IncomingMessage, "url" | "headers">> {
  const http = createHttpServer()
  const server = createServer((socket) => http.emit("connection", socket))
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  http.on("connect", (request, socket) => {
    socket.destroy()
    resolve(request)
  })
  http.on("clientError", reject)
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1")
  client.on("error", () => {})
  client.write(text)
  try {
    return await promise
  } finally {
    client.destroy()
    server.close()
  }
}

t.test("a plain CONNECT is read as Node's parser reads it", async (t) => {
  for (const [name, text] of Object.entries(heads)) {
    const behind = "\u0016\u0003\u0001"
    const head = readConnectHead(Buffer.from(text + behind, "latin1"))
    const { url, headers } = await parsedByNode(text)
    t.equal(head?.url, url, `${name}: target`)
    t.strictSame({ ...head?.headers }, { ...headers }, `${name}: headers`)
    t.equal(head?.length, text.length, `${name}: length`)
  }
})

t.test("whatever is not plainly a CONNECT is left to Node's parser", async (t) => {
  for (const [name, text] of Object.entries(left))
    t.equal(readConnectHead(Buffer.from(text, "latin1")), null, name)
})
