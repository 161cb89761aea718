/** What must hold of the two readers of CONNECT: of its head, beside Node's parser, and of its answer. */
import { createServer, type IncomingMessage, type Server } from "node:http"
import { type Duplex, duplexPair } from "node:stream"
import { longestConnectHead, readConnectAnswer } from "../../../src/intercept/connect-answer.ts"
import { type ConnectHead, readConnectHead } from "../../../src/intercept/connect-head.ts"
import { mutated } from "./mutate.ts"
import type { Random } from "./random.ts"
import { type FuzzTarget, must, mustEqual, mustSettle } from "./target.ts"

const text = (lines: readonly string[]) => Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1")
const buffer = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength)

const heads = [
  text(["CONNECT app.example:443 HTTP/1.1", "Host: app.example:443", "User-Agent: okhttp/4.12"]),
  text([
    "CONNECT app.example:443 HTTP/1.1",
    "Host: app.example:443",
    "Proxy-Connection: Keep-Alive",
  ]),
  text([
    "CONNECT [2001:db8::1]:443 HTTP/1.1",
    "Host: [2001:db8::1]",
    "Proxy-Authorization: Basic QTpi",
  ]),
  text(["CONNECT a.example:443 HTTP/1.0"]),
  text([
    "CONNECT a.example:443 HTTP/1.1",
    "host:a",
    "HOST: b",
    "User-Agent:",
    "user-agent: \t x \t",
  ]),
  text(["GET http://a.example/ HTTP/1.1", "Host: a.example"]),
]
const fields = [
  "Content-Length: 5",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding : chunked",
  "Upgrade: h2c",
  "Expect: 100-continue",
  "Connection: close",
  " folded: x",
  "X\t: y",
  "X: \0",
  "X: \x7f",
  "X: é",
  ": nameless",
  "nothing",
  "Host: other",
  "a\rb: c",
  "a: b\nc: d",
]

function headInput(random: Random): Uint8Array {
  const given = random.pick(heads)
  const rest = random.oneIn(2) ? random.bytes(random.below(30)) : new Uint8Array(0)
  const head = random.oneIn(3) ? withField(given, random.pick(fields)) : given
  const whole = Buffer.concat([head, rest])
  return random.oneIn(4) ? whole : mutated(whole, heads, random).subarray(0, 20_000)
}

function withField(head: Buffer, field: string): Buffer {
  return Buffer.concat([head.subarray(0, -2), Buffer.from(`${field}\r\n\r\n`, "latin1")])
}

/** The quick reader takes nothing that the parser would refuse, and reads nothing else in it. */
export const connectHead: FuzzTarget = {
  name: "connect-head",
  share: 100_000,
  input: headInput,
  check: async (input) => {
    const read = readConnectHead(buffer(input))
    if (read === null) return false
    const theirs = await askNode(input)
    must(theirs !== null, `Node's parser takes it too: ${read.url}`)
    mustEqual(read.url, theirs.url, "target")
    for (const name of readLater)
      mustEqual(read.headers[name], theirs.headers[name], `header ${name}`)
    mustEqual(hexOf(input.subarray(read.length)), hexOf(theirs.rest), "what stands behind the head")
    return true
  },
}

/** The fields that anybody looks at afterwards. */
const readLater = ["user-agent", "proxy-authorization"] as const

const hexOf = (bytes: Uint8Array) => buffer(bytes).toString("hex")

type Taken = Pick<ConnectHead, "url"> & { headers: IncomingMessage["headers"]; rest: Buffer }

let asked: ((taken: Taken | null) => void) | null = null
let server: Server | null = null

/** Node's own server on a socket in memory: a CONNECT, or null for all else. */
async function askNode(input: Uint8Array): Promise<Taken | null> {
  server ??= createServer({ connectionsCheckingInterval: 2 ** 31 - 1 })
    .on("connect", (request: IncomingMessage, _: Duplex, rest: Buffer) =>
      asked?.({ url: request.url ?? "", headers: request.headers, rest }),
    )
    .on("request", () => asked?.(null))
    .on("clientError", () => asked?.(null))
  const [near, far] = duplexPair()
  for (const end of [near, far]) end.on("error", () => {})
  const answer = new Promise<Taken | null>((resolve) => {
    asked = resolve
    far.once("close", () => resolve(null))
  })
  server.emit("connection", far)
  near.end(input)
  const taken = await answer
  asked = null
  for (const end of [near, far]) end.destroy()
  return taken
}

const answers = [
  "HTTP/1.1 200 Connection established\r\n\r\n",
  "HTTP/1.0 200 OK\nVia: x\n\n",
  "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
  "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
  "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  "HTTP/2 200\r\n\r\n",
].map((answer) => Buffer.from(answer, "latin1"))

export const connectAnswer: FuzzTarget = {
  name: "connect-answer",
  share: 200_000,
  input: (random) => mutated(random.pick(answers), answers, random),
  check: (input, random) => {
    const read = (bytes: Uint8Array) => readConnectAnswer(buffer(bytes))
    const whole = read(input)
    mustSettle(read, input, whole, random)
    if (whole === "incomplete") {
      must(input.length < longestConnectHead, "what is kept of an incomplete answer is bounded")
      return false
    }
    if ("fault" in whole) return false
    must(whole.status >= 200 && whole.status <= 599, "an answer is final")
    must(whole.headBytes <= input.length, "an answer is part of its input")
    return true
  },
}
