import { spawn } from "node:child_process"
import { readFileSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { PassThrough, Readable, Writable } from "node:stream"
import { gzipSync } from "node:zlib"
import fc from "fast-check"
import t from "tap"
import { exportRecords, writerTo } from "../../src/cli/export/export-records.ts"
import { importFiles, summaryText } from "../../src/cli/import/import-files.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import { type Kind, kindNames, kinds, type RecordOf } from "../../src/record/kinds.ts"
import { RegisterEntry } from "../../src/record/register-entry.ts"
import { anyRecord } from "../evidence/any-record.ts"
import { attempt, iso, newDir, registerEntry, ten } from "../evidence/fixtures.ts"

const defaults = { tenant: "acme", site: "hq", sensor_id: "importer" }
type Tap = Parameters<typeof newDir>[0]

function newStore(t: Tap): Store {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  return store
}

async function exported(store: Store, of: readonly string[] = kindNames, sinceMs?: number) {
  let text = ""
  const write = async (lines: string) => {
    text += lines
    return true
  }
  await exportRecords({ store, kinds: of, write, ...(sinceMs === undefined ? {} : { sinceMs }) })
  return text
}

/** Imports one text under a file name; files get a fixed time of change, 9:00. */
async function imported(t: Tap, store: Store, name: string, content: string | Buffer, now = ten) {
  const path = join(newDir(t), name)
  writeFileSync(path, content)
  const changed = new Date(ten - 3_600_000)
  utimesSync(path, changed, changed)
  return importedFiles(store, [path], now)
}

async function importedFiles(store: Store, files: string[], now = ten) {
  const messages: string[] = []
  const report = (message: string) => messages.push(message.replace(/^.*\/([^/]+:)/, "$1"))
  const summary = await importFiles({ store, files, now, defaults, by: "anna@hq", report })
  return {
    messages,
    exitCode: summary.exitCode,
    text: summaryText(summary),
    counts: summary.counts,
  }
}

/** Of this tenant; what is in force no trial, not declared, and not wide: others are not taken as they
 * stand. */
function comesInAsItStands(record: RecordOf[Kind]): RegisterEntry {
  const entry = record as RegisterEntry
  const { kind, source, scope } = entry
  const ours = { ...entry, tenant: defaults.tenant }
  if (kind === "trial" || source !== "register") return { ...ours, expires_at: iso(ten - 1) }
  const networks = { client_network: "10.0.0.0/8", destination_network: null }
  const narrow = { ...scope, sni: "a.example", ...networks }
  return { ...ours, scope: narrow, expires_at: iso(ten + 60_000) }
}

/** A refusal has a strength, and nothing else has. */
function strengthFits(record: RecordOf[Kind]): RecordOf[Kind] {
  const one = record as RecordOf["attempts"]
  if (!one.outcome.startsWith("refused-")) return { ...one, strength: null }
  return { ...one, strength: one.strength ?? "weak" }
}

/** What people say ends within a year, if it ends. */
function withinAYear(record: RecordOf[Kind]): RecordOf[Kind] {
  const ends = ["expires_at", "review_at"].filter((field) => Reflect.get(record, field))
  return { ...record, ...Object.fromEntries(ends.map((field) => [field, iso(ten + 60_000)])) }
}

t.test(
  "export, import into an empty store and export again give the same bytes, for every kind but the audit",
  async (t) => {
    const [one, two] = [newStore(t), newStore(t)]
    const imports = kindNames.filter((kind) => kind !== "register-changes")
    for (const kind of imports) {
      const records = fc.sample(anyRecord(kind), { numRuns: 40, seed: 42 })
      if (kind === "register") one.putRegister(records.map(comesInAsItStands), "test", ten)
      else if (kind === "labels" || kind === "coverage-acceptances")
        one.append(kind, records.map(withinAYear) as never)
      else if (kind === "attempts") one.append(kind, records.map(strengthFits) as never)
      else one.append(kind, records as never)
      t.ok([...one.all(kind)].length >= 30, kind)
    }
    const first = await exported(one, imports)
    const { exitCode, messages } = await imported(t, two, "all.ndjson", first)
    t.same([exitCode, messages], [0, []])
    t.ok((await exported(two, imports)) === first, "the same bytes")
    const again = await imported(t, two, "all.ndjson.gz", gzipSync(first))
    t.same(
      [...again.counts.values()].filter(
        ({ added, updated, conflicts }) => added + updated + conflicts,
      ),
      [],
    )
    t.ok((await exported(two, imports)) === first, "importing twice changes nothing")
  },
)

t.test("a refusal without a strength gets the one that its outcome has by the facts", async (t) => {
  const cases: [string, object, string][] = [
    ["an alert that is about the certificate", { outcome: "refused-alert", alert: 48 }, "strong"],
    ["an alert that may be", { outcome: "refused-alert", alert: 40 }, "weak"],
    ["an alert of unknown number", { outcome: "refused-alert", alert: 200 }, "weak"],
    ["an alert that is not told", { outcome: "refused-alert", alert: null }, "weak"],
    [
      "an alert behind a relay",
      { outcome: "refused-alert", alert: 48, transport: "relayed" },
      "strong",
    ],
    ["a close", { outcome: "refused-close" }, "strong"],
    ["a close behind a relay", { outcome: "refused-close", transport: "relayed" }, "weak"],
    ["a reset", { outcome: "refused-reset" }, "strong"],
    ["a reset behind a relay", { outcome: "refused-reset", transport: "relayed" }, "weak"],
    ["after the handshake", { outcome: "refused-after-handshake" }, "strong"],
    [
      "facts that tell another outcome",
      { outcome: "refused-close", client_app_bytes: 900, client_turns: 3 },
      "strong",
    ],
  ]
  const store = newStore(t)
  const lines = cases.map(([, facts], n) =>
    JSON.stringify({ record: "attempt", ...attempt(`a${n}`), ...facts, strength: null }),
  )
  const { messages, exitCode } = await imported(t, store, "in.ndjson", lines.join("\n"))
  t.same([messages, exitCode], [[], 0])
  for (const [n, [what, facts, strength]] of cases.entries())
    t.match(store.get("attempts", `a${n}`), { ...facts, strength }, what)
  const again = await imported(t, store, "again.ndjson", lines.join("\n"))
  t.equal(again.text, `attempts: ${cases.length} known\n`)
})

t.test("a strength that is given stands, and what is no refusal has none", async (t) => {
  const store = newStore(t)
  const given = { ...attempt("given"), outcome: "refused-close", strength: "weak" }
  const none = { ...attempt("none"), outcome: "accepted", strength: "strong" }
  const lines = [given, none].map((one) => JSON.stringify({ record: "attempt", ...one }))
  const { messages, text } = await imported(t, store, "in.ndjson", lines.join("\n"))
  t.match(messages, [/^in.ndjson:2: strength: strong is left out: accepted is no refusal/])
  t.equal(text, "attempts: 2 added\n")
  t.match(store.get("attempts", "given"), given)
  t.match(store.get("attempts", "none"), { outcome: "accepted", strength: null })
})

t.test(
  "records of other tenants are stored, and it is told that they are not judged",
  async (t) => {
    const store = newStore(t)
    const of = (tenant: string, id: string) =>
      JSON.stringify({ record: "attempt", ...attempt(id), tenant })
    const lines = [of("beta", "b1"), of("beta", "b2"), of("acme", "a"), of("g\u001bmma", "g"), "{"]
    const { text, exitCode } = await imported(t, store, "in.ndjson", lines.join("\n"))
    t.equal(exitCode, 1)
    const [, , told, ...rest] = text.split("\n")
    t.match(
      told,
      /^records of other tenants: 2 of beta, 1 of g\\u001bmma; they are stored but not judged here \(configuration: tenant acme\)\. .*set tenant in the configuration/,
    )
    t.same(rest, [""])
    t.equal([...store.all("attempts")].length, 4)
    const again = await imported(t, store, "in.ndjson", of("beta", "b1"))
    t.match(again.text, /1 known\nrecords of other tenants: 1 of beta;/, "known ones as well")
  },
)

t.test("what silences alerts or accepts a gap for years is not taken in", async (t) => {
  const store = newStore(t)
  const far = iso(ten + 367 * 86_400_000)
  const at = { observed_at: iso(ten), v: 1, owner: "ops", reason: "why", who: "eve@elsewhere" }
  const scope = { kind: "app", app_id: "com.example.bank" }
  const lines = [
    { record: "label", ...at, act: "marked", label: "expected", scope, expires_at: far },
    { record: "coverage-acceptance", ...at, gap: "quic", control: "none", review_at: far },
    { record: "label", ...at, act: "marked", label: "malicious", scope },
  ]
  const text = lines.map((line) => JSON.stringify(line)).join("\n")
  const { exitCode, messages } = await imported(t, store, "said.ndjson", text)
  t.equal(exitCode, 1)
  t.match(messages, [/expires_at.*more than 366d ahead/, /review_at.*more than 366d ahead/])
  t.match([...store.all("labels")], [{ label: "malicious" }])
  t.strictSame([...store.all("coverage-acceptances")], [])
})

t.test(
  "an exported line names its kind in the singular, and --since leaves out what is older",
  async (t) => {
    const store = newStore(t)
    store.append("attempts", [attempt("old", ten), attempt("new", ten + 1)])
    const lines = (await exported(store, ["attempts"], ten + 1)).trimEnd().split("\n")
    t.equal(lines.length, 1)
    t.same(JSON.parse(lines[0] ?? ""), { record: "attempt", ...attempt("new", ten + 1) })
    await t.rejects(
      exported(store, ["attempt"]),
      /no kind "attempt"; the kinds are attempts, flows/,
    )
    await t.rejects(exported(store, []), /at least one kind/)
  },
)

t.test("export waits for a slow reader, and ends quietly when the reader goes", async (t) => {
  const store = newStore(t)
  store.append(
    "attempts",
    Array.from({ length: 600 }, (_, n) => attempt(`a${n}`)),
  )
  let unread = 0
  let most = 0
  const slow = new Writable({
    write(chunk: Buffer, _encoding, done) {
      unread += chunk.length
      most = Math.max(most, unread)
      setTimeout(() => {
        unread = 0
        done()
      }, 5)
    },
  })
  t.equal(await exportRecords({ store, kinds: ["attempts"], write: writerTo(slow) }), 600)
  t.ok(most < 128 * 1024, `never more than a chunk waits (${most})`)

  const head = spawn("head", ["-c", "10"], { stdio: ["pipe", "ignore", "ignore"] })
  const count = await exportRecords({ store, kinds: ["attempts"], write: writerTo(head.stdin) })
  t.ok(count <= 600)
  const gone = new PassThrough()
  gone.destroy()
  t.ok((await exportRecords({ store, kinds: ["attempts"], write: writerTo(gone) })) < 600)
})

t.test("CSV of each flat kind is read by its file name", async (t) => {
  const files = {
    "devices.csv": `\ufeffdevice_id,platform,os_version,user,groups,wifi_mac
d-17,android,14,anna@acme.example,staff;pilot,
"d,18",ios,,"O'Hara, Bert",,02:00:00:00:00:01`,
    "bindings-2026.csv": `address,valid_from,valid_to,device_id,source,confidence,shared
10.1.0.7,2026-11-21T10:00:00+01:00,,d-17,dhcp,0.9,no
10.1.0.8,2026-11-21T09:00:00Z,2026-11-21T10:00:00Z,d-18,,,yes`,
    "apps.csv": `app_id,platform,declared_transport,approved_destinations,review_at
com.example.bank,android,undeclared,*.bank.example;203.0.113.0/24,2027-01-01T00:00:00Z`,
    "postures.csv": `device_id,profile,managed,inspection_ca,apps
d-17,work,true,user-store,com.example.bank@4.2;com.example.mail
d-18,,,,none
d-19,,,,`,
    "app-events.csv": `event_id,source,observed_at,type,app.id,dest.host,dest.port,trust.evidence,device.ip
e-1,vendor-x,2026-11-21T10:00:00Z,tls_trust_customization,com.example.bank,api.bank.example,443,runtime,10.1.0.7`,
  }
  const store = newStore(t)
  for (const [name, content] of Object.entries(files)) {
    const { messages, exitCode } = await imported(t, store, name, content)
    t.same([messages, exitCode], [[], 0], name)
    const again = await imported(t, store, name, content, ten + 999)
    t.notMatch(again.text, /added|conflict/, `${name} again doubles nothing`)
  }
  t.match(store.current("devices"), [
    { ...defaults, v: 1, device_id: "d-17", groups: ["staff", "pilot"], wifi_mac: null },
    { device_id: "d,18", user: "O'Hara, Bert", groups: [], observed_at: iso(ten - 3_600_000) },
  ])
  t.match(store.bindingsOf("10.1.0.7"), [
    {
      observed_at: iso(ten - 3_600_000),
      valid_to: null,
      source: "dhcp",
      confidence: 0.9,
      shared: false,
      names: null,
      flags: [],
    },
  ])
  t.match(store.bindingsOf("10.1.0.8"), [{ source: "import", shared: true, valid_to: iso(ten) }])
  t.match(store.current("apps"), [{ approved_destinations: ["*.bank.example", "203.0.113.0/24"] }])
  t.match(
    store.current("postures").map(({ profile, managed, apps }) => [profile, managed, apps]),
    [
      ["work", true, [{ app_id: "com.example.bank", version: "4.2" }, { version: null }]],
      ["device", null, []],
      ["device", null, null],
    ],
    "none is known to be empty, an empty cell is not known",
  )
  t.match(store.appEventsBetween(ten, ten + 1), [
    {
      app: { id: "com.example.bank" },
      dest: { port: 443 },
      trust: { evidence: "runtime" },
      received_at: iso(ten),
    },
  ])
})

t.test("a kind column lets one CSV hold several kinds", async (t) => {
  const store = newStore(t)
  const csv = `record,device_id,platform,profile,managed
device,d-1,ios,,
posture,d-1,,device,true
flow,d-1,,,`
  const { messages, counts } = await imported(t, store, "inventory.csv", csv)
  t.match(messages, [/^inventory.csv:4: record: flow: must be one of device, binding/])
  t.match([counts.get("devices")?.added, counts.get("postures")?.added], [1, 1])
})

t.test("mobile-EDR telemetry in its native form needs nothing added", async (t) => {
  const native = {
    v: 1,
    event_id: "e-1",
    source: "vendor-x",
    observed_at: "2026-11-21T11:00:00.123+01:00",
    device: { mdm_id: "m-1", ip: "10.1.0.7" },
    app: { id: "com.example.app", version: "4.2" },
    type: "a-type-of-tomorrow",
    dest: { host: "api.example", port: 443, src_port: 51514 },
    trust: { kind: "pin_comparison", evidence: "static" },
    state: { app_state: "background", device_locked: true },
  }
  const store = newStore(t)
  await imported(t, store, "edr.json", `${JSON.stringify(native)}\n`)
  await imported(t, store, "edr-again.json", `${JSON.stringify(native)}\n`, ten + 5)
  t.match(
    [...store.all("app-events")],
    [
      {
        observed_at: "2026-11-21T10:00:00.123Z",
        received_at: iso(ten),
        type: "a-type-of-tomorrow",
        device: { mdm_id: "m-1", serial: null },
        state: { device_locked: true, recent_user_interaction: null },
      },
    ],
  )
  t.equal([...store.all("app-events")].length, 1)
})

t.test(
  "a bad line is told with file, line, field and what to do; the good ones are kept",
  async (t) => {
    const good = JSON.stringify({ record: "device", device_id: "d-1", platform: "ios" })
    const cases: [string, RegExp][] = [
      ["{", /no JSON .*one object a line/],
      ["[]", /must be one JSON object a line/],
      ["{}", /record: is missing; add it \(one of attempt, flow/],
      ['{"record":"mystery"}', /record: "mystery" is no kind; correct it/],
      ['{"record":"device","platform":"ios"}', /device_id: is missing; add it \(string\)/],
      [
        '{"record":"device","device_id":"d","platform":"symbian"}',
        /platform: must be one of android, ios/,
      ],
      [
        '{"record":"device","device_id":"d","platform":"ios","colour":"red"}',
        /colour: no record of this kind has/,
      ],
      [
        '{"record":"device","device_id":7,"platform":"ios"}',
        /device_id: must be a string; correct it/,
      ],
      [
        '{"record":"binding","address":"::1","device_id":"d","valid_from":"noon"}',
        /valid_from|observed_at/,
      ],
      [`{"record":"device","device_id":"${"x".repeat(1_100_000)}"}`, /longer than 1048576 bytes/],
    ]
    for (const [line, expected] of cases) {
      const store = newStore(t)
      const { messages, exitCode, text } = await imported(
        t,
        store,
        "in.ndjson",
        `${good}\n${line}\n\n${good}`,
      )
      t.equal(messages.length, 1)
      t.match(messages[0], expected)
      t.match(messages[0], /^in.ndjson:2: /)
      t.equal(exitCode, 1)
      t.match(text, /devices: 1 added, 1 known/)
    }
    const store = newStore(t)
    const latin1 = Buffer.concat([
      Buffer.from(`${good}\n{"record":"device","user":"`),
      Buffer.from([0xfc, 0x0a]),
    ])
    t.match((await imported(t, store, "in.ndjson", latin1)).messages, [
      /^in.ndjson:2: is not UTF-8/,
    ])
  },
)

t.test("a bad CSV is told as well", async (t) => {
  const cases: [string, string, RegExp[]][] = [
    [
      "devices.csv",
      "device_id,colour\nd-1,red",
      [/^devices.csv:1: colour: no column of devices.*columns: tenant/],
    ],
    ["things.csv", "a,b\n1,2", [/^things.csv:1: name the file after its kind/]],
    ["findings.csv", "id\n1", [/^findings.csv:1: findings have no CSV form/]],
    [
      "devices.csv",
      "device_id,platform\nd-1,ios,x\nd-2,ios",
      [/^devices.csv:2: has 3 cells, the header 2/],
    ],
    ["devices.csv", "device_id,platform,v\nd-1,ios,two\n", [/^devices.csv:2: v: must be one of 1/]],
    [
      "bindings.csv",
      "address,device_id,valid_from,confidence\n::1,d,2026-11-21T10:00:00Z,high",
      [/confidence: must be a number/],
    ],
    ["devices.csv", 'device_id,platform\nd-1,ios\n"d-2,ios\n', [/no CSV .*Quote Not Closed/i]],
  ]
  for (const [name, content, expected] of cases) {
    const { messages, exitCode } = await imported(t, newStore(t), name, content)
    t.match(messages, expected)
    t.equal(exitCode, 1)
  }
  const { messages, exitCode } = await importedFiles(newStore(t), ["/nowhere/devices.csv"])
  t.match(messages, [/cannot be read further \(ENOENT/])
  t.equal(exitCode, 1)
})

t.test("an inventory that changes back is in force again", async (t) => {
  const store = newStore(t)
  const csv = (user: string) => `device_id,platform,user\nd-1,ios,${user}`
  for (const [minute, user] of ["anna", "bert", "anna", "anna"].entries()) {
    const path = join(newDir(t), "devices.csv")
    writeFileSync(path, csv(user))
    utimesSync(path, new Date(ten + minute * 60_000), new Date(ten + minute * 60_000))
    await importedFiles(store, [path])
  }
  t.match(store.current("devices"), [{ user: "anna" }])
  t.equal([...store.all("devices")].length, 3, "saying the same again adds nothing")
})

t.test(
  "an id with other content is a conflict: told, counted, and the stored record kept",
  async (t) => {
    const store = newStore(t)
    store.append("attempts", [attempt("a")])
    const changed = JSON.stringify({ record: "attempt", ...attempt("a"), outcome: "accepted" })
    const { messages, exitCode, text } = await imported(t, store, "in.ndjson", changed)
    t.match(messages, [/^in.ndjson:1: id: a is stored with other content, which is kept/])
    t.same([text, exitCode], ["attempts: 1 conflicts\n", 0])
    t.equal(store.get("attempts", "a")?.outcome, "refused-after-handshake")
  },
)

t.test("an imported register entry is audited as such", async (t) => {
  const store = newStore(t)
  const entry = registerEntry("r", "a.example", ten + 60_000)
  const line = JSON.stringify({ record: "register", ...entry })
  const stdin = Readable.from([Buffer.from(line.slice(0, 40)), Buffer.from(line.slice(40))])
  const summary = await importFiles({
    store,
    files: ["-"],
    now: ten,
    defaults,
    by: "anna@hq",
    report: t.fail,
    stdin,
  })
  t.equal(summary.counts.get("register")?.added, 1)
  t.match(store.registerAudit(0, 9), [
    { who: "import (anna@hq)", what: "added", entry_id: "r", observed_at: iso(ten) },
  ])
})

t.test("the audit is exported, and refused by import", async (t) => {
  const [one, two] = [newStore(t), newStore(t)]
  one.putRegister([registerEntry("r", "a.example", null)], "anna@hq", ten)
  const audit = await exported(one, ["register-changes"])
  t.match(JSON.parse(audit), { record: "register-change", id: "1", who: "anna@hq", entry_id: "r" })
  const { messages, exitCode, text } = await imported(t, two, "audit.ndjson", audit)
  t.match(messages, [/^audit.ndjson:1: record: the audit .* import `register` for the entries/])
  t.same([exitCode, text], [1, "register-changes: 1 bad\n"])
})

t.test("an entry that is replaced by import is told and audited with both versions", async (t) => {
  const store = newStore(t)
  store.putRegister([registerEntry("r", "a.example", null)], "anna@hq", ten)
  store.useRegister([hit("r")])
  const other = { ...registerEntry("r", "a.example", null), owner: "mallory", hits: 999 }
  const line = JSON.stringify({ record: "register", ...other })
  const { messages, text } = await imported(t, store, "in.ndjson", line)
  t.match(messages, [/^in.ndjson:1: id: r was here with another owner and is replaced/])
  t.equal(text, "register: 1 updated\n")
  t.match(store.registerHistory("r").at(-1), {
    who: "import (anna@hq)",
    what: "changed",
    before: { owner: "netops" },
    after: { owner: "mallory" },
  })
  t.match(store.get("register", "r"), { owner: "mallory", hits: 1 }, "use is counted here")
})

t.test("a trial that runs elsewhere does not run here, however often it is imported", async (t) => {
  const store = newStore(t)
  const running = runningTrial("t", iso(ten + 60_000))
  const line = JSON.stringify({ record: "register", ...running })
  const { messages, exitCode } = await imported(t, store, "in.ndjson", line)
  t.match(messages, [/^in.ndjson:1: trial: t is a trial that had not ended/])
  t.equal(exitCode, 0)
  t.match(store.get("register", "t"), {
    expires_at: iso(ten - 5_000),
    trial: { state: "cooling" },
  })
  t.same(store.registerEntries(ten), [], "nothing decides by it")
  t.equal((await imported(t, store, "in.ndjson", line, ten + 9)).text, "register: 1 known\n")
})

t.test("trials and declared bypasses of this sensor are not replaced by import", async (t) => {
  const store = newStore(t)
  const own = [
    runningTrial("t", iso(ten + 60_000)),
    RegisterEntry.parse({
      ...registerEntry("rule:push", "*", null),
      source: "rule",
      declared: "{}",
    }),
  ]
  store.putRegister(own, "test", ten)
  const before = await exported(store, ["register"])
  t.equal((await imported(t, store, "same.ndjson", before)).text, "register: 2 known\n")
  const lines = own.map((entry) => JSON.stringify({ record: "register", ...entry, owner: "x" }))
  const { messages, text } = await imported(t, store, "in.ndjson", lines.join("\n"))
  t.match(messages, [
    /t is a trial that this sensor has/,
    /rule:push is declared by this sensor's own/,
  ])
  t.equal(text, "register: 2 conflicts\n")
  t.equal(await exported(store, ["register"]), before)
})

t.test("an entry may not take the id of what the configuration declares", async (t) => {
  const store = newStore(t)
  const ids = ["rule:push", "list:apple", "setting:ca.on-expired"]
  const lines = ids.map((id) =>
    JSON.stringify({ record: "register", ...registerEntry(id, "a.example", null) }),
  )
  const { messages, exitCode } = await imported(t, store, "in.ndjson", lines.join("\n"))
  t.match(messages, [/^in.ndjson:1: id: rule:push .* give it another/, /list:apple/, /setting:ca/])
  t.same([exitCode, [...store.all("register")]], [1, []])
})

t.test(
  "what nobody may open, and what matches nothing, is refused; what opens much is told",
  async (t) => {
    const store = newStore(t)
    const line = (id: string, scope: object, ends: string | null = iso(ten + 60_000)) => {
      const entry = registerEntry(id, "a.example", null)
      const nothing = { ...entry.scope, sni: null }
      return JSON.stringify({
        record: "register",
        ...entry,
        scope: { ...nothing, ...scope },
        expires_at: ends,
      })
    }
    const { messages, text } = await imported(
      t,
      store,
      "in.ndjson",
      [
        line("all", {}),
        line("com", { sni: "*.com" }),
        line("odd", { sni: "*." }),
        line("bits", { destination_network: "2001:db8::1/32" }),
        line("wide", { device_group: "pilot" }, null),
        line("narrow", { sni: "bücher.example" }),
        line("over", {}, iso(ten - 1)),
        JSON.stringify({
          record: "register",
          ...registerEntry("list:elsewhere", "*", null),
          source: "list",
        }),
      ].join("\n"),
    )
    t.match(messages, [
      /^in.ndjson:1: scope: of all: say what it is about/,
      /:2: scope: of com: .*where anybody registers domains/,
      /:3: scope: of odd: host pattern "\*\.": not a host name/,
      /it has bits beyond its prefix; write 2001:db8::\/32/,
      /:5: wide names neither a host.*, and ends never; `pinsensor bypass renew`/,
      /:8: source: list:elsewhere is declared by the configuration of another sensor/,
    ])
    t.equal(text, "register: 4 added, 4 bad\n")
    t.strictSame(
      store.registerEntries(ten).map(({ id }) => id),
      ["wide", "narrow"],
    )
    t.match(store.get("register", "list:elsewhere"), { expires_at: iso(ten) })
  },
)

t.test("an end outside of the years of four digits is refused", async (t) => {
  const store = newStore(t)
  const expires_at = "9999-12-31T23:59:59-01:00"
  const line = JSON.stringify({
    record: "register",
    ...registerEntry("r", "a.example", null),
    expires_at,
  })
  const { messages, exitCode } = await imported(t, store, "in.ndjson", line)
  t.match(messages, [/^in.ndjson:1: expires_at: lies beyond the years/])
  t.equal(exitCode, 1)
})

t.test("a bypass of another tenant is refused", async (t) => {
  const store = newStore(t)
  const line = JSON.stringify({
    record: "register",
    ...registerEntry("r", "a.example", null),
    tenant: "rival",
  })
  const { messages, exitCode } = await imported(t, store, "in.ndjson", line)
  t.match(messages, [/^in.ndjson:1: tenant: rival is another tenant .*never crosses/])
  t.same([exitCode, [...store.all("register")]], [1, []])
})

function hit(entry_id: string) {
  const event = "open" as const
  return { entry_id, at_ms: ten, event, sensor_id: "s", connection_id: "c", bytes: 0 }
}

function runningTrial(id: string, expires_at: string): RegisterEntry {
  return RegisterEntry.parse({
    ...registerEntry(id, "api.bank.example", null),
    kind: "trial",
    expires_at,
    trial: { state: "splicing", since: iso(ten - 5_000) },
  })
}

t.test(
  "the examples in docs/records.md import, one of every kind, and name all fields",
  async (t) => {
    const doc = readFileSync(new URL("../../docs/records.md", import.meta.url), "utf8")
    const blocks = [...doc.matchAll(/```json\n(.*?)```/gs)].map((match) => match[1] ?? "")
    const store = newStore(t)
    const { messages, counts } = await imported(t, store, "examples.ndjson", blocks.join(""))
    t.same(messages, [])
    t.same(
      kindNames.filter((kind) => !counts.get(kind)?.added),
      ["register-changes"],
      "the audit is never imported",
    )
    for (const kind of kindNames) {
      const section = doc.split(`## ${kinds[kind].record}\n`)[1]?.split("\n## ")[0] ?? ""
      const common = doc.split("## Fields of every record\n")[1]?.split("\n## ")[0] ?? ""
      const connection = doc.split("## Fields of a connection\n")[1]?.split("\n## ")[0] ?? ""
      const shared = kind === "attempts" || kind === "flows" ? connection : ""
      const missing = Object.keys(kinds[kind].schema.shape).filter(
        (field) => !`${section}${common}${shared}`.includes(`\`${field}\``),
      )
      t.same(missing, [], kind)
    }
    for (const [name, csv] of [...doc.matchAll(/`([\w-]+\.csv)`:\n\n```csv\n(.*?)```/gs)].map(
      (m) => [m[1], m[2]],
    )) {
      t.same((await imported(t, store, name ?? "", csv ?? "")).messages, [], name ?? "")
    }
  },
)
