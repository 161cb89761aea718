/** What Zeek and Suricata write, read as they write it. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import t, { type Test } from "tap"
import type { Flow } from "../../src/record/flow.ts"
import { Flow as FlowRecord } from "../../src/record/flow.ts"
import { evePart } from "../../src/telemetry/flow-logs/eve-part.ts"
import { type FlowSource, flowOf } from "../../src/telemetry/flow-logs/flow-of.ts"
import type { SeenPart } from "../../src/telemetry/flow-logs/seen-session.ts"
import { SessionJoin } from "../../src/telemetry/flow-logs/session-join.ts"
import { HandshakeAllowance } from "../../src/telemetry/flow-logs/settings.ts"
import { useVerdict } from "../../src/telemetry/flow-logs/use-verdict.ts"
import { ZeekLines } from "../../src/telemetry/flow-logs/zeek-line.ts"
import { type ZeekLog, zeekPart } from "../../src/telemetry/flow-logs/zeek-part.ts"

const fixtures = new URL("fixtures/", import.meta.url).pathname
const allowance = HandshakeAllowance.parse({})
const source = (kind: FlowSource["kind"]): FlowSource => ({
  name: `flow-logs/${kind}`,
  kind,
  common: { tenant: "t1", site: "hq", sensor_id: "s1", v: 1 },
  handshake: allowance,
  control: () => true,
})

type Said = [part: SeenPart, protocol: string | null]

function joined(said: readonly Said[], kind: FlowSource["kind"], ports = [443]): Flow[] {
  const join = new SessionJoin({
    waitMs: 1_000,
    ports: new Set(ports),
    logged: new Set(["tls", "quic"]),
  })
  const sessions = said.flatMap(([part, protocol]) => join.add(part, protocol, 0))
  return [...sessions, ...join.overdue(1_000)].map((session) => flowOf(session, source(kind)))
}

function ofEve(lines: readonly string[], ports?: number[]): Flow[] {
  const said = lines.flatMap((line): Said[] => {
    const part = evePart(line)
    if (part === null || "fault" in part) return []
    return [[part, part.connection ? null : part.network === "quic" ? "quic" : "tls"]]
  })
  return joined(said, "suricata", ports)
}

/** Of the capture, in the order in which the sessions began. */
const captured: [port: number, verdict: string, strong: boolean][] = [
  [443, "used", true],
  [4432, "used", true],
  [443, "undecided", false],
  [443, "undecided", false],
  [443, "undecided", false],
  [4432, "undecided", false],
  [444, "direct-attempted", false],
  [445, "direct-attempted", false],
]

const byTime = (a: Flow, b: Flow) => (a.observed_at < b.observed_at ? -1 : 1)

function checkCaptured(t: Test, flows: Flow[]) {
  const inTime = flows.sort(byTime)
  t.same(
    inTime.map((flow) => [flow.destination_port, flow.verdict, flow.strong]),
    captured,
  )
  for (const flow of inTime) t.ok(FlowRecord.safeParse(flow).success, `${flow.destination_port}`)
  const [first] = inTime
  t.match(first, {
    sni: "api.bank.example",
    tls_version: "TLSv1.3",
    ja4: "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
    stack: null,
    network: "tcp",
    client_ip: "10.7.0.5",
    destination_ip: "203.0.113.10",
    source: "suricata",
    end: "rst",
    ended_by: "client",
  })
  t.equal(inTime.at(-1)?.sni, null, "a try that was rejected showed no name")
}

t.test("Suricata's log of real sessions: use is use, and a short use no failure", async (t) => {
  const lines = readFileSync(`${fixtures}suricata-7.0.10.eve.ndjson`, "utf8").trim().split("\n")
  checkCaptured(t, ofEve(lines, [443, 444, 445]))
  const [there, back] = [lines, lines.toReversed()].map((each) => ofEve(each, [443, 444, 445]))
  t.same(there?.sort(byTime), back?.sort(byTime), "in any order")
})

const suricata = ["/opt/suricata/usr/bin/suricata", "/usr/bin/suricata"].find(existsSync)
const lacking = suricata ? false : "needs suricata (.ci/run says from where)"

