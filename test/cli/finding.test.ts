/** `pinsensor finding`: what a person may say of findings, and what an auditor sees of it. */
import { hostname, userInfo } from "node:os"
import t, { type Test } from "tap"
import { incidentId } from "../../src/analytics/incidents.ts"
import { explain } from "../../src/cli/explain.ts"
import { finding as verb } from "../../src/cli/finding.ts"
import { usage } from "../../src/cli/usage.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Store } from "../../src/evidence/store.ts"
import type { Finding, FindingLabel } from "../../src/record/finding.ts"
import { Label } from "../../src/record/label.ts"
import { alert, finding, incident } from "../alert/samples.ts"
import { newDir } from "../evidence/fixtures.ts"

const day = 86_400_000
const account = `${userInfo().username}@${hostname()}`
const key = finding().key

/** Four findings: a bank on two phones, a game, and one that is closed. */
const bank = finding({ id: "f-bank", app_signer: "ab".repeat(32) })
const bank2 = finding({
  id: "f-bank2",
  confidence: "high",
  key: { ...key, device_id: "d-18", app_version: "7.2" },
})
const game = finding({
  id: "f-game",
  confidence: "low",
  app_attribution: "inferred",
  registrable_domain: "game.example",
  key: { ...key, app_id: "com.example.game", destination: "api.game.example" },
})
const gone = finding({ id: "f-gone", state: "closed", key: { ...key, device_id: "d-19" } })

function desk(t: Test, findings: readonly Finding[] = [bank, bank2, game, gone]) {
  const dir = newDir(t)
  const store = openStore(dir)
  t.teardown(() => store.close())
  store.append("findings", findings)
  return {
    store,
    say: (...args: string[]) => said(t, () => verb([...args, "--data", dir])),
    explained: (...args: string[]) => said(t, async () => explain([...args, "--data", dir])),
  }
}

async function said(t: Test, act: () => Promise<void>): Promise<{ out: string; notes: string }> {
  const out = t.capture(process.stdout, "write", () => true)
  const notes = t.capture(process.stderr, "write", () => true)
  const text = (calls: typeof out) =>
    calls()
      .map(({ args: [chunk] }) => String(chunk))
      .join("")
  try {
    await act()
  } finally {
    out.restore()
    notes.restore()
  }
  return { out: text(out), notes: text(notes) }
}

const because = ["--owner", "soc", "--reason", "it pins by design", "--expires", "90d"]
const idsOf = (out: string) => [...out.matchAll(/^f-\w+/gm)].map(([id]) => id)
const labelsOf = (store: Store) => [...store.all("labels")]

t.test("mark keeps who said what of which finding, why, and what it was then", async (t) => {
  const { store, say } = desk(t)
  const before = Date.now()
  const { out } = await say(
    "mark",
    "expected",
    "f-bank",
    "--scope",
    "app-domain",
    ...because,
    "--on-behalf-of",
    "ana",
  )
  const [label, ...more] = labelsOf(store)
  t.strictSame(more, [])
  t.strictSame(Label.parse(label), label)
  t.match(label, {
    tenant: "acme",
    act: "marked",
    label: "expected",
    scope: {
      kind: "app-domain",
      app_id: "com.example.bank",
      registrable_domain: "bank.example",
      device_id: null,
    },
    reason: "it pins by design",
    owner: "soc",
    who: `${account} on behalf of ana`,
    finding_id: "f-bank",
    marked: { verdict: "confirmed", findings: 2, app_versions: ["7.1", "7.2"], volume: 4 },
  })
  const end = Date.parse(label?.expires_at ?? "")
  t.ok(end >= before + 90 * day && end <= Date.now() + 90 * day)
  t.match(
    out,
    `${label?.id}: expected until ${label?.expires_at}: com.example.bank to names of bank.example`,
  )
})

t.test("an alert or an incident stands for its finding", async (t) => {
  const { store, say } = desk(t)
  store.append("alerts", [alert({ id: "a-1", finding_id: "f-bank" })])
  store.append("incidents", [incident({ id: "i-1", lead_finding: "f-game" })])
  await say("mark", "benign", "a-1", ...because)
  await say("mark", "wrong", "i-1", ...because)
  t.strictSame(
    labelsOf(store).map(({ finding_id }) => finding_id),
    ["f-bank", "f-game"],
  )
})

