import { connect } from "node:net"
import { gzipSync } from "node:zlib"
import t from "tap"
import { SourceKeeper } from "../../src/cli/collector/keeper.ts"
import { holds } from "../support/processes.ts"
import { native, ndjson, noon, secret, send, telemetryBed, webhook } from "../support/telemetry.ts"

const rotating = () => {
  return {
    webhook: webhook({
      limits: {
        "body-bytes": 65_536,
        "unpacked-bytes": 2_000_000,
        "unpacked-ratio": 50,
        lines: 12_000,
        "line-bytes": 4_096,
      },
      senders: [
        {
          name: "vendor-x",
          sources: ["vendor-x", "vendor-x-lab"],
          keys: [
            { id: "k1", secret: { file: "k1.key" } },
            { id: "k0", secret: { file: "k1.key" }, until: "2026-11-21T12:00:00Z" },
          ],
        },
        {
          name: "other",
          tenant: "t2",
          sources: ["rasp"],
          keys: [{ id: "o1", secret: { file: "k1.key" } }],
        },
      ],
    }),
  }
}

t.test("events are stored as they were told, three-valued and with both clocks", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const told = native({
    type: "tls_trust_customization",
    trust: { kind: "pin_comparison", evidence: "runtime" },
    state: { device_locked: false },
  })
  const { status, body } = await bed.post(ndjson(told))
  t.strictSame([status, body], [200, { accepted: 1, known: 0, rejected: 0, problems: [] }])
  const [event] = bed.events()
  t.match(event, {
    tenant: "t1",
    site: "hq",
    sensor_id: "s1",
    observed_at: "2026-11-21T11:59:00.250Z",
    received_at: "2026-11-21T12:00:00.000Z",
    trust: { kind: "pin_comparison", evidence: "runtime" },
    // Not said is unknown, said false is false.
    state: { app_state: "unknown", device_locked: false, recent_user_interaction: null },
    dest: { host: "api.bank.example", ip: null, port: 443, src_port: 40_123 },
  })
  t.equal(bed.health("webhook/vendor-x").taken, 1)
  t.equal(bed.health("webhook/vendor-x").newest_at, "2026-11-21T11:59:00.250Z")
})

t.test("a JSON array, NDJSON and gzip of either say the same", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const events = [native(), native()]
  const json = { "content-type": "application/json" }
  const gzip = { "content-encoding": "gzip" }
  const first = await bed.post(JSON.stringify(events), { headers: json })
  t.strictSame([first.body["accepted"], first.body["known"]], [2, 0])
  const same = [
    await bed.post(ndjson(...events)),
    await bed.post(`\u{feff}${ndjson(...events).replaceAll("\n", "\r\n\r\n")}`),
    await bed.post(gzipSync(ndjson(...events)), { headers: gzip }),
    await bed.post(gzipSync(JSON.stringify(events)), { headers: { ...json, ...gzip } }),
  ]
  for (const { body } of same) t.match(body, { accepted: 0, known: 2, rejected: 0 })
  t.equal(bed.events().length, 2)
  t.match(await bed.post("[]", { headers: json }), { status: 200, body: { accepted: 0 } })
})

