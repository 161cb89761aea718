/** The source that a flow sensor's logs are, over real files and the real store. */
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import t, { type Test } from "tap"
import { openFlowLogs } from "../../src/cli/collector/flow-logs.ts"
import { SourceKeeper } from "../../src/cli/collector/keeper.ts"
import { Config } from "../../src/config.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Keeper, Source } from "../../src/source/source.ts"

/** How long a test waits for what is read, in milliseconds. */
const patience = 8_000

function bed(t: Test, logs: (folder: string) => object) {
  const folder = mkdtempSync(join(tmpdir(), "pinsensor-flow-logs-"))
  const store = openStore(folder)
  const clock = { now: Date.parse("2026-11-21T12:00:00Z") }
  const events: { event: string; fields: Record<string, unknown> }[] = []
  const given = { ...logs(folder), name: "tap" }
  const config = Config.parse({ tenant: "t1", site: "hq", sources: { "flow-logs": [given] } })
  let running: Source[] = []
  const stop = async () => {
    for (const source of running) await source.stop()
    running = []
  }
  const start = (wrap: (keeper: Keeper) => Keeper = (keeper) => keeper) => {
    running = openFlowLogs(config, (name, kind) => ({
      name,
      keeper: wrap(new SourceKeeper({ store, name, kind, tenant: "t1", clock: () => clock.now })),
      common: { tenant: "t1", site: "hq", sensor_id: "s1", v: 1 },
      clock: () => clock.now,
      random: () => 0,
      log: (_, event, fields) => events.push({ event, fields }),
    }))
    for (const source of running) source.start()
  }
  t.teardown(async () => {
    await stop()
    store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const flows = () => [...store.all("flows")]
  return {
    start,
    stop,
    clock,
    events,
    flows,
    health: () => store.sources.all()[0]?.health,
    file: (name: string) => join(folder, name),
    append: (name: string, ...lines: object[]) =>
      appendFileSync(join(folder, name), lines.map((line) => `${JSON.stringify(line)}\n`).join("")),
    until: async (what: string, is: () => boolean) => {
      for (const end = performance.now() + patience; !is(); await sleep(20))
        if (performance.now() > end) throw new Error(`it took too long: ${what}`)
    },
  }
}

const zeek = (folder: string) => ({
  kind: "zeek",
  realm: "branch",
  wait: "1m",
  files: { ssl: join(folder, "ssl.log"), conn: join(folder, "conn.log") },
})

const ends = (uid: string) => ({
  uid,
  "id.orig_h": "10.7.0.5",
  "id.orig_p": 40_000 + Number(uid.slice(1)),
  "id.resp_h": "203.0.113.10",
  "id.resp_p": 443,
})
const ssl = (uid: string) => ({
  ts: 1763722800.5,
  ...ends(uid),
  version: "TLSv13",
  server_name: "api.bank.example",
  established: true,
})
const conn = (uid: string) => ({
  ts: 1763722800,
  ...ends(uid),
  proto: "tcp",
  service: "ssl",
  duration: 5,
  orig_bytes: 9_000,
  resp_bytes: 50_000,
  conn_state: "SF",
  history: "ShADadFf",
})

t.test(
  "sessions are kept once through rotation and restart, halves of them read again",
  async (t) => {
    const { start, stop, append, file, flows, until, health, clock } = bed(t, zeek)
    append("ssl.log", ssl("C1"))
    append("conn.log", conn("C1"))
    start()
    await until("the first session", () => flows().length === 1)
    t.match(flows()[0], { site: "branch", sni: "api.bank.example", verdict: "used", strong: true })
    // The handshake of one, then both logs are rotated, and we are restarted before its end comes.
    append("ssl.log", ssl("C2"))
    append("conn.log", conn("C3"))
    await until("the files to be read", () => health()?.state === "ok")
    renameSync(file("ssl.log"), file("ssl.2026-11-21-11-00-00-12-00-00.log"))
    renameSync(file("conn.log"), file("conn.2026-11-21-11-00-00-12-00-00.log"))
    await stop()
    append("conn.log", conn("C2"))
    append("ssl.log", ssl("C3"))
    start()
    await until("the halves to meet", () => flows().length === 3)
    t.same(
      flows()
        .map(({ client_port, sni }) => [client_port, sni])
        .sort(),
      [
        [40_001, "api.bank.example"],
        [40_002, "api.bank.example"],
        [40_003, "api.bank.example"],
      ],
    )
    append("conn.log", conn("C4"))
    await stop()
    start()
    await until("what waits in vain", () => {
      clock.now += 120_000
      return flows().length === 4
    })
    t.match(
      flows().find(({ client_port }) => client_port === 40_004),
      { sni: null, verdict: "used" },
    )
    t.equal(health()?.taken, 4)
  },
)

t.test(
  "Suricata's log: what is no event is counted, and files that are not there are told",
  async (t) => {
    const { start, until, health, events, flows, file } = bed(t, (folder) => ({
      kind: "suricata",
      eve: join(folder, "eve.json"),
      control: false,
    }))
    start()
    await until("it to be missed", () => health()?.state === "failing")
    t.match(health()?.last_error, /eve\.json is not there/)
    const fixture = new URL("fixtures/suricata-7.0.10.eve.ndjson", import.meta.url)
    writeFileSync(file("eve.json"), `{"event_type":"flow"\n${readFileSync(fixture, "utf8")}`)
    await until("the sessions", () => flows().length === 6)
    t.equal(health()?.state, "ok")
    t.equal(health()?.rejected, 1)
    t.match(events.find(({ event }) => event === "source-lines-rejected")?.fields, {
      source: "flow-logs/tap",
      reason: /no JSON/,
      at: 0,
    })
    t.same([...new Set(flows().map(({ control }) => control))], [false], "a tap behind a NAT")
  },
)

t.test("what the store does not take for long is stored whole once it does", async (t) => {
  const { start, append, flows, until, health, clock } = bed(t, zeek)
  let full = false
  let refused = 0
  append("ssl.log", ssl("C1"))
  start((keeper) => ({
    place: () => keeper.place(),
    tell: (told) => keeper.tell(told),
    keep: (batch) => {
      if (full) {
        refused++
        throw new Error("database or disk is full")
      }
      return keeper.keep(batch)
    },
  }))
  await until("the handshake to be read", () => health()?.state === "ok")
  full = true
  append("conn.log", conn("C1"))
  await until("a refusal", () => refused > 0)
  // Longer than one part waits for the other.
  clock.now += 120_000
  const before = refused
  await until("another", () => refused > before)
  full = false
  await until("the session", () => flows().length > 0)
  t.match(flows(), [{ sni: "api.bank.example", verdict: "used" }])
})
