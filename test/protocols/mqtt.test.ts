/**
 * MQTT over TLS with Debian's mosquitto, broker and clients. The clients know no CONNECT but SOCKS, so
 * a small SOCKS server (RFC 1928) in this file opens the sensor's tunnels for them.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer as createTlsServer } from "node:tls"
import t, { type Test } from "tap"
import { freePort, tcpAnswers } from "../support/free-port.ts"
import { listening, tunnel } from "../support/sensor.ts"
import { bothWays, openWay, titles, type Way } from "./both-ways.ts"

const needed = ["mosquitto", "mosquitto_pub", "mosquitto_sub"]
const missing = needed.filter((program) => spawnSync(program, ["-h"]).error !== undefined)
const skip =
  missing.length > 0
    ? `needs ${missing.join(" and ")} (Debian packages mosquitto and mosquitto-clients)`
    : false

/** Side by side: one of them waits five seconds, for mosquitto has no shorter keep-alive. */
t.jobs = 3
const given = { skip, buffered: true }

const folder = mkdtempSync(join(tmpdir(), "pinsensor-mqtt-"))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

interface Broker {
  /** The broker's own TLS, which chooses no ALPN. */
  port: number
  /** TLS in front of it that chooses `mqtt`, as cloud brokers do. */
  alpnPort: number
  log(): string
}

async function serve(t: Test, way: Way): Promise<Broker> {
  const [port, plain] = [await freePort(), await freePort()]
  const at = (name: string) => join(folder, `${way.title}-${port}-${name}`)
  writeFileSync(at("cert"), way.certificate.cert)
  writeFileSync(at("key"), way.certificate.key)
  const config = [
    "allow_anonymous true",
    "user root",
    "log_dest stderr",
    "log_type all",
    `listener ${plain} 127.0.0.1`,
    `listener ${port} 127.0.0.1`,
    `certfile ${at("cert")}`,
    `keyfile ${at("key")}`,
  ]
  writeFileSync(at("conf"), `${config.join("\n")}\n`)
  const broker = spawn("mosquitto", ["-c", at("conf")], { stdio: ["ignore", "ignore", "pipe"] })
  t.teardown(() => broker.kill())
  let log = ""
  broker.stderr.on("data", (text) => {
    log += text
  })
  await tcpAnswers(port, broker)
  const front = createTlsServer({ ...way.certificate, ALPNProtocols: ["mqtt"] }, (socket) => {
    const inner = connect(plain, "127.0.0.1")
    inner.on("error", () => socket.destroy())
    socket.pipe(inner).pipe(socket)
  })
  return { port, alpnPort: await listening(t, front), log: () => log }
}

/** A SOCKS server without authentication whose connections go through the sensor. */
async function socks(t: Test, way: Way): Promise<number> {
  const server = createServer((client) => {
    client.once("data", () => {
      client.write(Buffer.from([5, 0]))
      client.once("data", (request: Buffer) => {
        const length = request[4] ?? 0
        const host = request.subarray(5, 5 + length).toString()
        const port = request.readUInt16BE(5 + length)
        tunnel(way.sensor, `${host}:${port}`).then((through) => joined(client, through))
      })
    })
  })
  return listening(t, server)
}

function joined(client: Socket, through: Socket): void {
  client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
  client.pipe(through).pipe(client)
  client.on("close", () => through.destroy())
  through.on("close", () => client.destroy())
}

function options(way: Way, proxy: number, port: number, more: string[] = [], ca = way.ca) {
  const file = join(folder, `${way.title}-${port}-ca`)
  writeFileSync(file, ca)
  const where = ["--proxy", `socks5h://127.0.0.1:${proxy}`, "-h", way.host, "-p", `${port}`]
  return [...where, "--cafile", file, ...more]
}

/** What a client printed, and its exit code. */
function run(program: string, args: string[]): Promise<{ out: string; code: number }> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 20_000 }, (error, stdout, stderr) => {
      const code = error ? Number(error.code ?? -1) : 0
      resolve({ out: stdout + stderr, code })
    })
  })
}

