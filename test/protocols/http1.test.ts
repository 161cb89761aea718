/** http/1.1 inside TLS: nothing is held back, joined or answered by the sensor. */
import { once } from "node:events"
import type { IncomingMessage, ServerResponse } from "node:http"
import http2 from "node:http2"
import { createServer, type RequestOptions, request } from "node:https"
import { type TLSSocket, connect as tlsConnect } from "node:tls"
import t, { type Test } from "tap"
import { listening, received, tunnel } from "../support/sensor.ts"
import { bothWays, type Way } from "./both-ways.ts"

type Answer = (request: IncomingMessage, response: ServerResponse) => void

async function connected(way: Way, port: number, alpn = "http/1.1"): Promise<TLSSocket> {
  const socket = await tunnel(way.sensor, `${way.host}:${port}`)
  const tls = tlsConnect({ socket, servername: way.host, ca: way.ca, ALPNProtocols: [alpn] })
  await once(tls, "secureConnect")
  return tls
}

const serve = (t: Test, way: Way, answer: Answer) =>
  listening(t, createServer(way.certificate, answer))

/** Two sides of one test talking beside the connection: a word is waited for, once. */
class Word {
  #said = Promise.withResolvers<void>()

  say(): void {
    this.#said.resolve()
  }

  async heard(): Promise<void> {
    await this.#said.promise
    this.#said = Promise.withResolvers<void>()
  }
}

t.test("pipelined requests are answered in order", (t) =>
  bothWays(t, "pipe", async (t, way) => {
    const port = await serve(t, way, (request, response) => {
      setTimeout(() => response.end(request.url), request.url === "/0" ? 50 : 0)
    })
    const client = await connected(way, port)
    const line = (n: number) => `GET /${n} HTTP/1.1\r\nHost: ${way.host}\r\n`
    const all = Array.from({ length: 50 }, (_, n) => `${line(n)}\r\n`).join("")
    client.write(`${all}${line(50)}Connection: close\r\n\r\n`)
    const text = (await received(client)).bytes.toString()
    t.same(
      text.match(/^\/\d+/gm),
      Array.from({ length: 51 }, (_, n) => `/${n}`),
    )
    client.end()
    await way.used(t, { alpn_offered: ["http/1.1"] })
  }),
)

t.test(
  "chunked bodies with trailers pass, and `Expect: 100-continue` is the origin's to answer",
  (t) =>
    bothWays(t, "chunk", async (t, way) => {
      let got = ""
      const server = createServer(way.certificate, (request, response) => {
        request.on("data", (part) => {
          got += part
        })
        request.on("end", () => {
          response.writeHead(200, { trailer: "x-sum" })
          response.write("one ")
          response.write("two")
          response.addTrailers({ "x-sum": String(request.trailers["x-said"]) })
          response.end()
        })
      })
      const asked = new Word()
      server.on("checkContinue", (request, response) => {
        asked.say()
        setTimeout(() => {
          response.writeContinue()
          server.emit("request", request, response)
        }, 30)
      })
      const port = await listening(t, server)
      const client = await connected(way, port)
      const options: RequestOptions = {
        method: "POST",
        headers: { host: way.host, expect: "100-continue", trailer: "x-said", connection: "close" },
        createConnection: () => client,
      }
      const asking = request(options)
      asking.flushHeaders()
      const answered = once(asking, "response")
      const continued = once(asking, "continue")
      await asked.heard()
      await continued
      t.equal(got, "", "no body before the word to go on")
      asking.write("three ")
      asking.addTrailers({ "x-said": "all" })
      asking.end("four")
      const [response] = (await answered) as [IncomingMessage]
      let text = ""
      for await (const part of response) text += part
      t.equal(text, "one two")
      t.equal(got, "three four")
      t.match(response.trailers, { "x-sum": "all" })
      await way.used(t)
    }),
)

t.test("a stream of events arrives event by event: none waits for the next", (t) =>
  bothWays(t, "events", async (t, way) => {
    const events = 20
    const seen = new Word()
    /** The next event is sent only when the one before it has arrived. */
    async function stream(write: (text: string) => void): Promise<void> {
      for (let n = 0; n < events; n++) {
        write(`data: ${n}\n\n`)
        await seen.heard()
      }
    }
    async function read(source: AsyncIterable<Buffer>): Promise<string[]> {
      const got: string[] = []
      for await (const part of source) {
        got.push(String(part).trim())
        seen.say()
      }
      return got
    }
    const expected = Array.from({ length: events }, (_, n) => `data: ${n}`)
    await t.test("http/1.1", async (t) => {
      const port = await serve(t, way, async (_, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        await stream((text) => response.write(text))
        response.end()
      })
      const client = await connected(way, port)
      const asking = request({ createConnection: () => client, headers: { host: way.host } })
      asking.end()
      const [response] = (await once(asking, "response")) as [IncomingMessage]
      t.same(await read(response), expected)
      client.end()
      await way.used(t)
    })
    await t.test("h2", async (t) => {
      const server = http2.createSecureServer(way.certificate)
      server.on("stream", async (out) => {
        out.respond({ ":status": 200, "content-type": "text/event-stream" })
        await stream((text) => out.write(text))
        out.end()
      })
      const port = await listening(t, server)
      const client = await connected(way, port, "h2")
      const session = http2.connect(`https://${way.host}`, { createConnection: () => client })
      t.same(await read(session.request({ ":path": "/" })), expected)
      session.close()
      await way.used(t)
    })
    await t.test("and an upload the same, with a long poll at its end", async (t) => {
      let text = ""
      const port = await serve(t, way, (request, response) => {
        request.on("data", (part) => {
          text += part
          seen.say()
        })
        request.on("end", () => setTimeout(() => response.end(text), 300))
      })
      const client = await connected(way, port)
      const asking = request({
        method: "POST",
        createConnection: () => client,
        headers: { host: way.host },
      })
      const answered = once(asking, "response")
      await stream((part) => asking.write(part))
      asking.end()
      const [response] = (await answered) as [IncomingMessage]
      t.equal((await read(response)).join(""), expected.join("\n\n"))
      client.end()
      await way.used(t)
    })
  }),
)