t.test("who has no key changes nothing and learns nothing", async (t) => {
  const bed = await telemetryBed(rotating)
  t.teardown(() => bed.close())
  await bed.post(ndjson(native()))
  const before = bed.everything()
  const body = ndjson(native())
  const flipped = { secret: `${secret.slice(0, -1)}0` }
  const now = Math.floor(noon / 1_000)
  const refused: Record<string, [Parameters<typeof bed.post>[1], number, RegExp]> = {
    "a bad signature": [flipped, 401, /^the signature does not fit$/],
    "an unknown key": [{ key: "k9" }, 401, /^the signature does not fit$/],
    "a key whose time is over": [{ key: "k0" }, 401, /^the signature does not fit$/],
    "a signature that is none": [{ signature: "v1=zz" }, 401, /^the signature does not fit$/],
    "a signature of zeros": [{ signature: `v1=${"00".repeat(32)}` }, 401, /does not fit$/],
    "another version of it": [{ signature: `v2=${"00".repeat(32)}` }, 401, /does not fit$/],
    "no signature": [{ signature: "" }, 401, /^sign it/],
    "an old timestamp": [{ timestamp: String(now - 301) }, 401, /more than 300 s/],
    "a timestamp ahead": [{ timestamp: String(now + 301) }, 401, /more than 300 s/],
    "a timestamp in milliseconds": [{ timestamp: String(noon) }, 401, /Unix time in seconds/],
    "a body that is too large": [{ headers: { "content-length": "65537" } }, 413, /at most 65536/],
    "a type that is none of ours": [{ headers: { "content-type": "text/plain" } }, 415, /ndjson/],
    "another path": [{ path: "/v1/event" }, 404, /nothing here/],
  }
  for (const [name, [over, status, words]] of Object.entries(refused)) {
    const large = name === "a body that is too large" ? "x".repeat(65_537) : body
    const answer = await bed.post(large, over)
    t.equal(answer.status, status, name)
    t.match(answer.body["error"], words, name)
  }
  const signed = await bed.post(body)
  t.equal(signed.body["accepted"], 1, "the same body, signed, is taken")
  const other = await bed.post(`${body} `, { signature: "v1=".padEnd(67, "a") })
  t.equal(other.status, 401)
  const untouched = bed
    .everything()
    .split("\n")
    .filter((line) => !line.includes(JSON.parse(body).event_id))
  t.equal(untouched.join("\n"), before, "nothing else was written")
  await bed.stop()
  t.equal(bed.health("webhook").rejected, 14, "and all of it is counted")
})

t.test("a stale timestamp is told the receiver's time, so that a clock can be set", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const { body } = await bed.post(ndjson(native()), { timestamp: "1700000000" })
  t.equal(body["server_time"], noon / 1_000)
})

t.test(
  "a request that is replayed within the window adds nothing, and none later gets in",
  async (t) => {
    const bed = await telemetryBed(() => ({ webhook: webhook() }))
    t.teardown(() => bed.close())
    const body = ndjson(native(), native())
    const timestamp = String(Math.floor(noon / 1_000))
    await bed.post(body, { timestamp })
    const before = bed.everything()
    bed.clock.now = noon + 299_000
    t.match((await bed.post(body, { timestamp })).body, { accepted: 0, known: 2, rejected: 0 })
    bed.clock.now = noon + 301_000
    t.equal((await bed.post(body, { timestamp })).status, 401)
    t.equal(bed.everything(), before)
  },
)

t.test("an event id is said once: what is said under it later is not taken", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const first = native({ event_id: "one" })
  await bed.post(ndjson(first))
  const { body } = await bed.post(ndjson({ ...first, app: { id: "com.example.other" } }))
  t.match(body, { accepted: 0, known: 1 })
  t.strictSame(
    bed.events().map(({ app }) => app.id),
    ["com.example.bank"],
  )
})

