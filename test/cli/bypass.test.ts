/** `pinsensor bypass`: what a person may do with the register, and what an auditor sees of it. */
import { execFile } from "node:child_process"
import { hostname, userInfo } from "node:os"
import { promisify } from "node:util"
import t, { type Test } from "tap"
import { bypass } from "../../src/cli/bypass.ts"
import { printable } from "../../src/cli/printable.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import { RegisterEntry } from "../../src/record/register-entry.ts"
import { attempt, device, iso, newDir, registerEntry, ten } from "../evidence/fixtures.ts"

const day = 86_400_000
const account = `${userInfo().username}@${hostname()}`

/** A store that stays open, as that of a running sensor, and the verbs beside it. */
function desk(t: Test) {
  const dir = newDir(t)
  const store = openStore(dir)
  t.teardown(() => store.close())
  return { dir, store, say: (...args: string[]) => said(t, [...args, "--data", dir]) }
}

async function said(t: Test, args: string[]): Promise<{ out: string; notes: string }> {
  const out = t.capture(process.stdout, "write", () => true)
  const notes = t.capture(process.stderr, "write", () => true)
  const text = (calls: typeof out) =>
    calls()
      .map(({ args: [chunk] }) => String(chunk))
      .join("")
  try {
    await bypass(args)
  } finally {
    out.restore()
    notes.restore()
  }
  return { out: text(out), notes: text(notes) }
}

const because = ["--owner", "netops", "--reason", "pinned by its vendor"]
const add = ["add", "--sni", "*.push.example", ...because, "--expires", "30d"]

/** The only entry there is. */
function only(store: Store): RegisterEntry {
  const [entry, ...more] = store.all("register")
  if (!entry || more.length > 0) throw new Error("not one entry")
  return entry
}

t.test("add puts a bypass in force at once, with owner, reason, end and review", async (t) => {
  const { store, say } = desk(t)
  store.append("devices", [{ ...device("1", "d-1", ten, "anna"), groups: ["pilot"] }])
  store.append("attempts", [attempt("a-1")])
  const before = Date.now()
  const { out, notes } = await say(
    ...["add", "--sni", "*.Push.Example.", "--group", "pilot", "--client", "10.1.0.0/16"],
    ...["--destination", "::ffff:203.0.113.0/120", "--kind", "platform", "--evidence", "a-1"],
    ...[...because, "--expires", "30d"],
  )
  const entry = only(store)
  t.match(out, `${entry.id} is in force until ${entry.expires_at}: *.push.example to`)
  t.equal(notes, "")
  t.match(entry, {
    tenant: "default",
    kind: "platform",
    source: "register",
    standing: "in-force",
    scope: {
      device_id: null,
      device_group: "pilot",
      client_network: "10.1.0.0/16",
      stack: null,
      sni: "*.push.example",
      destination_network: "203.0.113.0/24",
    },
    owner: "netops",
    reason: "pinned by its vendor",
    evidence_ids: ["a-1"],
  })
  const days = (time: string | null) => (Date.parse(time ?? "") - before) / day
  t.ok(Math.abs(days(entry.expires_at) - 30) < 0.01)
  t.ok(Math.abs(days(entry.review_at) - 15) < 0.01, "a review is due halfway")
  t.same(store.registerEntries(Date.now()), [entry])
  t.match(store.registerHistory(entry.id), [{ who: account, what: "added" }])
})

t.test("what the store does not know is noted, and added all the same", async (t) => {
  const { store, say } = desk(t)
  const { notes } = await say(...add, "--device", "d-9", "--group", "x", "--evidence", "a-9")
  t.match(notes, /no device d-9 .*\n.*in group x.*\n.*evidence a-9/)
  t.equal(only(store).scope.device_id, "d-9")
})