const wrong: [string, string[], RegExp][] = [
  ["nothing", [], /say what it is: pinsensor finding mark expected\|benign/],
  ["no such word", ["fine", "f-bank"], /"fine" is none of them/],
  ["no finding", ["wrong", ...because], /name one finding .*pinsensor finding mark wrong ID/],
  [
    "an unknown id",
    ["wrong", "f-none", ...because],
    /no finding, incident or alert has the id f-none/,
  ],
  ["no reason", ["wrong", "f-bank", "--owner", "soc", "--expires", "1d"], /say why with --reason/],
  [
    "no owner",
    ["wrong", "f-bank", "--reason", "x", "--expires", "1d"],
    /who answers for it with --owner/,
  ],
  [
    "no end",
    ["wrong", "f-bank", "--owner", "soc", "--reason", "x"],
    /say when it ends with --expires/,
  ],
  [
    "an end that is past",
    ["wrong", "f-bank", ...because.slice(0, 4), "--expires", "2020-01-01"],
    /has passed/,
  ],
  [
    "an end too far",
    ["wrong", "f-bank", ...because.slice(0, 4), "--expires", "500d"],
    /366d at most/,
  ],
  [
    "no such scope",
    ["wrong", "f-bank", ...because, "--scope", "all"],
    /none of finding, app-destination/,
  ],
  [
    "a whole app",
    ["wrong", "f-bank", ...because, "--scope", "app"],
    /covers all that the app does.*--wide/,
  ],
  [
    "a whole domain",
    ["wrong", "f-bank", ...because, "--scope", "domain"],
    /--scope destination, or say --wide/,
  ],
  [
    "a whole device",
    ["wrong", "f-bank", ...because, "--scope", "device"],
    /--scope device-app, or say --wide/,
  ],
]
for (const [what, args, words] of wrong)
  t.test(`mark with ${what} says what to do, and keeps nothing`, async (t) => {
    const { store, say } = desk(t)
    await t.rejects(say("mark", ...args), words)
    t.strictSame(labelsOf(store), [])
  })

t.test("what only one can be about is refused where it is not known", async (t) => {
  const fault = finding({ id: "f-fault", analytic: "sensor-fault" })
  const unknown = finding({ id: "f-unknown", key: { ...key, app_id: null } })
  const { say } = desk(t, [fault, unknown])
  await t.rejects(say("mark", "expected", "f-fault", ...because), /no label silences; mend/)
  await t.rejects(
    say("mark", "expected", "f-unknown", "--scope", "app-domain", ...because),
    /the app of f-unknown is not known; use finding, destination or device/,
  )
})