t.test("bad lines are named and the good ones among them are kept", async (t) => {
  const bed = await telemetryBed(rotating)
  t.teardown(() => bed.close())
  const bad: [line: unknown, field: string | null, why: RegExp][] = [
    ["{ not json", null, /is no JSON/],
    ['["an", "array"]', null, /must be one JSON object/],
    [`"${"x".repeat(5_000)}"`, null, /longer than 4096 bytes/],
    [native({ observed_at: "yesterday" }), "observed_at", /RFC 3339/],
    [native({ event_id: undefined }), "event_id", /is missing/],
    [native({ source: "vendor-y" }), "source", /may only write as vendor-x, vendor-x-lab/],
    [native({ v: 2 }), "v", /must be one of 1/],
    [native({ sttae: {} }), "sttae", /no record of this kind/],
    [native({ tenant: "t2" }), "tenant", /is said by the receiver/],
    [native({ id: "mine" }), "id", /is said by the receiver/],
    [native({ state: { device_locked: "no" } }), "state.device_locked", /must be a boolean/],
    [native({ trust: { evidence: "maybe" } }), "trust.evidence", /runtime, static/],
    [native({ dest: { port: 70_000 } }), "dest.port", /0 to 65535/],
    [native({ dest: { ip: "300.1.1.1" } }), "dest.ip", /IPv4 or IPv6/],
    [native({ app: { signer_sha256: "abc" } }), "app.signer_sha256", /64 hexadecimal/],
    [native({ observed_at: "2026-11-22T12:00:01Z" }), "observed_at", /86401 s ahead/],
    ['{"__proto__": {"v": 1}}', null, /./],
  ]
  const lines = bad.flatMap(([line]) => [line, native()])
  const { status, body } = await bed.post(ndjson(...lines))
  t.equal(status, 200)
  t.match(body, { accepted: bad.length, known: 0, rejected: bad.length })
  const problems = body["problems"] as { line: number; field: string | null; why: string }[]
  for (const [index, [, field, why]] of bad.entries()) {
    const problem = problems[index]
    t.equal(problem?.line, index * 2 + 1, String(why))
    if (field !== null) t.equal(problem?.field, field)
    t.match(problem?.why, why)
  }
  t.equal(bed.events().length, bad.length)
  t.equal((await bed.post(ndjson("nothing good"))).status, 400)
  await bed.stop()
  t.equal(bed.health("webhook/vendor-x").rejected, bad.length + 1)
})

t.test("an answer names at most a hundred bad lines, and how many there are", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const { body } = await bed.post("x\n".repeat(250))
  t.equal(body["rejected"], 250)
  t.equal((body["problems"] as unknown[]).length, 100)
})

t.test("events long past are kept with their own time", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const late = native({ observed_at: "2026-09-01T02:00:00+02:00" })
  const ahead = native({ observed_at: "2026-11-22T11:59:59Z" })
  t.match((await bed.post(ndjson(late, ahead))).body, { accepted: 2 })
  t.strictSame(
    bed.events().map((event) => event.observed_at),
    ["2026-09-01T00:00:00.000Z", "2026-11-22T11:59:59.000Z"],
  )
})

t.test("types that we do not know are kept and counted, over a restart as well", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const unknown = native({ type: "vpn_started", tunnel: { name: "x" } })
  const { body } = await bed.post(ndjson(unknown, native(), native({ type: "vpn_started" })))
  t.match(body, { accepted: 3, rejected: 0 })
  t.strictSame(
    bed.events().map(({ type }) => type),
    ["vpn_started", "network_connect", "vpn_started"],
  )
  const many = Array.from({ length: 150 }, (_, index) => native({ type: `type-${index}` }))
  await bed.post(ndjson(...many, native({ type: "__proto__" })))
  const keeper = new SourceKeeper({
    store: bed.store,
    name: "webhook/vendor-x",
    kind: "webhook",
    tenant: "t1",
    clock: () => noon,
  })
  const place = keeper.place() as { unknown_types: Record<string, number> }
  t.equal(place.unknown_types["vpn_started"], 2)
  t.equal(Object.keys(place.unknown_types).length, 100, "at most a hundred names")
  t.equal(place.unknown_types["other types"], 53, "the others together")
})