t.test(
  "add refuses what would be forgotten, mistyped or far too wide, and says the way out",
  async (t) => {
    const { store, say } = desk(t)
    const rest = [...because, "--expires", "30d"]
    const cases: [name: string, args: string[], expected: RegExp][] = [
      [
        "no reason",
        ["--sni", "a.example", "--owner", "x", "--expires", "1d"],
        /--reason; auditors/,
      ],
      [
        "an empty reason",
        ["--sni", "a.example", "--owner", "x", "--expires", "1d", "--reason", " "],
        /--reason/,
      ],
      [
        "no owner",
        ["--sni", "a.example", "--reason", "r", "--expires", "1d"],
        /--owner: a person or a team/,
      ],
      [
        "the sensor as owner",
        ["--sni", "a.example", "--owner", "pinsensor", "--reason", "r", "--expires", "1d"],
        /the sensor cannot answer/,
      ],
      ["no end", ["--sni", "a.example", ...because], /--expires, as in 30d/],
      [
        "an end that has passed",
        ["--sni", "a.example", ...because, "--expires", "2020-01-01"],
        /has passed/,
      ],
      [
        "an end too far",
        ["--sni", "a.example", ...because, "--expires", "367d"],
        /lasts 366d at most/,
      ],
      [
        "no time at all",
        ["--sni", "a.example", ...because, "--expires", "soon"],
        /neither a duration nor a time; write 30d/,
      ],
      [
        "a review after the end",
        ["--sni", "a.example", ...rest, "--review", "31d"],
        /after its end/,
      ],
      ["no scope", rest, /say what it is about: --sni/],
      ["an empty group", ["--group", " ", ...rest], /--group: it is empty/],
      [
        "all of a registry, even if meant",
        ["--sni", "*.co.uk", "--wide", ...rest],
        /name the domain/,
      ],
      ["all of a provider", ["--sni", "*.github.io", ...rest], /name the hosts, or say --wide/],
      ["all addresses", ["--client", "0.0.0.0/0", ...rest], /names neither .* or say --wide/],
      ["all of a group", ["--group", "staff", ...rest], /say --wide/],
      ["an address as name", ["--sni", "203.0.113.7", ...rest], /say --destination/],
      ["a pattern of no form", ["--sni", "a.*.example", ...rest], /"\*" may only stand first/],
      [
        "a network of no form",
        ["--client", "10.0.0.1/8", ...rest],
        /--client: .*write 10.0.0.0\/8/,
      ],
      [
        "a kind that the sensor makes",
        ["--sni", "a.example", "--kind", "trial", ...rest],
        /none of operator, platform, private/,
      ],
      ["a flag that is none", ["--host", "a.example", ...rest], /--host/],
      [
        "nobody on whose behalf",
        ["--sni", "a.example", ...rest, "--on-behalf-of", ""],
        /--on-behalf-of/,
      ],
    ]
    for (const [name, args, expected] of cases)
      await t.rejects(say("add", ...args), { message: expected }, name)
    t.same([...store.all("register")], [])
    await say("add", "--client", "0.0.0.0/0", "--wide", ...rest)
    t.match(
      (await say("list")).out,
      /^WIDE .* from 0\.0\.0\.0\/0$/m,
      "wide stands out for as long as it stands",
    )
  },
)

t.test("what is covered already is renewed, not added beside", async (t) => {
  const { store, say } = desk(t)
  await say(...add)
  const { id } = only(store)
  await t.rejects(say(...add), {
    message: new RegExp(`${id} of netops covers the same.*renew ${id}`),
  })
  await t.rejects(say(...add.with(2, "*.PUSH.example.")), { message: /covers the same/ })
  await say(...add.with(2, "push.example"))
  store.putRegister([registerEntry("past", "past.example", ten - 400 * day)], "test", ten)
  await say(...add.with(2, "past.example"))
  const elsewhere = registerEntry("p", "p.example", null)
  store.putRegister([{ ...elsewhere, standing: "proposed", tenant: "default" }], "correlator", ten)
  await t.rejects(say(...add.with(2, "p.example")), { message: /p proposes the same; .*accept p/ })
})

