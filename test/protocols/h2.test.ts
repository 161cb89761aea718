/** h2 between two Nodes, and with curl: what one connection of many streams must not lose. */
import { execFile } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import http2, { type ClientHttp2Session, type ServerHttp2Session } from "node:http2"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as tlsConnect } from "node:tls"
import t, { type Test } from "tap"
import { listening, tunnel } from "../support/sensor.ts"
import { bothWays, type Way } from "./both-ways.ts"

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_NO_ERROR } = http2.constants
const MiB = 1024 * 1024

interface Served {
  port: number
  sessions: ServerHttp2Session[]
}

async function serve(
  t: Test,
  way: Way,
  onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
): Promise<Served> {
  const server = http2.createSecureServer({ ...way.certificate, allowHTTP1: true })
  const sessions: ServerHttp2Session[] = []
  server.on("session", (session) => {
    sessions.push(session)
    session.on("error", () => {})
  })
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {})
    onStream(stream, headers)
  })
  return { port: await listening(t, server), sessions }
}

async function open(t: Test, way: Way, port: number, options: http2.ClientSessionOptions = {}) {
  const socket = await tunnel(way.sensor, `${way.host}:${port}`)
  const tls = tlsConnect({ socket, servername: way.host, ca: way.ca, ALPNProtocols: ["h2"] })
  await once(tls, "secureConnect")
  const session = http2.connect(`https://${way.host}:${port}`, {
    ...options,
    createConnection: () => tls,
  })
  session.on("error", () => {})
  t.teardown(() => session.destroy())
  return session
}

async function get(session: ClientHttp2Session, path: string): Promise<string> {
  const stream = session.request({ ":path": path })
  let text = ""
  for await (const part of stream) text += part
  return text
}

t.test("a thousand requests over one h2 connection each get their own answer", (t) =>
  bothWays(t, "many", async (t, way) => {
    const { port, sessions } = await serve(t, way, (stream, headers) => {
      stream.respond({ ":status": 200 })
      // Out of order on purpose.
      setTimeout(() => stream.end(`you asked ${headers[":path"]}`), Math.random() * 5)
    })
    const session = await open(t, way, port)
    const wrong: string[] = []
    for (let round = 0; round < 10; round++)
      await Promise.all(
        Array.from({ length: 100 }, async (_, n) => {
          const path = `/${round * 100 + n}`
          if ((await get(session, path)) !== `you asked ${path}`) wrong.push(path)
        }),
      )
    t.same(wrong, [])
    t.equal(sessions.length, 1)
    session.close()
    await way.used(t, { alpn_offered: ["h2"] })
    if (way.title === "inspected")
      t.match(way.sensor.attempts, [{ h2_headers: true, alpn_chosen: "h2", mark: null }])
  }),
)

t.test("streams of one h2 connection do not wait for each other", (t) =>
  bothWays(t, "mux", async (t, way) => {
    const body = randomBytes(4 * MiB)
    let uploaded = ""
    const { port } = await serve(t, way, (stream, headers) => {
      if (headers[":path"] === "/upload") {
        const hash = createHash("sha256")
        stream.on("data", (chunk) => hash.update(chunk))
        return void stream.on("end", () => {
          uploaded = hash.digest("hex")
          stream.respond({ ":status": 200 }, { waitForTrailers: true })
          stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": uploaded }))
          stream.end()
        })
      }
      stream.respond({ ":status": 200 })
      if (headers[":path"] === "/large") return stream.end(body)
      if (headers[":path"] === "/fast") stream.end("fast")
    })
    const session = await open(t, way, port)
    // Nobody reads this one: its window runs full and must block no other.
    const unread = session.request({ ":path": "/large" })
    unread.pause()
    await once(unread, "response")
    const silent = session.request({ ":path": "/never" })
    await once(silent, "response")
    t.equal(await get(session, "/fast"), "fast")
    const upload = session.request({ ":path": "/upload", ":method": "POST" })
    const trailers = once(upload, "trailers")
    upload.end(body)
    upload.resume()
    const sum = createHash("sha256").update(body).digest("hex")
    t.match((await trailers)[0], { "x-sum": sum })
    t.equal(uploaded, sum)
    const parts: Buffer[] = []
    for await (const part of unread) parts.push(part)
    t.ok(Buffer.concat(parts).equals(body), "and what waited comes whole")
    session.destroy()
    await way.used(t)
  }),
)