t.test(
  "the Suricata that is installed says the same of the capture",
  { skip: lacking },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "pinsensor-suricata-"))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const given = ["-c", `${fixtures}suricata.yaml`, "-S", "/dev/null", "-k", "none", "-l", folder]
    const libraries = { LD_LIBRARY_PATH: "/opt/suricata/usr/lib/x86_64-linux-gnu" }
    execFileSync(suricata ?? "", [...given, "-r", `${fixtures}tls-sessions.pcap`], {
      stdio: "ignore",
      env: { ...process.env, ...libraries },
    })
    const lines = readFileSync(join(folder, "eve.json"), "utf8").trim().split("\n")
    checkCaptured(t, ofEve(lines, [443, 444, 445]))
  },
)

t.test("sessions over QUIC have their name from the event quic", async (t) => {
  const at = { src_ip: "10.7.0.5", src_port: 50_000, dest_ip: "203.0.113.10", dest_port: 443 }
  const common = { timestamp: "2026-11-21T11:00:00.000001+0100", flow_id: 321, proto: "UDP", ...at }
  const flow = (pkts: number, bytes: number) => ({
    ...common,
    event_type: "flow",
    app_proto: "quic",
    flow: {
      pkts_toserver: 40,
      pkts_toclient: pkts,
      bytes_toserver: 20_000,
      bytes_toclient: bytes,
      start: "2026-11-21T10:59:59.000000+0100",
      end: "2026-11-21T11:00:09.500000+0100",
      state: "established",
      reason: "timeout",
    },
  })
  const quic = { ...common, event_type: "quic", quic: { version: "1", sni: "API.bank.example." } }
  const [used] = ofEve([quic, flow(60, 70_000)].map((event) => JSON.stringify(event)))
  t.match(used, { sni: "api.bank.example", network: "quic", verdict: "used", duration_ms: 10_500 })
  t.equal(used?.observed_at, "2026-11-21T09:59:59.000Z")
  const [blocked] = ofEve([JSON.stringify({ ...flow(0, 0), app_proto: "failed" })])
  t.match(blocked, { network: "quic", verdict: "direct-attempted", reason: "not answered" })
})

const header = (path: string, fields: string) =>
  [
    "#separator \\x09",
    "#set_separator\t,",
    "#empty_field\t(empty)",
    "#unset_field\t-",
    `#path\t${path}`,
    "#open\t2026-11-21-11-00-00",
    `#fields\t${fields.replaceAll(" ", "\t")}`,
  ].join("\n")
const ends = "id.orig_h id.orig_p id.resp_h id.resp_p"
const sslHead = header(
  "ssl",
  `ts uid ${ends} version cipher curve server_name resumed last_alert next_protocol established ssl_history`,
)
const connHead = header(
  "conn",
  `ts uid ${ends} proto service duration orig_bytes resp_bytes conn_state missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes`,
)
const to = "10.7.0.5 40000 203.0.113.10 443"

function zeek(log: ZeekLog, head: string, line: string): Said {
  const row = new ZeekLines(head).read(line)
  if (row === null || "fault" in row) throw new Error(JSON.stringify(row))
  const part = zeekPart(log, row)
  if (part === null || "fault" in part) throw new Error(JSON.stringify(part))
  return [part, log === "conn" ? null : log === "ssl" ? "tls" : "quic"]
}
const tsv = (line: string) => line.replaceAll(" ", "\t")
const ssl = (rest: string, at = "1763722800.020000") =>
  zeek("ssl", sslHead, tsv(`${at} C1 ${to} ${rest}`))
const conn = (rest: string) => zeek("conn", connHead, tsv(`1763722800.000000 C1 ${to} ${rest}`))

