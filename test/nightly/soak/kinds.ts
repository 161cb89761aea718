/**
 * The kinds of clients of a soak: what each does, how often, and what must be recorded of it. A kind's name
 * is the first label of the host that it asks for, so that its records tell whose they are.
 */
import { execFile } from "node:child_process"
import { connect as h2Connect } from "node:http2"
import type { Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import type { Way } from "../../../src/intercept/ways.ts"
import { answerEnd } from "./origins.ts"
import { breakOff, dial, ended, first, leave, type Stage, secured, told, tunnel } from "./visit.ts"

export interface Kind {
  name: string
  /** How often it comes, beside the others. */
  weight: number
  /** How its socket is accounted for. */
  way: Way
  /** Outcomes of its attempts, or verdicts of its flows: the first is the rule, the others may happen
   * now and then because two events race. */
  records: readonly string[]
  visit: (stage: Stage) => Promise<void>
}

/** Of a soak's records of a kind so many may be one of the tolerated others. */
export const mostRaces = 0.03

const get = (host: string, path = "/") => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

export const kinds: readonly Kind[] = [
  {
    name: "web-h1",
    weight: 16,
    way: "attempts",
    records: ["accepted"],
    visit: async (stage) => {
      const client = await secured(stage, await tunnel(stage, stage.ports.web))
      for (let request = 0; request < 3; request++) {
        client.write(get(stage.name))
        await told(client, answerEnd, 1)
        await sleep(200)
      }
      await leave(client)
    },
  },
  {
    name: "web-h2",
    weight: 10,
    way: "attempts",
    records: ["accepted"],
    visit: async (stage) => {
      const raw = await tunnel(stage, stage.ports.web)
      const client = await secured(stage, raw, { ALPNProtocols: ["h2"] })
      const session = h2Connect(`https://${stage.name}`, { createConnection: () => client })
      session.on("error", () => {})
      for (let request = 0; request < 3; request++) {
        const stream = session.request({ ":path": "/" })
        await new Promise<void>((resolve, reject) => {
          stream.on("error", reject).on("end", resolve).resume()
        })
        await sleep(200)
      }
      session.close()
      await ended(client)
    },
  },
  pinned("pinned-13", "TLSv1.3", "fin"),
  pinned("pinned-12", "TLSv1.2", "fin"),
  pinned("pinned-rst", "TLSv1.2", "rst"),
  {
    name: "curl-pinned",
    weight: 0.5,
    way: "attempts",
    records: ["refused-after-handshake"],
    visit: (stage) =>
      curl(
        stage,
        ["--cacert", stage.trust.inspectionFile, "--pinnedpubkey", `sha256//${noPin}`],
        90,
      ),
  },
  {
    name: "curl-trusting",
    weight: 0.5,
    way: "attempts",
    records: ["accepted"],
    visit: (stage) => curl(stage, ["--cacert", stage.trust.inspectionFile], 0),
  },
  {
    name: "curl-distrusting",
    weight: 1,
    way: "attempts",
    records: ["refused-alert"],
    visit: (stage) => curl(stage, ["--cacert", stage.trust.originFile], 60),
  },
  {
    name: "distrusting",
    weight: 8,
    way: "attempts",
    records: ["refused-alert"],
    visit: async (stage) => {
      const socket = await helloSent(stage, stage.ports.web)
      // unknown_ca, in clear as TLS 1.2 has it before its ChangeCipherSpec.
      socket.write(Buffer.from([21, 3, 3, 0, 2, 2, 48]))
      await leave(socket)
    },
  },
  {
    name: "half-fin",
    weight: 4,
    way: "attempts",
    records: ["refused-close"],
    visit: async (stage) => {
      const socket = await helloSent(stage, stage.ports.web)
      await sleep(30)
      await leave(socket)
    },
  },
  {
    name: "half-rst",
    weight: 3,
    way: "attempts",
    records: ["refused-reset"],
    visit: async (stage) => breakOff(await helloSent(stage, stage.ports.web), 30),
  },
  {
    name: "slow-hello",
    weight: 1,
    way: "attempts",
    records: ["refused-close"],
    visit: async (stage) => {
      const socket = await tunnel(stage, stage.ports.web)
      const size = Math.ceil(stage.hello.length / 12)
      for (let at = 0; at < stage.hello.length; at += size) {
        socket.write(stage.hello.subarray(at, at + size))
        await sleep(60)
      }
      await first(socket)
      await sleep(30)
      await leave(socket)
    },
  },
  {
    name: "no-hello",
    weight: 0.5,
    way: "attempts",
    records: ["timed-out"],
    visit: async (stage) => ended(await tunnel(stage, stage.ports.web)),
  },
  {
    name: "left-early",
    weight: 1,
    way: "attempts",
    records: ["abandoned"],
    visit: async (stage) => {
      const socket = await tunnel(stage, stage.ports.web)
      socket.write(stage.hello.subarray(0, 40))
      await leave(socket)
    },
  },
  {
    name: "download-rst",
    weight: 1,
    way: "attempts",
    records: ["accepted"],
    visit: async (stage) => {
      const raw = await tunnel(stage, stage.ports.web)
      const client = await secured(stage, raw)
      client.write(get(stage.name, "/big"))
      await told(client, "b".repeat(1_000), 100)
      await breakOff(raw)
      client.destroy()
    },
  },
  {
    name: "download-broken",
    weight: 1,
    way: "attempts",
    records: ["accepted"],
    visit: async (stage) => {
      const client = await secured(stage, await tunnel(stage, stage.ports.web))
      client.write(get(stage.name, "/broken"))
      await ended(client)
    },
  },
  {
    name: "idle",
    weight: 0.5,
    way: "attempts",
    records: ["idle"],
    visit: async (stage) => ended(await secured(stage, await tunnel(stage, stage.ports.web))),
  },
  {
    name: "websocket-tls",
    weight: 2,
    way: "attempts",
    records: ["accepted"],
    visit: async (stage) => {
      const client = await secured(stage, await tunnel(stage, stage.ports.socket))
      await talk(client, upgradeRequest("/", stage.name))
    },
  },
  {
    name: "not-tls",
    weight: 2,
    way: "attempts",
    records: ["not-tls"],
    visit: async (stage) => {
      const socket = await tunnel(stage, stage.ports.echo)
      socket.write("SSH-2.0-soak\r\n")
      await told(socket, "SSH-2.0-soak", 1)
      await leave(socket)
    },
  },
  ...(["untrusted", "hanging", "resetting", "closed"] as const).map(
    (port): Kind => ({
      name: `origin-${port}`,
      weight: port === "hanging" ? 0.5 : 1,
      way: "attempts",
      records: ["origin-failed"],
      visit: async (stage) => {
        const socket = await tunnel(stage, stage.ports[port])
        socket.write(stage.hello)
        await ended(socket)
      },
    }),
  ),
  {
    name: "unknown",
    weight: 1,
    way: "attempts",
    records: ["origin-failed"],
    visit: async (stage) => {
      const socket = await tunnel(stage, 443, "unknown.soak.invalid")
      socket.write(stage.hello)
      await ended(socket)
    },
  },
  {
    name: "blocked",
    weight: 1,
    way: "attempts",
    records: ["blocked"],
    visit: async (stage) => {
      const socket = await tunnel(stage, stage.ports.web)
      socket.write(stage.hello)
      await ended(socket)
    },
  },
  {
    name: "spliced",
    weight: 6,
    way: "flows",
    records: ["used"],
    visit: async (stage) => {
      const raw = await tunnel(stage, stage.ports.web)
      const client = await secured(stage, raw, { ca: stage.trust.origin })
      client.write(`${get(stage.name).slice(0, -2)}X-Padding: ${"p".repeat(300)}\r\n\r\n`)
      await told(client, answerEnd, 1)
      await leave(client)
    },
  },
  {
    name: "spliced-unused",
    weight: 1,
    way: "flows",
    records: ["established-unused"],
    visit: async (stage) => {
      const raw = await tunnel(stage, stage.ports.web)
      const client = await secured(stage, raw, { ca: stage.trust.origin })
      await sleep(30)
      await leave(client)
    },
  },
  {
    name: "spliced-rst",
    weight: 1,
    way: "flows",
    records: ["used"],
    visit: async (stage) => {
      const raw = await tunnel(stage, stage.ports.web)
      const client = await secured(stage, raw, { ca: stage.trust.origin })
      client.write(get(stage.name, "/big"))
      await told(client, "b".repeat(1_000), 100)
      await breakOff(raw)
      client.destroy()
    },
  },
  {
    name: "plain",
    weight: 8,
    way: "plain_http",
    records: [],
    visit: async (stage) => {
      const socket = await dial(stage)
      const url = `http://${stage.name}:${stage.ports.plain}/`
      for (let request = 0; request < 3; request++) {
        socket.write(get(stage.name).replace("/", url))
        await told(socket, answerEnd, 1)
        await sleep(100)
      }
      await leave(socket)
    },
  },
  {
    name: "websocket-plain",
    weight: 2,
    way: "plain_http",
    records: [],
    visit: async (stage) => {
      const host = `${stage.name}:${stage.ports.plain}`
      await talk(await dial(stage), upgradeRequest(`http://${host}/`, host))
    },
  },
  {
    name: "guarded-tunnel",
    weight: 1,
    way: "guarded",
    records: [],
    visit: async (stage) => ended(await tunnel(stage, 80, "169.254.169.254", " 403 ")),
  },
  {
    name: "guarded-plain",
    weight: 1,
    way: "guarded",
    records: [],
    visit: async (stage) => {
      const socket = await dial(stage)
      socket.write(get("169.254.169.254").replace("/", "http://169.254.169.254/"))
      await ended(socket)
    },
  },
  {
    name: "scan-fin",
    weight: 4,
    way: "no_request",
    records: [],
    visit: async (stage) => leave(await dial(stage)),
  },
  {
    name: "scan-rst",
    weight: 4,
    way: "no_request",
    records: [],
    visit: async (stage) => breakOff(await dial(stage)),
  },
  {
    name: "slow-head",
    weight: 0.5,
    way: "no_request",
    records: [],
    visit: async (stage) => {
      const socket = await dial(stage)
      socket.write("CONNECT slow.soak.example:443 HTTP/1.1\r\nHos")
      await ended(socket)
    },
  },
  {
    name: "garbage",
    weight: 2,
    way: "bad_request",
    records: [],
    visit: async (stage) => {
      const socket = await dial(stage)
      socket.write(stage.hello)
      await ended(socket)
    },
  },
  {
    name: "no-port",
    weight: 1,
    way: "bad_request",
    records: [],
    visit: async (stage) => {
      const socket = await dial(stage)
      socket.write("CONNECT soak.example HTTP/1.1\r\nHost: soak.example\r\n\r\n")
      await ended(socket)
    },
  },
]

/** Finishes the handshake and leaves without a byte, as a pinned app does. */
function pinned(name: string, version: "TLSv1.2" | "TLSv1.3", how: "fin" | "rst"): Kind {
  return {
    name,
    weight: 4,
    way: "attempts",
    // A reset may overtake the Finished that came before it.
    records:
      how === "fin" ? ["refused-after-handshake"] : ["refused-after-handshake", "refused-reset"],
    visit: async (stage) => {
      const raw = await tunnel(stage, stage.ports.web)
      const client = await secured(stage, raw, { minVersion: version, maxVersion: version })
      if (how === "fin") return leave(client)
      await breakOff(raw, 30)
      client.destroy()
    },
  }
}

const noPin = Buffer.alloc(32, 7).toString("base64")

async function helloSent(stage: Stage, port: number): Promise<Socket> {
  const socket = await tunnel(stage, port)
  socket.write(stage.hello)
  if ((await first(socket)) === "") throw new Error("no answer to the ClientHello")
  return socket
}

/** Upgrades, says something three times and leaves. */
async function talk(socket: Socket, request: string): Promise<void> {
  socket.write(request)
  await told(socket, "\r\n\r\n", 1)
  for (let turn = 0; turn < 3; turn++) {
    socket.write(`turn ${turn}.`)
    await told(socket, `turn ${turn}.`, 1)
    await sleep(100)
  }
  await leave(socket)
}

function upgradeRequest(target: string, host: string): string {
  const key = Buffer.alloc(16, 3).toString("base64")
  return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`
}

/** A real curl; its exit code says how it judged the certificate. */
function curl(stage: Stage, args: readonly string[], expected: number): Promise<void> {
  const { host, port, name, ports, localAddress } = stage
  const all = [
    "-sS",
    "-o",
    "/dev/null",
    "--interface",
    localAddress,
    "-x",
    `http://${host}:${port}`,
  ]
  return new Promise((resolve, reject) => {
    const child = execFile(
      "curl",
      [...all, ...args, `https://${name}:${ports.web}/`],
      (_, __, why) => {
        const code = child.exitCode
        // 7: it could not connect, to the proxy.
        if (code !== 7) stage.connected()
        if (code === expected) resolve()
        else reject(new Error(`curl ended with ${code}: ${why.trim()}`))
      },
    )
  })
}
