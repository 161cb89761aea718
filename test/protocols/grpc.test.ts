/** gRPC as grpc-js speaks it, client and server, with the client's own support of CONNECT. */
import grpc from "@grpc/grpc-js"
import t, { type Test } from "tap"
import { bothWays, type Way } from "./both-ways.ts"

const asItIs = (bytes: Buffer) => bytes
function method(name: string, requestStream: boolean, responseStream: boolean) {
  return {
    path: `/test.Talk/${name}`,
    requestStream,
    responseStream,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  }
}
const talk = {
  echo: method("Echo", false, false),
  collect: method("Collect", true, false),
  count: method("Count", false, true),
  chat: method("Chat", true, true),
  hang: method("Hang", true, true),
}
const TalkClient = grpc.makeGenericClientConstructor(talk, "Talk")
type Bytes = Buffer

const unlimited = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
}

/** `hung`: called with what became of a call of Hang. */
async function serve(t: Test, way: Way, hung: (end: string) => void): Promise<number> {
  const server = new grpc.Server(unlimited)
  server.addService(talk, {
    echo: (call: grpc.ServerUnaryCall<Bytes, Bytes>, done: grpc.sendUnaryData<Bytes>) => {
      const trailers = new grpc.Metadata()
      trailers.set("seen", String(call.metadata.get("said")[0]))
      if (call.request.toString() === "not here")
        return done({ code: grpc.status.NOT_FOUND, details: "no such thing", metadata: trailers })
      done(null, call.request, trailers)
    },
    collect: (call: grpc.ServerReadableStream<Bytes, Bytes>, done: grpc.sendUnaryData<Bytes>) => {
      let total = 0
      call.on("data", (bytes: Bytes) => {
        total += bytes.length
      })
      call.on("end", () => done(null, Buffer.from(String(total))))
    },
    count: (call: grpc.ServerWritableStream<Bytes, Bytes>) => {
      for (let n = 0; n < Number(call.request.toString()); n++) call.write(Buffer.from(`${n}`))
      call.end()
    },
    chat: (call: grpc.ServerDuplexStream<Bytes, Bytes>) => {
      call.on("data", (bytes: Bytes) => call.write(Buffer.concat([Buffer.from("re: "), bytes])))
      call.on("end", () => call.end())
    },
    hang: (call: grpc.ServerDuplexStream<Bytes, Bytes>) => {
      call.on("cancelled", () => hung("cancelled"))
      call.on("data", (bytes: Bytes) => call.write(bytes))
    },
  })
  const { key, cert } = way.certificate
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      "127.0.0.1:0",
      grpc.ServerCredentials.createSsl(null, [pair]),
      (error, port) => (error ? reject(error) : resolve(port)),
    ),
  )
  t.teardown(() => server.forceShutdown())
  return port
}

function client(t: Test, way: Way, port: number, ca: string) {
  // grpc-js takes the proxy from the environment when a client is made.
  process.env["grpc_proxy"] = `http://127.0.0.1:${way.sensor.port}`
  const credentials = grpc.credentials.createSsl(Buffer.from(ca))
  // A pool that clients of one target share would carry a connection from one test to the next.
  const options = { ...unlimited, "grpc.use_local_subchannel_pool": 1 }
  const made = new TalkClient(`${way.host}:${port}`, credentials, options)
  t.teardown(() => made.close())
  return made
}

interface Answer {
  error: grpc.ServiceError | null
  bytes: string
  status: grpc.StatusObject
}

function ask(talker: grpc.Client, words: string, deadlineMs = 10_000): Promise<Answer> {
  const said = new grpc.Metadata()
  said.set("said", "hello")
  const { path, requestSerialize, responseDeserialize } = talk.echo
  const deadline = Date.now() + deadlineMs
  return new Promise((resolve) => {
    let answer: [grpc.ServiceError | null, string] = [null, ""]
    talker
      .makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        Buffer.from(words),
        said,
        { deadline },
        (error, bytes) => {
          answer = [error, bytes?.toString() ?? ""]
        },
      )
      .on("status", (status) => {
        setImmediate(() => resolve({ error: answer[0], bytes: answer[1], status }))
      })
  })
}

const duplex = (talker: grpc.Client, { path }: { path: string }, deadlineMs = 10_000) =>
  talker.makeBidiStreamRequest<Bytes, Bytes>(path, asItIs, asItIs, {
    deadline: Date.now() + deadlineMs,
  })

