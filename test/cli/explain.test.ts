/** `pinsensor explain`: what a finding rests on, as it was then; and the whole case as files. */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import t, { type Test } from "tap"
import { an1725Table } from "../../src/analytics/confidence-table.ts"
import { incidentId } from "../../src/analytics/incidents.ts"
import { catalogueWords } from "../../src/cli/explain/catalogue.ts"
import { decidedRow } from "../../src/cli/explain/decided-row.ts"
import { explain } from "../../src/cli/explain.ts"
import { importFiles } from "../../src/cli/import/import-files.ts"
import { openStore } from "../../src/evidence/open.ts"
import type { Alert } from "../../src/record/alert.ts"
import { Binding } from "../../src/record/binding.ts"
import type { Finding } from "../../src/record/finding.ts"
import type { Incident } from "../../src/record/incident.ts"
import { RegisterEntry } from "../../src/record/register-entry.ts"
import { confirmedWorld, findTarget, target } from "../analytics/worlds.ts"
import { at, dayStart, device, HOUR, MINUTE, posture } from "../support/records.ts"

const run = promisify(execFile)

/** A confirmed pin of an Android app, stored with what was around it; and a posture of the day after. */
function given(t: Test) {
  const data = mkdtempSync(join(tmpdir(), "pinsensor-explain-"))
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  const world = confirmedWorld()
  const then = posture({ id: "posture-then" })
  const later = posture({ id: "posture-later", observed_at: at(30 * HOUR), managed: false })
  const finding = findTarget({ ...world, postures: [then] })
  if (!finding) throw new Error("no finding")
  const store = openStore(data)
  t.teardown(() => store.close())
  store.append(
    "attempts",
    world.attempts.map(({ fact }) => fact),
  )
  store.append(
    "flows",
    world.flows.map(({ fact }) => fact),
  )
  store.append("devices", [
    device({ os_version: "16" }),
    device({ id: "device-later", observed_at: at(30 * HOUR), os_version: "17" }),
  ])
  store.append("postures", [then, later])
  store.putRegister([trial(finding), foreign], "correlator", dayStart + 6 * MINUTE)
  store.removeRegister("trial-1", "correlator", "its time is over", dayStart + 20 * MINUTE)
  store.append("findings", [finding])
  const incident = incidentOf(finding)
  store.append("incidents", [incident])
  store.append("alerts", [alertOf(finding, incident)])
  return {
    data,
    store,
    finding,
    incident,
    say: (...args: string[]) => said(t, [...args, "--data", data]),
  }
}

const common = {
  tenant: "t1",
  site: "hq",
  sensor_id: "s1",
  v: 1,
  observed_at: at(6 * MINUTE),
} as const

function trial({ key }: Finding): RegisterEntry {
  return RegisterEntry.parse({
    ...common,
    id: "trial-1",
    kind: "trial",
    scope: { device_id: key.device_id, stack: key.stack, sni: target },
    owner: "pinsensor",
    reason: "whether it works without us",
    created_at: at(6 * MINUTE),
    expires_at: at(8 * MINUTE),
    trial: { state: "splicing", since: at(6 * MINUTE) },
  })
}

const foreign = RegisterEntry.parse({
  ...common,
  id: "operator-elsewhere",
  kind: "operator",
  scope: { sni: "*.elsewhere.example" },
  owner: "netops",
  reason: "not ours",
  created_at: at(0),
})

function incidentOf(finding: Finding): Incident {
  const { analytic, analytic_version, key, registrable_domain, confidence, severity } = finding
  return {
    ...common,
    id: incidentId(finding),
    analytic,
    analytic_version,
    app_id: key.app_id,
    stack: key.stack,
    registrable_domain,
    confidence,
    severity,
    state: "open",
    device_count: 1,
    device_ids: [key.device_id],
    finding_ids: [finding.id],
    lead_finding: finding.id,
    first_seen: finding.first_seen,
    last_seen: finding.last_seen,
    observed_at: finding.last_seen,
  }
}