t.test("Zeek's logs say what their bytes and states can show, and no more", async (t) => {
  const established = ssl("TLSv13 TLS_AES_256_GCM_SHA384 x25519 api.bank.example F - h2 T CsiI")
  const rows: [
    name: string,
    handshake: Said | null,
    conn: string,
    verdict: string,
    reason: RegExp,
  ][] = [
    ["used", established, "tcp ssl 2.5 9000 30000 SF 0 ShADadFf 20 9800 30 31200", "used", /both/],
    [
      "a handshake with a chain of 5 KB and tickets",
      established,
      "tcp ssl 0.1 721 5600 SF 0 ShADadFf 8 1050 7 5900",
      "undecided",
      /handshake/,
    ],
    [
      "a hybrid ClientHello and the same",
      established,
      "tcp ssl 0.1 1950 6900 SF 0 ShADadFf 9 2400 9 7300",
      "undecided",
      /handshake/,
    ],
    [
      "sizes by a bogus sequence number",
      established,
      "tcp ssl 0.1 400000000 500000000 RSTR 0 ShADadR 8 1050 7 5900",
      "undecided",
      /handshake/,
    ],
    [
      "sent only, resumed",
      ssl("TLSv13 TLS_AES_256_GCM_SHA384 x25519 api.bank.example T - h2 T CsiI"),
      "tcp ssl 9 9000 240 RSTO 0 ShADadR 20 9800 5 500",
      "sent-only",
      /from the client/,
    ],
    [
      "refused with an alert in TLS 1.2",
      ssl(
        "TLSv12 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 x25519 api.bank.example F unknown_ca - F CsxknL",
      ),
      "tcp ssl 0.1 530 3200 SF 0 ShADadFf 6 800 5 3500",
      "failed",
      /unknown_ca/,
    ],
    [
      "no ServerHello",
      ssl("- - - api.bank.example F - - F C"),
      "tcp ssl 4.0 517 0 RSTO 0 ShADR 6 800 2 100",
      "failed",
      /ServerHello/,
    ],
    ["not answered", null, "tcp - 3.0 0 0 S0 0 S 3 180 0 0", "direct-attempted", /not answered/],
    ["rejected", null, "tcp - 0.001 0 0 REJ 0 Sr 1 60 1 40", "direct-attempted", /rejected/],
    ["given up", null, "tcp - 0.5 0 0 RSTOS0 0 SR 2 100 0 0", "direct-attempted", /not answered/],
    [
      "midstream",
      established,
      "tcp ssl 2.5 9000 30000 OTH 0 DadA 20 9800 30 31200",
      "undecided",
      /middle/,
    ],
  ]
  for (const [name, handshake, rest, verdict, reason] of rows) {
    const said = [...(handshake ? [handshake] : []), conn(rest)]
    const [flow, ...more] = joined(said, "zeek")
    t.equal(more.length, 0)
    t.equal(flow?.verdict, verdict, name)
    t.match(flow?.reason, reason, name)
    t.equal(flow?.observed_at, "2025-11-21T11:00:00.000Z", "it began with its first packet")
    t.ok(FlowRecord.safeParse(flow).success, name)
    t.same(joined(said.reverse(), "zeek"), [flow], `${name}: in either order`)
  }
})

t.test("strong use is 200 bytes beyond a handshake both ways", async (t) => {
  const bytes = (count: number) => ({ least: count, most: count })
  const session = (client: number, server: number) => {
    const [part] = conn("tcp ssl 2.5 9000 30000 SF 0 ShADadFf 20 9800 30 31200")
    const connection = part.connection && {
      ...part.connection,
      client: bytes(client),
      server: bytes(server),
    }
    return { ...part, seenMs: 0, handshake: null, connection }
  }
  const rows: [client: number, server: number, verdict: string, strong: boolean][] = [
    [2_400, 8_392, "used", true],
    [2_399, 8_392, "used", false],
    [2_400, 8_391, "used", false],
    [2_200, 90_000, "undecided", false],
    [90_000, 8_192, "undecided", false],
  ]
  for (const [client, server, verdict, strong] of rows) {
    const said = useVerdict(session(client, server), allowance)
    t.same([said.verdict, said.strong], [verdict, strong], `${client} and ${server}`)
    t.equal(said.estimated, true)
  }
})

