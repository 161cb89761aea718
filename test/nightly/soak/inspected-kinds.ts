/** Clients whose connections end in attempts: they are inspected, or it is tried. */
import { execFile } from "node:child_process"
import { connect as h2Connect } from "node:http2"
import type { Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import type { Kind } from "./kind.ts"
import { answerEnd } from "./origins.ts"
import { get, talk, upgradeRequest } from "./requests.ts"
import { breakOff, ended, first, leave, type Stage, secured, told, tunnel } from "./visit.ts"

export const inspectedKinds: readonly Kind[] = [
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
    // On a machine that is busy with other things even this client is too slow at times.
    records: ["refused-close", "timed-out"],
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
]

/** Finishes the handshake and leaves without a byte, as a pinned app does. */
function pinned(name: string, version: "TLSv1.2" | "TLSv1.3", how: "fin" | "rst"): Kind {
  return {
    name,
    weight: 4,
    way: "attempts",
    // A reset may overtake the Finished that came before it; a client that is held up leaves too late.
    records:
      how === "fin"
        ? ["refused-after-handshake"]
        : ["refused-after-handshake", "refused-reset", "idle"],
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