t.test(
  "a wide scope needs --wide, but not to call something malicious, which needs no end either",
  async (t) => {
    const { store, say } = desk(t)
    await say("mark", "expected", "f-bank", "--scope", "app", "--wide", ...because)
    const { notes } = await say(
      "mark",
      "malicious",
      "f-bank",
      "--scope",
      "app",
      ...because.slice(0, 4),
    )
    t.match(labelsOf(store).at(-1), { label: "malicious", expires_at: null })
    t.match(notes, /takes the place of l-\w+ \(expected, by /)
    const { out } = await say("list", "--label", "malicious")
    t.strictSame(idsOf(out), ["f-bank2", "f-bank"])
  },
)

t.test(
  "a label on an app that is only inferred is said to lower, and not to silence",
  async (t) => {
    const { say } = desk(t)
    const { notes } = await say("mark", "expected", "f-game", "--scope", "app-domain", ...because)
    t.match(notes, /inferred, not observed: such findings are a step lower/)
    t.match((await say("list", "--label", "lowered")).out, /f-game .*expected, lowered/)
  },
)

const filters: [string[], string[]][] = [
  [[], ["f-bank2", "f-bank", "f-game"]],
  [["--all"], ["f-bank2", "f-bank", "f-gone", "f-game"]],
  [["--state", "closed"], ["f-gone"]],
  [["--confidence", "low"], ["f-game"]],
  [
    ["--app", "com.example.bank"],
    ["f-bank2", "f-bank"],
  ],
  [["--destination", "*.game.example"], ["f-game"]],
  [["--device", "d-18"], ["f-bank2"]],
  [["--analytic", "AN1726"], []],
  [["--label", "expected"], ["f-bank"]],
  [
    ["--label", "none"],
    ["f-bank2", "f-game"],
  ],
  [["--limit", "1"], ["f-bank2"]],
  [["--held"], ["f-game"]],
]
t.test("list shows what is asked for, the surest first", async (t) => {
  const { store, say } = desk(t)
  await say("mark", "expected", "f-bank", ...because)
  const held = {
    v: 1,
    generation: 0,
    told: null,
    recent: [],
    revisit_at_ms: 9,
    held: { alert_id: "x", day: "2026-11-21" },
  }
  store.putAlertState(incidentId(game), held, 9)
  for (const [flags, ids] of filters) {
    const { out } = await say("list", ...flags)
    t.strictSame(idsOf(out), ids, flags.join(" "))
    const json = (await say("list", "--json", ...flags)).out.trim().split("\n").filter(Boolean)
    t.strictSame(
      json.map((line) => JSON.parse(line).id),
      ids,
      `${flags.join(" ")} as JSON`,
    )
  }
  t.match((await say("list")).out, /3 findings; 1 expected; 1 with an alert held back$/m)
  await t.rejects(
    say("list", "--label", "good"),
    /none of expected, benign, malicious, wrong, none/,
  )
  await t.rejects(say("list", "--limit", "0"), /write --limit 50/)
})

t.test("a label that is no longer about the same shows as reopened", async (t) => {
  const { store, say } = desk(t)
  await say("mark", "expected", "f-bank", ...because)
  store.append("findings", [{ ...bank, app_signer: "cd".repeat(32) }])
  t.match((await say("list", "--label", "reopened")).out, /f-bank .*expected, reopened: signer/)
  const { out } = await say("show", "f-bank")
  t.match(out, /Since then: another signer, cdcd/)
  t.match(
    out,
    /l-\w+ expected until .* by .*owner soc: AN1725 of com.example.bank to api.bank.example on d-17/,
  )
  t.match(out, /pinsensor explain f-bank/)
})

t.test("unmark takes a label back by its id or its finding; both stay in the audit", async (t) => {
  const { store, say } = desk(t)
  await say("mark", "expected", "f-bank", ...because)
  await say("mark", "benign", "f-bank", "--scope", "destination", ...because)
  const [one, two] = labelsOf(store)
  await t.rejects(
    say("unmark", "f-bank", "--reason", "x"),
    /several labels cover f-bank; name one: l-/,
  )
  await t.rejects(say("unmark", one?.id ?? ""), /say why with --reason/)
  await say("unmark", one?.id ?? "", "--reason", "was a slip")
  await t.rejects(say("unmark", one?.id ?? "", "--reason", "x"), /taken back already/)
  await say("unmark", "f-bank", "--reason", "not so harmless")
  await t.rejects(say("unmark", "f-bank", "--reason", "x"), /no label covers f-bank/)
  t.match(labelsOf(store).slice(2), [
    { act: "withdrawn", withdraws: one?.id, who: account, reason: "was a slip" },
    { act: "withdrawn", withdraws: two?.id, reason: "not so harmless" },
  ])
  t.match((await say("show", "f-bank")).out, /was taken back by .*: was a slip/)
  t.ok(store.check().ok)
})

t.test("explain shows what people say, in text and JSON", async (t) => {
  const { store, say, explained } = desk(t)
  await say("mark", "expected", "f-bank", ...because)
  const label = {
    label_id: "l-1",
    label: "expected",
    standing: "in-force",
    signs: [],
    who: "ana",
  } satisfies Partial<FindingLabel>
  const times = { created_at: bank.first_seen, expires_at: null, why: ["Marked expected by ana."] }
  store.append("findings", [{ ...bank, label: { ...label, ...times } }])
  t.match(
    (await explained("f-bank")).out,
    /label {8}expected, in-force\n[\s\S]*What people say\n {2}Marked expected by ana\./,
  )
  t.match(JSON.parse((await explained("f-bank", "--json")).out).labels, [
    { reason: "it pins by design" },
  ])
})

t.test("what came off the wire moves no cursor", async (t) => {
  const { say } = desk(t, [finding({ id: "f-evil", key: { ...key, destination: "a\u001b[2Jb" } })])
  for (const args of [["list"], ["show", "f-evil"]])
    t.match((await say(...args)).out, /a\\u001b\[2Jb/)
})

t.test("finding without a verb names them, and all stand in the usage", async (t) => {
  await t.rejects(verb([]), /pinsensor finding list\|show\|mark\|unmark/)
  for (const one of ["list", "show", "mark", "unmark"]) t.match(usage["finding"], one)
})