t.test("renew, review and remove change an entry, and the audit says who and why", async (t) => {
  const { store, say } = desk(t)
  await say(...add)
  const { id, expires_at } = only(store)
  const why = ["--reason", "release 4.3 is late"]
  await t.rejects(say("renew", id, ...why), { message: /--expires/ })
  await t.rejects(say("renew", id, "--expires", "60d"), { message: /--reason/ })
  await t.rejects(say("renew", "--expires", "60d", ...why), { message: /renew ID/ })
  await t.rejects(say("renew", "b-0", "--expires", "60d", ...why), {
    message: /no entry b-0.*list/,
  })
  await say("renew", id, "--expires", "60d", ...why)
  t.ok((only(store).expires_at ?? "") > (expires_at ?? ""))
  await t.rejects(say("review", id, "--next", "61d", ...why), { message: /after its end/ })
  await say("review", id, "--next", "50d", ...why, "--on-behalf-of", "appsec")
  store.useRegister([
    { entry_id: id, at_ms: ten, event: "open", sensor_id: "s", connection_id: "c", bytes: 0 },
  ])
  t.match((await say("remove", id, ...why)).out, /has ended, and workers cut/)
  t.same(store.registerEntries(Date.now()), [])
  t.match(only(store), { id, hits: 1 }, "it stays among those that ended, with its use")
  await t.rejects(say("remove", id, ...why), { message: /ended .*nothing to do/ })
  t.same(
    store.registerHistory(id).map(({ who, what, reason }) => [who, what, reason]),
    [
      [account, "added", "pinned by its vendor"],
      [account, "renewed", "release 4.3 is late"],
      [`${account} on behalf of appsec`, "reviewed", "release 4.3 is late"],
      [account, "removed", "release 4.3 is late"],
    ],
  )
  const { out } = await say("show", id)
  t.match(out, /^b-\w+ +EXPIRED\n/)
  t.match(out, /renewed by .*: release 4\.3 is late\n +expires_at: "20.*" -> "20/)
  t.match(out, /removed by .*\n.*\n +by then used: 1 connection, 0 B, last 2026/)
  t.ok(store.check().ok)
})

t.test("an entry that has ended is renewed, not reviewed", async (t) => {
  const { store, say } = desk(t)
  store.putRegister([registerEntry("past", "past.example", ten - 400 * day)], "test", ten)
  await t.rejects(say("review", "past", "--reason", "r"), { message: /ended .*renew/ })
  await say("renew", "past", "--expires", "1d", "--reason", "needed again")
  t.match(store.registerEntries(Date.now()), [{ id: "past" }])
})

t.test("a proposal is accepted with an owner, or rejected, and never splices before", async (t) => {
  const { store, say } = desk(t)
  const proposed = (id: string) =>
    RegisterEntry.parse({
      ...registerEntry(id, `${id}.example`, null),
      kind: "learned",
      standing: "proposed",
      owner: "pinsensor",
      scope: { sni: `${id}.example`, device_id: "d-1", stack: "t13d15_a_b" },
      learned: { device_ids: ["d-1"], retest: null, renewals: 0 },
    })
  store.append("devices", [{ ...device("1", "d-1", ten, "anna"), groups: ["pilot"] }])
  store.putRegister([proposed("one"), proposed("two"), proposed("three")], "correlator", ten)
  const why = ["--reason", "the vendor confirms it"]
  for (const verb of ["remove", "review"])
    await t.rejects(say(verb, "one", ...why), { message: /proposal; .*accept one/ }, verb)
  await t.rejects(say("accept", "one", ...why), { message: /--owner/ })
  await t.rejects(say("accept", "one", "--owner", "pinsensor", ...why), {
    message: /cannot answer/,
  })
  await t.rejects(say("accept", "one", "--owner", "x"), { message: /--reason/ })
  t.same(store.registerEntries(Date.now()), [])
  store.putRegister([{ ...proposed("old"), expires_at: iso(ten - day) }], "correlator", ten)
  await t.rejects(say("accept", "old", "--owner", "x", ...why), {
    message: /rejected or lapsed .*proposed anew/,
  })

  await say("accept", "one", "--owner", "appsec", ...why)
  await say(
    "accept",
    "two",
    "--owner",
    "appsec",
    "--group",
    "pilot",
    "--any-stack",
    "--expires",
    "90d",
    ...why,
  )
  await say("reject", "three", "--reason", "it is malware")
  await t.rejects(say("reject", "one", ...why), { message: /no proposal but in force/ })
  const [one, two] = store.registerEntries(Date.now())
  t.match(one, {
    owner: "appsec",
    standing: "in-force",
    scope: { device_id: "d-1", stack: "t13d15_a_b" },
  })
  t.ok(
    Math.abs(Date.parse(one?.expires_at ?? "") - Date.now() - 7 * day) < day / 24,
    "control.hold-for",
  )
  t.match(two, {
    scope: { device_id: null, device_group: "pilot", stack: null, sni: "two.example" },
  })
  t.match((await say("show", "three")).out, /EXPIRED/)
  t.match(store.registerHistory("three").at(-1), { what: "rejected", reason: "it is malware" })
  t.match(store.registerHistory("one").at(-1), { what: "accepted", after: { owner: "appsec" } })
})

t.test("a learned entry that nobody answers for gets an owner when it is renewed", async (t) => {
  const { store, say } = desk(t)
  const learned = RegisterEntry.parse({
    ...registerEntry("l", "l.example", null),
    kind: "learned",
    owner: "pinsensor",
    learned: { device_ids: ["d-1"], retest: null, renewals: 4 },
  })
  store.putRegister([learned], "correlator", ten)
  const renew = ["renew", "l", "--expires", "30d", "--reason", "still pinned"]
  await t.rejects(say(...renew), { message: /say who with --owner/ })
  await say(...renew, "--owner", "appsec")
  t.match(only(store), { owner: "appsec", learned: { renewals: 0 } })
})

t.test("trials and declared bypasses are shown, and changed elsewhere", async (t) => {
  const { store, say } = desk(t)
  const end = iso(Date.now() + day)
  const trial = RegisterEntry.parse({
    ...registerEntry("t", "api.bank.example", null),
    kind: "trial",
    expires_at: end,
    trial: { state: "splicing", since: iso(ten) },
  })
  const cooling: RegisterEntry = {
    ...trial,
    id: "t-2",
    trial: trial.trial && { ...trial.trial, state: "cooling" },
  }
  const rule = RegisterEntry.parse({
    ...registerEntry("rule:push", "push.example", null),
    source: "rule",
    declared: '{"sni":["*.push.example"]}',
  })
  store.putRegister([trial, cooling, rule], "test", ten)
  const verbs = [["remove"], ["review"], ["renew", "--expires", "1d"], ["accept", "--owner", "x"]]
  for (const [verb = "", ...flags] of verbs) {
    const tried = (id: string) => say(verb, id, ...flags, "--reason", "r")
    await t.rejects(tried("t"), { message: /is a trial: .*a rule that inspects/ }, verb)
    await t.rejects(tried("rule:push"), { message: /declared in the configuration.*SIGHUP/ }, verb)
  }
  const { out } = await say("list")
  t.match(out, /rule:push +operator \(rule\) .*\{"sni":\["\*\.push\.example"\]\}/)
  t.match(out, /^- +t +trial /m)
  t.notMatch(out, /t-2/, "a trial that does not splice is no bypass now")
  t.match(out, /1 ended or at rest \(--all/)
})

t.test("list shows what is urgent first, and how many need attention", async (t) => {
  const { store, say } = desk(t)
  t.equal((await say("list")).out, "0 bypasses; none needs attention\n")
  const now = Date.now()
  const entry = (id: string, change: object) =>
    RegisterEntry.parse({
      ...registerEntry(id, `${id}.example`, now + 200 * day),
      created_at: iso(now - 40 * day),
      last_hit_at: iso(now - day),
      hits: 3,
      bytes: 5_000_000,
      ...change,
    })
  const entries = [
    entry("sound", {}),
    entry("unused", { hits: 0, bytes: 0, last_hit_at: null }),
    entry("due", { review_at: iso(now - day) }),
    entry("soon", { expires_at: iso(now + day) }),
    entry("past", { expires_at: iso(now - day) }),
    entry("platform", { kind: "platform" }),
  ]
  store.putRegister(entries, "anna@hq", now - 40 * day)
  const { out } = await say("list")
  t.same(
    out.split("\n").map((line) => line.split(/ +/).slice(0, 2).join(" ")),
    [
      "FLAGS ID",
      "REVIEW due",
      "EXPIRING soon",
      "UNUSED unused",
      "- platform",
      "- sound",
      "5 bypasses;",
      "",
    ],
  )
  t.match(out, /sound +operator +netops .* 3 +4\.8 MiB/)
  t.match(out, /5 bypasses; 3 need attention; 1 ended or at rest \(--all shows them\)/)
  t.match((await say("list", "--all")).out, /^EXPIRED +past/m)
  const json = (await say("list", "--json", "--kind", "platform")).out
  t.match(JSON.parse(json), { flags: [], id: "platform", bytes: 5_000_000 })
  t.match((await say("list", "--source", "rule")).out, /^0 bypasses/)
  await t.rejects(say("list", "--kind", "odd"), { message: /none of operator, platform/ })
})

t.test("nothing that somebody wrote reaches the terminal as a control sequence", async (t) => {
  const { say } = desk(t)
  await say(
    ...["add", "--device", "d\u001b]0;t\u0007", "--sni", "a.example", "--expires", "1d"],
    ...["--owner", "red\u001b[31m\nb-00000000 forged", "--reason", "r\u009b2J"],
  )
  const list = (await say("list")).out
  t.equal(list.split("\n").length, 4, "head, one entry, the sum")
  const id = list.match(/b-[0-9a-f]{8}/)?.[0] ?? ""
  for (const { out } of [await say("list"), await say("show", id), await say("list", "--json")])
    for (const line of out.split("\n")) t.equal(printable(line), line)
})

t.test("an entry that the running sensor would not go by is not added", async (t) => {
  const { store, say } = desk(t)
  const declared = { source: "rule" as const, tenant: "acme", declared: "{}" }
  store.putRegister([{ ...registerEntry("rule:push", "*", null), ...declared }], "config", ten)
  await t.rejects(say(...add), {
    message: /serves tenant acme, and would not go by an entry of default; give .* --config/,
  })
  store.putRegister([{ ...registerEntry("r", "a.example", null), tenant: "formerly" }], "x", ten)
  t.match((await say("list")).out, /\(tenant formerly: idle here\) a\.example/)
})

t.test("a verb or a data directory that is none is said, and no directory is made", async (t) => {
  await t.rejects(bypass([]), { message: /bypass add\|list\|show/ })
  await t.rejects(bypass(["toString"]), { message: /bypass add\|list\|show/ })
  const dir = `${newDir(t)}/no`
  await t.rejects(bypass(["remove", "x", "--reason", "r", "--data", dir]), {
    message: /there is no .*evidence.sqlite; give the sensor's directory/,
  })
  await t.rejects(bypass(["list", "--data", dir]), { message: /there is no/ })
})

t.test(
  "the command works beside a running sensor, names the account under sudo, and fails with 1",
  async (t) => {
    const { dir, store } = desk(t)
    const main = new URL("../../src/cli/main.ts", import.meta.url).pathname
    const run = (args: string[]) =>
      promisify(execFile)(process.execPath, [main, "bypass", ...args, "--data", dir], {
        env: { ...process.env, SUDO_USER: "somebody-else" },
      })
    // Who reads may leave after the first line.
    await promisify(execFile)("bash", [
      "-c",
      `set -o pipefail; "${process.execPath}" "${main}" bypass list --data "${dir}" | true`,
    ])
    const [version, seq] = [store.dataVersion(), store.registerAuditSeq()]
    const [added, failed] = await Promise.allSettled([
      run(add),
      run(["add", "--sni", "*.com", ...because]),
    ])
    if (added.status === "rejected") throw added.reason
    t.match(added.value.stdout, /^b-[0-9a-f]{8} is in force until/)
    t.match(failed, {
      reason: { code: 1, stderr: /^pinsensor bypass: --sni: \*\.com covers/, stdout: "" },
    })
    t.not(store.dataVersion(), version, "a worker that polls notices")
    t.match(store.registerChangesAfter(seq, 10), [{ entry: { scope: { sni: "*.push.example" } } }])
    const who = `somebody-else@${hostname()} (as ${userInfo().username})`
    t.match(store.registerAudit(0, 9), [{ who }])
  },
)