function alertOf(finding: Finding, incident: Incident): Alert {
  const { analytic, analytic_version, key, registrable_domain, confidence, severity } = finding
  return {
    ...common,
    observed_at: finding.last_seen,
    id: "alert-1",
    news: "opened",
    incident_id: incident.id,
    analytic,
    analytic_version,
    confidence,
    severity,
    summary: "The bank app refuses us and works without.",
    platform: finding.platform,
    device_id: key.device_id,
    device_attribution: finding.device_attribution,
    device_count: 1,
    user: null,
    client_ip: "10.0.0.7",
    binding: null,
    app_id: key.app_id,
    app_version: key.app_version,
    app_attribution: finding.app_attribution,
    stack: key.stack,
    destination: key.destination,
    registrable_domain,
    verdict: finding.verdict,
    refusals: finding.refusals,
    control_flows: finding.control_flows,
    channels: [],
    reasons: [],
    finding_id: finding.id,
    evidence_ids: [],
    state: "sent",
    label: null,
    digest: null,
  }
}

async function said(t: Test, args: string[]): Promise<string> {
  const out = t.capture(process.stdout, "write", () => true)
  const notes = t.capture(process.stderr, "write", () => true)
  try {
    explain(args)
  } finally {
    out.restore()
    notes.restore()
  }
  return [...out(), ...notes()].map(({ args: [chunk] }) => String(chunk)).join("")
}

t.test(
  "a finding is told with its channels, the row that decided, and the posture of then",
  async (t) => {
    const { finding, say } = given(t)
    const text = await say(finding.id)
    t.match(text, `${finding.analytic} 1.1: confirmed`)
    t.match(text, 'asks for: "TLS session from mobile app fails, resets, or refuses')
    const row = decidedRow(finding)
    t.match(
      text,
      `Row ${row?.row} of ${an1725Table.length}: ${row?.confidence}, for ${row?.words}.`,
    )
    t.match(text, "Not reached: high:")
    t.match(text, "profile device, managed, supervised")
    t.notMatch(text, "not managed", "the posture of the day after is not of then")
    t.match(text, "Missing, and what would supply it")
    t.match(text, "alert-1, opened")
  },
)

t.test(
  "whose the address was is told with the binding that was chosen and those that were not",
  async (t) => {
    const { finding, store, say, data } = given(t)
    const [client = "", site = ""] = [...store.all("attempts")].flatMap((one) => [
      one.client_ip,
      one.site,
    ])
    const bound = (id: string, address: string, over: Partial<Binding>) =>
      Binding.parse({
        ...common,
        site,
        id,
        address,
        valid_from: at(-HOUR),
        device_id: finding.key.device_id,
        ...over,
      })
    store.append("bindings", [
      bound("b-chosen", client, { source: "radius" }),
      bound("b-loser", client, { source: "dhcp", device_id: "d2" }),
      bound("b-network", "10.0.0.0/8", { source: "vpn", device_id: "d3" }),
      bound("b-over", client, { device_id: "d4", source: "vpn", valid_to: at(-MINUTE) }),
    ])
    const text = await say(finding.id)
    t.match(
      text,
      new RegExp(`${client} of ${finding.key.device_id} \\(bound\\): .*b-chosen from radius`),
    )
    t.match(text, /over 1 of other devices; not believed: b-loser/)
    t.notMatch(text, /b-over/)
    const { addresses, device: then } = JSON.parse(await say(finding.id, "--json"))
    t.match(addresses, [{ binding_id: "b-chosen", losers: ["b-loser"], attribution: "bound" }])
    t.equal(then.os_version, "16", "and what the device was then")
    t.match(text, /Device of then\n.* android 16, ownership unknown/)
    const folder = join(data, "case")
    await say(finding.id, "--bundle", folder)
    const records = readFileSync(join(folder, "bindings.ndjson"), "utf8")
    t.match(records, /"b-loser"/, "the losers go with the case")
  },
)

t.test(
  "the timeline is in the order of event time, with the trial that was taken out since",
  async (t) => {
    const { finding, say } = given(t)
    const { timeline, register, evidence } = JSON.parse(await say(finding.id, "--json"))
    const times: string[] = timeline.map((row: { at: string }) => row.at)
    t.same(times, [...times].sort())
    const told = evidence.map(({ id }: { id: string }) => id).sort()
    t.same(told, finding.evidence_ids.filter((id) => id !== "posture-then").sort())
    const changes = timeline.filter((row: { what: string }) => row.what === "register")
    t.match(changes[0].text, "trial-1 (trial, in-force) added by correlator, trial splicing")
    t.match(
      changes[1].text,
      "trial-1 (trial, in-force) removed by correlator, gone: its time is over",
    )
    t.same(register, [], "it stands in the register no more")
    t.notOk(JSON.stringify(timeline).includes("operator-elsewhere"))
  },
)

