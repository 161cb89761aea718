/**
 * The way of each session: client -> door (adds CONNECT) -> the real sensor, which splices -> tap (reads record
 * headers) -> origin. Each connection has a tap of its own, by whose port the sensor's flow is found again.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import type { OpaqueEnd } from "../../src/observe/opaque-session.ts"
import type { Flow } from "../../src/record/flow.ts"
import { type SessionTrace, TraceRecorder } from "../../test/observe/session-trace.ts"
import { type TestSensor, testSensor, tunnel } from "../../test/support/sensor.ts"

export const domain = "opaque.test"

/** What became of one connection, but for what its ends say of it. */
export interface Passed {
  trace: SessionTrace
  /** Port from which the origin was dialled: how the origin names the session. */
  originSees: number
  flow: Flow | null
}

export interface Door {
  port: number
  /** Resolves when its connections are over, with what passed. */
  close(): Promise<Passed[]>
}

export interface Bed {
  /** A door for one play. */
  open(play: Way): Promise<Door>
  close(): Promise<void>
}

/** How long a session may go on after its client has left, in milliseconds. */
const patience = 3_000

export async function openBed(): Promise<Bed> {
  const undo: (() => unknown)[] = []
  const sensor = await testSensor(
    { teardown: (fn) => undo.push(fn) },
    {
      rules: [{ name: "bench", when: { destination: ["127.0.0.0/8"] }, do: "splice" }],
      limits: { "record-after": "1s" },
    },
  )
  return {
    open: (play) => openDoor(sensor, play),
    close: async () => {
      for (const each of undo) await each()
    },
  }
}

export interface Way {
  name: string
  /** Port of the origin. */
  origin: number
  /** The client says CONNECT itself. */
  proxy?: boolean
  /** Told from which port the origin is dialled. */
  expect: (port: number) => void
}

async function openDoor(
  sensor: TestSensor,
  { name, origin, proxy = false, expect }: Way,
): Promise<Door> {
  const over: Promise<Passed>[] = []
  const door = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    client.on("error", () => {})
    over.push(session(client, sensor, { name, origin, proxy, expect }))
  })
  const port = await listening(door)
  return {
    port,
    close: async () => {
      const deadline = Date.now() + patience
      let count = -1
      // A client may open a further one while its last is ending.
      while (count !== over.length && Date.now() < deadline) {
        count = over.length
        await Promise.race([Promise.allSettled(over), pause(patience)])
      }
      door.close()
      const settled = await Promise.all(
        over.map((one) => Promise.race([one.catch(() => null), pause(200).then(() => null)])),
      )
      return settled.filter((one) => one !== null)
    },
  }
}

async function session(
  client: Socket,
  sensor: TestSensor,
  { name, origin, proxy, expect }: Way,
): Promise<Passed> {
  if (proxy) await answerConnect(client)
  const { promise: passed, resolve } = Promise.withResolvers<Omit<Passed, "flow">>()
  const tap = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    tap.close()
    const far = connect({ port: origin, host: "127.0.0.1", allowHalfOpen: true, noDelay: true })
    const recorder = new TraceRecorder()
    let end: OpaqueEnd | null = null
    let originSees = 0
    far.once("connect", () => {
      originSees = far.localPort ?? 0
      expect(originSees)
    })
    relay(near, far, {
      out: (chunk) => recorder.client(chunk),
      back: (chunk) => recorder.server(chunk),
      ended: (by, how) => {
        end ??= { by, how }
      },
      closed: () =>
        resolve({ trace: recorder.trace(end ?? { by: "unknown", how: "unknown" }), originSees }),
    })
  })
  const port = await listening(tap)
  const earlier = sensor.flows.length
  const spliced = await tunnel(sensor, `${name}:${port}`)
  relay(client, spliced, {})
  client.resume()
  const { trace, originSees } = await passed
  return { trace, originSees, flow: await flowTo(sensor, port, earlier) }
}

/** Ports come again: only flows behind the first `earlier` are looked at. */
async function flowTo(sensor: TestSensor, port: number, earlier: number): Promise<Flow | null> {
  for (const deadline = Date.now() + 2_000; Date.now() < deadline; await pause(20)) {
    const flow = sensor.flows.slice(earlier).find((each) => each.destination_port === port)
    if (flow) return flow
  }
  return null
}

interface Told {
  out?: (chunk: Buffer) => void
  back?: (chunk: Buffer) => void
  ended?: (by: "client" | "origin", how: "fin" | "rst") => void
  closed?: () => void
}

/** Passes bytes, half-closes and resets as they come. */
function relay(near: Socket, far: Socket, told: Told): void {
  let open = 2
  const one = (
    from: Socket,
    to: Socket,
    by: "client" | "origin",
    see?: (chunk: Buffer) => void,
  ) => {
    from.on("data", (chunk: Buffer) => {
      see?.(chunk)
      if (!to.destroyed && !to.write(chunk)) {
        from.pause()
        to.once("drain", () => from.resume())
      }
    })
    from.on("end", () => {
      told.ended?.(by, "fin")
      to.end()
    })
    from.on("error", () => {
      told.ended?.(by, "rst")
      to.resetAndDestroy()
    })
    from.on("close", () => {
      if (!to.destroyed && !to.writableEnded) to.end()
      if (--open === 0) told.closed?.()
    })
  }
  one(near, far, "client", told.out)
  one(far, near, "origin", told.back)
  if (near.destroyed) far.destroy()
}

/** The head of a CONNECT, and nothing behind it: a client waits for the answer. */
async function answerConnect(client: Socket): Promise<void> {
  await new Promise<void>((resolve) => client.once("data", () => resolve()))
  client.pause()
  client.write("HTTP/1.1 200 Connection established\r\n\r\n")
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return (server.address() as AddressInfo).port
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