/** The next message or, if there is none, the status code it ended with. */
function next(call: grpc.ClientDuplexStream<Bytes, Bytes>): Promise<string | number> {
  return new Promise((resolve) => {
    call.once("data", (bytes: Bytes) => resolve(bytes.toString()))
    call.once("error", (error: grpc.ServiceError) => resolve(error.code))
  })
}

t.test("gRPC calls of all four kinds are served, with status and trailers", (t) =>
  bothWays(t, "grpc", async (t, way) => {
    const port = await serve(t, way, () => {})
    const talker = client(t, way, port, way.ca)
    await t.test("unary, with metadata both ways", async (t) => {
      const { bytes, status } = await ask(talker, "hello")
      t.equal(bytes, "hello")
      t.equal(status.code, grpc.status.OK)
      t.same(status.metadata.get("seen"), ["hello"])
    })
    await t.test("unary that fails", async (t) => {
      const { error, status } = await ask(talker, "not here")
      t.match(error, { code: grpc.status.NOT_FOUND, details: "no such thing" })
      t.same(status.metadata.get("seen"), ["hello"])
    })
    await t.test("client streaming, past every flow-control window", async (t) => {
      const total = await new Promise<string>((resolve, reject) => {
        const { path } = talk.collect
        const call = talker.makeClientStreamRequest<Bytes, Bytes>(
          path,
          asItIs,
          asItIs,
          (error, bytes) => (error ? reject(error) : resolve(String(bytes))),
        )
        for (let n = 0; n < 40; n++) call.write(Buffer.alloc(100_000))
        call.end()
      })
      t.equal(total, "4000000")
    })
    await t.test("server streaming", async (t) => {
      const call = talker.makeServerStreamRequest<Bytes, Bytes>(
        talk.count.path,
        asItIs,
        asItIs,
        Buffer.from("500"),
      )
      const got: string[] = []
      for await (const bytes of call) got.push(String(bytes))
      t.same(
        got,
        Array.from({ length: 500 }, (_, n) => `${n}`),
      )
    })
    await t.test("both streaming, turn by turn", async (t) => {
      const call = duplex(talker, talk.chat)
      for (const word of ["one", "two", "three"]) {
        call.write(Buffer.from(word))
        t.equal(await next(call), `re: ${word}`)
      }
      const status = new Promise<grpc.StatusObject>((resolve) => call.once("status", resolve))
      call.end()
      t.match(await status, { code: grpc.status.OK })
    })
    await t.test("a message of 8 MiB each way", async (t) => {
      const words = "x".repeat(8 * 1024 * 1024)
      t.ok((await ask(talker, words)).bytes === words)
    })
    talker.close()
    await way.used(t, { alpn_offered: ["h2"], connect_user_agent: null })
  }),
)

t.test("what a gRPC client gives up, its server is told of", (t) =>
  bothWays(t, "grpc", async (t, way) => {
    const ended: string[] = []
    let tell = () => {}
    const port = await serve(t, way, (end) => {
      ended.push(end)
      tell()
    })
    const talker = client(t, way, port, way.ca)
    const told = () => new Promise<void>((resolve) => (tell = resolve))
    await t.test("a stream that was long open is cancelled", async (t) => {
      const call = duplex(talker, talk.hang)
      call.write(Buffer.from("there?"))
      t.equal(await next(call), "there?")
      const heard = told()
      call.cancel()
      t.equal(await next(call), grpc.status.CANCELLED)
      await heard
      t.same(ended, ["cancelled"])
    })
    await t.test("a deadline passes", async (t) => {
      const heard = told()
      const call = duplex(talker, talk.hang, 150)
      t.equal(await next(call), grpc.status.DEADLINE_EXCEEDED)
      await heard
      t.same(ended, ["cancelled", "cancelled"])
    })
    await t.test("and the connection is good for more", async (t) => {
      t.equal((await ask(talker, "still")).bytes, "still")
    })
    talker.close()
    await way.used(t)
    t.equal(way.sensor.sensor.counts.accepted, 1, "all of it over one connection")
  }),
)

t.test("a gRPC client that does not trust what it is shown calls nobody", (t) =>
  bothWays(t, "grpc", async (t, way) => {
    const port = await serve(t, way, () => {})
    const talker = client(t, way, port, way.otherCa)
    const { error } = await ask(talker, "hello", 4_000)
    t.match(error?.code, grpc.status.UNAVAILABLE)
    talker.close()
    if (way.title === "inspected")
      t.match(await way.sensor.attempt(), { outcome: "refused-close", strength: "strong" })
    else t.match(await way.sensor.flow(), { verdict: "failed", reason: "aborted-in-handshake" })
  }),
)