t.test("control frames of h2 pass: SETTINGS, PING, RST_STREAM, GOAWAY", (t) =>
  bothWays(t, "control", async (t, way) => {
    const resets: number[] = []
    let heard = () => {}
    const { port, sessions } = await serve(t, way, (stream, headers) => {
      stream.on("close", () => {
        resets.push(stream.rstCode)
        heard()
      })
      if (headers[":path"] === "/calm") return stream.close(NGHTTP2_ENHANCE_YOUR_CALM)
      stream.respond({ ":status": 200, "x-push": String(stream.pushAllowed) })
      if (headers[":path"] === "/slow") setTimeout(() => stream.end("after all"), 60)
      else stream.write("begun")
    })
    const session = await open(t, way, port, { settings: { enablePush: false } })
    const stream = session.request({ ":path": "/open" })
    const [headers] = await once(stream, "response")
    t.match(headers, { "x-push": "false" }, "push is off, for the client said so")
    await t.test("PING, with its payload", async (t) => {
      const payload = randomBytes(8)
      const echoed = await new Promise<Buffer>((resolve, reject) =>
        session.ping(payload, (error, _, bytes) => (error ? reject(error) : resolve(bytes))),
      )
      t.ok(echoed.equals(payload))
    })
    await t.test("RST_STREAM of the client", async (t) => {
      const told = new Promise<void>((resolve) => {
        heard = resolve
      })
      stream.close(NGHTTP2_CANCEL)
      await told
      t.same(resets, [NGHTTP2_CANCEL])
    })
    await t.test("RST_STREAM of the server", async (t) => {
      const refused = session.request({ ":path": "/calm" })
      refused.on("error", () => {})
      await new Promise((resolve) => refused.once("close", resolve))
      t.equal(refused.rstCode, NGHTTP2_ENHANCE_YOUR_CALM)
    })
    await t.test("GOAWAY: an open stream is finished, and then the connection ends", async (t) => {
      const answer = get(session, "/slow")
      const goaway = once(session, "goaway")
      await new Promise((resolve) => setTimeout(resolve, 20))
      sessions[0]?.goaway(NGHTTP2_NO_ERROR, 7, Buffer.from("bye"))
      const [code, last, words] = await goaway
      t.same([code, last, String(words)], [NGHTTP2_NO_ERROR, 7, "bye"])
      t.equal(await answer, "after all")
    })
    session.close()
    await way.used(t)
  }),
)

t.test("curl's h2 is served, several requests over one connection", (t) =>
  bothWays(t, "curl", async (t, way) => {
    const folder = mkdtempSync(join(tmpdir(), "pinsensor-h2-"))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const ca = join(folder, "ca.pem")
    writeFileSync(ca, way.ca)
    const { port } = await serve(t, way, (stream, headers) => {
      stream.respond({ ":status": 200 })
      stream.end(`${headers[":path"]} `)
    })
    const paths = Array.from({ length: 20 }, (_, n) => `https://${way.host}:${port}/${n}`)
    const args = ["-sS", "--http2", "--parallel", "--parallel-max", "20", "--cacert", ca]
    const proxy = ["-x", `http://127.0.0.1:${way.sensor.port}`, "-w", "%{http_version};"]
    const out = await new Promise<string>((resolve) =>
      execFile("curl", [...args, ...proxy, ...paths], (_, out, err) => resolve(out + err)),
    )
    t.equal(out.match(/2;/g)?.length, 20, out)
    for (const path of paths) t.ok(out.includes(`/${path.split("/").at(-1)} `))
    await way.used(t, { connect_user_agent: /^curl/ })
  }),
)