function lines(child: ChildProcess, count: number): Promise<string[]> {
  let text = ""
  return new Promise((resolve) => {
    child.stdout?.on("data", (part) => {
      text += part
      const whole = text.split("\n").slice(0, -1)
      if (whole.length >= count) resolve(whole)
    })
  })
}

t.test("MQTT over TLS passes: retained and live messages, QoS 2, large payloads", given, (t) =>
  bothWays(t, "mqtt", async (t, way) => {
    const broker = await serve(t, way)
    const proxy = await socks(t, way)
    const rows: [string, number, string[], object][] = [
      ["no ALPN", broker.port, [], { alpn_offered: [] }],
      ["ALPN that the broker leaves out", broker.port, ["--tls-alpn", "mqtt"], {}],
      ["ALPN mqtt", broker.alpnPort, ["--tls-alpn", "mqtt"], { alpn_offered: ["mqtt"] }],
    ]
    for (const [title, port, more, expected] of rows)
      await t.test(title, async (t) => {
        const topic = ["-t", `news/${port}/${title}`]
        const common = options(way, proxy, port, [...more, ...topic])
        const publish = (...args: string[]) => run("mosquitto_pub", [...common, ...args])
        t.match(await publish("-r", "-q", "1", "-m", "kept"), { code: 0 })
        await way.used(t, expected)
        const subscriber = spawn("mosquitto_sub", [...common, "-q", "2", "-C", "3"])
        t.teardown(() => subscriber.kill())
        const got = lines(subscriber, 3)
        const left = new Promise<number | null>((resolve) => subscriber.once("exit", resolve))
        t.same(await lines(subscriber, 1), ["kept"], "what was published before it came")
        const large = "x".repeat(60_000)
        t.match(await publish("-q", "2", "-m", "live"), { code: 0 })
        t.match(await publish("-q", "0", "-m", large), { code: 0 })
        t.same(await got, ["kept", "live", large])
        t.equal(await left, 0)
        for (let n = 0; n < 3; n++) await way.used(t, expected)
      })
    if (way.title === "inspected") {
      const chosen = new Set(way.sensor.attempts.map(({ alpn_chosen }) => alpn_chosen))
      t.same(
        [...chosen],
        [null, "mqtt"],
        "what the origin chose, and nothing where it chose nothing",
      )
    }
  }),
)

t.test("an MQTT client that does not trust what it is shown says so", given, (t) =>
  bothWays(t, "mqtt", async (t, way) => {
    const broker = await serve(t, way)
    const more = ["-t", "news", "-m", "x"]
    const args = options(way, await socks(t, way), broker.port, more, way.otherCa)
    t.not((await run("mosquitto_pub", args)).code, 0)
    if (way.title === "inspected")
      t.match(await way.sensor.attempt(), {
        outcome: "refused-alert",
        strength: "strong",
        alert: 48,
      })
    else t.match(await way.sensor.flow(), { verdict: "failed" })
    t.notMatch(broker.log(), /CONNECT from/)
  }),
)

t.test("the pings of an idle MQTT session pass, and it goes on", given, async (t) => {
  await Promise.all(
    titles.map(async (title) => {
      const way = await openWay(t, "mqtt", title)
      const broker = await serve(t, way)
      const more = ["-t", "news", "-k", "5", "-C", "1"]
      const args = options(way, await socks(t, way), broker.port, more)
      const subscriber = spawn("mosquitto_sub", args)
      t.teardown(() => subscriber.kill())
      const got = lines(subscriber, 1)
      for (let n = 0; n < 100 && !/Sending PINGRESP/.test(broker.log()); n++)
        await new Promise((resolve) => setTimeout(resolve, 100))
      t.match(broker.log(), /Received PINGREQ/, title)
      const publish = options(way, await socks(t, way), broker.port, ["-t", "news", "-m", "late"])
      t.match(await run("mosquitto_pub", publish), { code: 0 }, title)
      t.same(await got, ["late"], title)
    }),
  )
})