t.test("silence between two pieces of evidence has a row", async (t) => {
  const { store, finding, say } = given(t)
  const [last] = [...store.all("attempts")].slice(-1)
  if (!last) throw new Error("no attempt")
  store.append("attempts", [{ ...last, id: "attempt-late", observed_at: at(5 * HOUR) }])
  store.append("findings", [
    { ...finding, evidence_ids: [...finding.evidence_ids, "attempt-late", "attempt-gone"] },
  ])
  const text = await say(finding.id)
  t.match(text, "gap        no evidence for 4 h 48 min")
  t.match(text, "1 records: attempt-gone", "what retention took is named")
})

t.test("an incident and an alert are told by their findings", async (t) => {
  const { finding, incident, say } = given(t)
  t.match(await say(incident.id), `finding      ${finding.id}`)
  t.match(await say("alert-1"), `finding      ${finding.id}`)
  const shown = JSON.parse(await say("alert-1", "--json"))
  t.equal(shown.alert, "alert-1")
  t.equal(shown.cases[0].finding.id, finding.id)
})

t.test("what cannot be told says why, and what to do", async (t) => {
  const { say } = given(t)
  await t.rejects(say("nothing"), {
    message: /no finding, incident or alert has the id nothing; list/,
  })
  await t.rejects(say(), { message: /name one finding/ })
  await t.rejects(said(t, ["x", "--data", join(tmpdir(), "no-such-folder")]), {
    message: /there is no evidence in .*--data DIR/,
  })
})

t.test(
  "a bundle holds every record around it, hashed, and can be imported elsewhere",
  async (t) => {
    const { data, finding, say } = given(t)
    const folder = join(data, "case")
    t.match(await say(finding.id, "--bundle", folder), "sha256sum -c")
    const names = readdirSync(folder)
    for (const name of [
      "attempts",
      "flows",
      "postures",
      "register-changes",
      "findings",
      "incidents",
      "alerts",
    ])
      t.ok(names.includes(`${name}.ndjson`), name)
    for (const name of ["explanation.txt", "explanation.json", "settings.yaml", "versions.json"])
      t.ok(names.includes(name), name)
    const read = (name: string) => readFileSync(join(folder, name))
    for (const line of read("SHA256SUMS").toString().trim().split("\n")) {
      const [sum = "", name = ""] = line.split("  ")
      t.equal(createHash("sha256").update(read(name)).digest("hex"), sum, name)
    }
    t.equal(statSync(join(folder, "findings.ndjson")).mode & 0o777, 0o600)
    await t.rejects(say(finding.id, "--bundle", folder), { message: /is there already/ })
    const elsewhere = openStore(mkdtempSync(join(data, "elsewhere-")))
    t.teardown(() => elsewhere.close())
    const files = ["attempts", "flows", "postures", "devices"].map((name) =>
      join(folder, `${name}.ndjson`),
    )
    const { exitCode } = await importFiles({
      store: elsewhere,
      files,
      now: dayStart,
      defaults: { tenant: "t1", site: "hq", sensor_id: "s1" },
      by: "anna@hq",
      report: (message) => t.fail(message),
    })
    t.equal(exitCode, 0)
    t.equal(
      [...elsewhere.all("attempts")].length,
      read("attempts.ndjson").toString().trim().split("\n").length,
    )
  },
)

t.test("a bundle as an archive is what tar reads", async (t) => {
  const { data, finding, say } = given(t)
  const file = join(data, "case.tar.gz")
  await say(finding.id, "--bundle", file)
  await run("tar", ["-xzf", file, "-C", data])
  await run("sha256sum", ["-c", "SHA256SUMS"], { cwd: join(data, "case") })
  const { findings } = JSON.parse(readFileSync(join(data, "case", "manifest.json"), "utf8"))
  t.same(findings, [finding.id])
})

t.test("the catalogue's words are those that stand above the channels", async (t) => {
  for (const [analytic, names] of [
    ["AN1725", ["API", "S", "M", "D", "Flow", "Insp"]],
    ["AN1726", ["M", "S", "Flow", "Insp"]],
  ] as const) {
    const file = new URL(`../../src/analytics/${analytic.toLowerCase()}.ts`, import.meta.url)
    const source = readFileSync(file, "utf8").replace(/\s+\*?\s*/g, " ")
    for (const name of names)
      t.ok(source.includes(`"${catalogueWords(analytic, name)}"`), `${analytic} ${name}`)
  }
  t.equal(catalogueWords("pin-effect", "Insp"), null)
})