t.test("JSON and tab-separated lines say the same", async (t) => {
  const fields = {
    ts: 1763722800,
    uid: "C1",
    "id.orig_h": "10.7.0.5",
    "id.orig_p": 40_000,
    "id.resp_h": "203.0.113.10",
    "id.resp_p": 443,
  }
  const connJson = {
    ...fields,
    proto: "udp",
    service: "quic,ssl",
    duration: 12.5,
    orig_bytes: 20_000,
    resp_bytes: 90_000,
    conn_state: "SF",
    missed_bytes: 0,
    history: "Dd",
    orig_pkts: 40,
    orig_ip_bytes: 21_120,
    resp_pkts: 80,
    resp_ip_bytes: 92_240,
  }
  const quicJson = { ...fields, version: "1", server_name: "api.bank.example", history: "ISisH" }
  const sslJson = {
    ...fields,
    version: "TLSv13",
    server_name: "api.bank.example",
    established: true,
  }
  const json = (log: ZeekLog, object: object) => zeek(log, "", JSON.stringify(object))
  const parts = [json("conn", connJson), json("quic", quicJson), json("ssl", sslJson)]
  const [flow] = joined(parts, "zeek")
  t.match(flow, {
    network: "quic",
    sni: "api.bank.example",
    verdict: "used",
    tls_version: "TLSv1.3",
  })
  const quicHead = header("quic", `ts uid ${ends} version server_name history`)
  const asText = [
    conn("udp quic,ssl 12.5 20000 90000 SF 0 Dd 40 21120 80 92240"),
    zeek("quic", quicHead, tsv(`1763722800.000000 C1 ${to} 1 api.bank.example ISisH`)),
    ssl("TLSv13 - - api.bank.example - - - T CsiI", "1763722800.000000"),
  ]
  t.same(joined(asText, "zeek"), [flow])
  const iso = json("conn", { ...connJson, ts: "2025-11-21T11:00:00.000000Z" })
  t.equal(iso[0].atMs, parts[0]?.[0].atMs)
})

t.test("what is no line of a log is refused with a reason, never thrown", async (t) => {
  const lines = new ZeekLines(sslHead)
  t.match(lines.read("1\t2"), { fault: /has 2 fields/ })
  t.match(new ZeekLines("").read("1\t2"), { fault: /#fields/ })
  t.equal(lines.read("#close\t2026-11-21-12-00-00"), null)
  for (const text of [
    "{",
    "[1]",
    "{}",
    '{"ts":"x"}',
    '{"ts":1,"uid":"C","id.orig_h":"10.0.0.1"}',
  ]) {
    const row = lines.read(text)
    const said = row === null || "fault" in row ? row : zeekPart("conn", row)
    t.match(said, { fault: String }, text)
  }
  for (const text of ["", "null", "{", '{"event_type":"flow","proto":"TCP"}'])
    t.match(evePart(text), { fault: String }, text)
  t.equal(evePart('{"event_type":"stats"}'), null)
})

t.test(
  "half of a session is given when it has waited, and completed when the rest comes",
  async (t) => {
    const join = new SessionJoin({ waitMs: 1_000, ports: new Set([443]), logged: new Set(["tls"]) })
    const give = (sessions: ReturnType<SessionJoin["overdue"]>) =>
      sessions.map((session) => flowOf(session, source("zeek")))
    const [handshake] = ssl("TLSv13 - x25519 api.bank.example F - h2 T CsiI")
    t.same(join.add(handshake, "tls", 0), [])
    t.same([join.oldest, join.overdue(999)], [1, []])
    const [open] = give(join.overdue(1_000))
    t.match(open, { verdict: "undecided", reason: /open/, sni: "api.bank.example" })
    t.equal(join.oldest, Number.POSITIVE_INFINITY)
    const [end] = conn("tcp ssl 7200 9000 30000 SF 0 ShADadFf 20 9800 30 31200")
    const [whole] = give(join.add(end, null, 7_200_000))
    t.match(whole, { verdict: "used", sni: "api.bank.example" })
    t.not(whole?.id, open?.id)
    t.same(give(join.add(end, null, 0)), [], "another of the same name waits for its handshake")
    const none = conn("tcp - 1 10 20 SF 0 ShADadFf 5 300 5 300")
    t.same(joined([none], "zeek"), [], "no TLS was seen in it")
  },
)