t.test("keys are rotated without a gap, and each writes for its own producer only", async (t) => {
  const bed = await telemetryBed(rotating)
  t.teardown(() => bed.close())
  bed.clock.now = noon - 1
  t.equal((await bed.post(ndjson(native()), { key: "k0" })).status, 200, "until its time is over")
  t.equal((await bed.post(ndjson(native()), { key: "k1" })).status, 200)
  bed.clock.now = noon
  t.equal((await bed.post(ndjson(native()), { key: "k0" })).status, 401)
  const foreign = await bed.post(ndjson(native()), { key: "o1" })
  t.equal(foreign.status, 400)
  t.match(foreign.body, { problems: [{ field: "source", why: /may only write as rasp/ }] })
  await bed.post(ndjson(native({ source: "rasp" })), { key: "o1" })
  t.strictSame(
    bed.events().map(({ tenant, source }) => [tenant, source]),
    [
      ["t1", "vendor-x"],
      ["t1", "vendor-x"],
      ["t2", "rasp"],
    ],
  )
})

t.test("a body that is too much when unpacked is refused and nothing of it is kept", async (t) => {
  const bed = await telemetryBed(rotating)
  t.teardown(() => bed.close())
  const gzip = { headers: { "content-encoding": "gzip" } }
  const bombs: Record<string, [Buffer, typeof gzip, number]> = {
    "more than may be unpacked": [gzipSync(Buffer.alloc(20_000_000)), gzip, 413],
    "a ratio that no events have": [gzipSync(`${" ".repeat(90)}\n`.repeat(11_000)), gzip, 413],
    "gzip that breaks off": [gzipSync(ndjson(native())).subarray(0, 40), gzip, 400],
    "no gzip at all": [Buffer.from(ndjson(native())), gzip, 400],
    "another packing": [Buffer.from("x"), { headers: { "content-encoding": "br" } }, 415],
    "more events than a body holds": [gzipSync("{}\n".repeat(12_001)), gzip, 413],
    "an array that does not end": [Buffer.from('[{"v":1}'), gzip, 400],
  }
  for (const [name, [body, over, status]] of Object.entries(bombs))
    t.equal((await bed.post(body, over)).status, status, name)
  t.strictSame(bed.events(), [])
})

t.test("deep nesting and wrong UTF-8 are bad lines, not crashes", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const deep = `{"device":${"[".repeat(20_000)}${"]".repeat(20_000)}}`
  const notUtf8 = Buffer.concat([Buffer.from('{"event_id":"'), Buffer.from([0xff, 0xfe, 10])])
  const body = Buffer.concat([Buffer.from(`${deep}\n`), notUtf8, Buffer.from(ndjson(native()))])
  t.match((await bed.post(body)).body, { accepted: 1, rejected: 2 })
})

t.test("what is wrong with one element of an array costs no other", async (t) => {
  const bed = await telemetryBed(rotating)
  t.teardown(() => bed.close())
  const headers = { "content-type": "application/json" }
  const good = () => JSON.stringify(native())
  const elements = [
    good(),
    `{"a":"${"x".repeat(5_000)}"}`,
    '{"a":"]},["}',
    "{broken}",
    "",
    ` ${good()}\n`,
  ]
  const { status, body } = await bed.post(`\n[${elements}]\n`, { headers })
  t.match([status, body], [200, { accepted: 2, rejected: 4 }])
  t.match(body["problems"], [
    { line: 2, why: /longer than 4096 bytes/ },
    { line: 3, field: /a|event_id|observed_at/ },
    { line: 4, why: /is no JSON/ },
    { line: 5, why: /is no JSON/ },
  ])
  for (const broken of ["[", `[${good()}`, `[${good()}] x`, `[${good()}}`, '["]'])
    t.equal((await bed.post(broken, { headers })).status, 400, broken.slice(-5))
  t.equal((await bed.post(`[${"[],".repeat(12_000)}0]`, { headers })).status, 413)
  t.equal(bed.events().length, 2)
})

t.test("names without measure and halves of characters are refused", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const halves = ["\ud800", "\ud801"].map((event_id) => native({ event_id }))
  const { body } = await bed.post(ndjson(native({ app: { id: "x".repeat(1_025) } }), ...halves))
  t.match(body, {
    accepted: 0,
    known: 0,
    problems: [{ field: "app.id" }, { field: "event_id" }, { field: "event_id" }],
  })
})

