/** Origins are read into one buffer of all: what is handed on must be each one's own bytes. */
import { createHash, randomBytes } from "node:crypto"
import { connect, createServer, type Socket } from "node:net"
import { Writable } from "node:stream"
import t from "tap"
import { Inflow } from "../../src/intercept/inflow.ts"
import { listening, once } from "../support/sensor.ts"

/** Takes bytes at its own pace and keeps their hash; a chunk is read late, as a busy socket does. */
class Slow extends Writable {
  readonly #hash = createHash("sha256")
  readonly #ms: number

  constructor(ms: number) {
    super({ highWaterMark: 64 * 1024 })
    this.#ms = ms
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    const take = () => {
      this.#hash.update(chunk)
      done()
    }
    if (this.#ms === 0) take()
    else setTimeout(take, this.#ms)
  }

  digest(): string {
    return this.#hash.digest("hex")
  }
}

const sha = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex")

async function origin(
  t: { teardown(fn: () => unknown): void },
  serve: (socket: Socket) => void,
): Promise<number> {
  return listening(t, createServer(serve))
}

t.test("many origins at once, fast and slow readers: each gets its own bytes", async (t) => {
  const bodies = Array.from({ length: 12 }, (_, at) => randomBytes(200_000 + at * 77_777))
  const digests = await Promise.all(
    bodies.map(async (body, at) => {
      const port = await origin(t, (socket) => socket.end(body))
      const inflow = new Inflow()
      const socket = connect({ port, host: "127.0.0.1", onread: inflow.onread })
      const sink = new Slow(at % 3)
      let seen = 0
      inflow.into(socket, sink, (chunk) => {
        seen += chunk.length
      })
      await once(sink, "finish")
      return { digest: sink.digest(), seen }
    }),
  )
  t.strictSame(
    digests,
    bodies.map((body) => ({ digest: sha(body), seen: body.length })),
  )
})

t.test("what comes before anybody takes it waits, and the reading with it", async (t) => {
  const body = randomBytes(3_000_000)
  const port = await origin(t, (socket) => socket.end(body))
  const inflow = new Inflow()
  const socket = connect({ port, host: "127.0.0.1", onread: inflow.onread })
  await new Promise<void>((spoke) => {
    inflow.onEarly = spoke
  })
  await new Promise((rest) => setTimeout(rest, 50))
  t.ok(socket.bytesRead < 1_000_000, `${socket.bytesRead} bytes read ahead`)
  const sink = new Slow(0)
  inflow.into(socket, sink, () => {})
  await once(sink, "finish")
  t.equal(sink.digest(), sha(body))
})

t.test("a reader that takes nothing stops the reading", async (t) => {
  const port = await origin(t, (socket) => socket.write(randomBytes(20_000_000)))
  const inflow = new Inflow()
  const socket = connect({ port, host: "127.0.0.1", onread: inflow.onread })
  const stuck = new Writable({ highWaterMark: 64 * 1024, write: () => {} })
  inflow.into(socket, stuck, () => {})
  await new Promise((rest) => setTimeout(rest, 200))
  t.ok(socket.bytesRead < 1_000_000, `${socket.bytesRead} bytes read`)
  socket.destroy()
})
