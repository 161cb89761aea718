/** Clients that are spliced, that speak plain HTTP, or that come no further than the door. */
import { setTimeout as sleep } from "node:timers/promises"
import type { Kind } from "./kind.ts"
import { answerEnd } from "./origins.ts"
import { get, talk, upgradeRequest } from "./requests.ts"
import { breakOff, dial, ended, leave, secured, told, tunnel } from "./visit.ts"

export const otherKinds: readonly Kind[] = [
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