t.test("ten thousand events are taken in one go", async (t) => {
  const bed = await telemetryBed(() => ({ webhook: webhook() }))
  t.teardown(() => bed.close())
  const events = Array.from({ length: 10_000 }, () => native())
  const gzip = { headers: { "content-encoding": "gzip" } }
  const { body } = await bed.post(gzipSync(ndjson(...events)), gzip)
  t.match(body, { accepted: 10_000, known: 0, rejected: 0 })
  t.equal(bed.health("webhook/vendor-x").taken, 10_000)
})

t.test("what cannot be stored is not acknowledged, and may be sent again", async (t) => {
  let broken = true
  const bed = await telemetryBed(
    () => ({ webhook: webhook() }),
    (keeper) => ({
      place: () => keeper.place(),
      tell: (health) => keeper.tell(health),
      keep: (batch) => {
        if (broken) throw new Error("SQLITE_FULL")
        return keeper.keep(batch)
      },
    }),
  )
  t.teardown(() => bed.close())
  const body = ndjson(native(), native())
  const refused = await bed.post(body)
  t.equal(refused.status, 503)
  t.equal(refused.headers["retry-after"], "10")
  t.notMatch(refused.body["error"], /SQLITE/, "no internal text reaches a client")
  const health = await send(bed.listen[0] ?? "", { path: "/health", method: "GET" }, Buffer.of())
  t.strictSame([health.status, health.body["ok"]], [503, false])
  t.match(bed.log, [{}, { level: "error", event: "telemetry-not-kept" }])
  broken = false
  t.ok(await holds(async () => (await bed.post(body)).status === 200, 4_000), "soon after")
  t.equal(bed.events().length, 2)
  t.match(await send(bed.listen[0] ?? "", { path: "/health", method: "GET" }, Buffer.of()), {
    status: 200,
    body: { ok: true },
  })
})

t.test("a store that cannot be written shows in the source's health", async (t) => {
  const bed = await telemetryBed(
    () => ({ webhook: webhook() }),
    (keeper) => ({
      place: () => keeper.place(),
      tell: (health) => keeper.tell(health),
      keep: () => {
        throw new Error("SQLITE_FULL")
      },
    }),
  )
  t.teardown(() => bed.close())
  await bed.post(ndjson(native()))
  await bed.stop()
  t.match(bed.health("webhook/vendor-x"), { state: "failing", last_error: /SQLITE_FULL/, taken: 0 })
})

t.test(
  "a client that is slow on purpose is cut off, and others are served meanwhile",
  async (t) => {
    const limits = { "head-time": "300ms", "request-time": "300ms" }
    const bed = await telemetryBed(() => ({ webhook: webhook({ limits }) }))
    t.teardown(() => bed.close())
    const [host = "", port = ""] = bed.listen[0]?.split(":") ?? []
    const ended = (first: string) =>
      new Promise<string>((resolve) => {
        let text = ""
        const socket = connect(Number(port), host, () => first && socket.write(first))
        const drip = setInterval(() => first && socket.write("x"), 50)
        socket.on("data", (chunk) => {
          text += chunk
        })
        socket.on("error", () => {})
        socket.on("close", () => {
          clearInterval(drip)
          resolve(text)
        })
      })
    const head = "POST /v1/events HTTP/1.1\r\nHost: x\r\n"
    const slow = [
      ended(`${head}X-Drip: `),
      ended(`${head}Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n`),
      ended(""),
    ]
    t.equal((await bed.post(ndjson(native()))).status, 200)
    const answers = await Promise.all(slow)
    t.match(answers[0], /^HTTP\/1.1 408 /, "in the head")
    t.match(answers[1], /^HTTP\/1.1 408 /, "in the body")
    t.match(answers[2], /^HTTP\/1.1 408 /, "that says nothing at all")
  },
)
