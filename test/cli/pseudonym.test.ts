/** Names that leave as pseudonyms, the same in exports and sinks, and who may learn what they stand for. */
import { chmodSync, statSync } from "node:fs"
import { join } from "node:path"
import t, { type Test } from "tap"
import type { Outbox } from "../../src/alert/send.ts"
import { veiledOutbox } from "../../src/cli/correlator/veiled-outbox.ts"
import { exportRecords } from "../../src/cli/export/export-records.ts"
import { openPseudonyms } from "../../src/cli/open-pseudonyms.ts"
import { pseudonym } from "../../src/cli/pseudonym.ts"
import { openStore } from "../../src/evidence/open.ts"
import { pseudonymKeyFile } from "../../src/evidence/pseudonym-key.ts"
import { kindNames } from "../../src/record/kinds.ts"
import { alert, finding } from "../alert/samples.ts"
import { newDir } from "../evidence/fixtures.ts"
import { attempt, device } from "../support/records.ts"

const own = {
  device_id: "phone-of-ann",
  serial: "SERIALANN77",
  wifi_mac: "00:11:22:aa:bb:cc",
  user: "ann@acme.example",
}
const bob = { device_id: "phone-of-bob", user: "bob@acme.example" }
const names = [...Object.values(own), ...Object.values(bob), "10.77.0.1", "login.of.ann"]

function given(t: Test) {
  const dir = newDir(t)
  const store = openStore(dir)
  t.teardown(() => store.close())
  store.append("devices", [device(own), device(bob)])
  store.append("attempts", [
    attempt("a.example", 0, "accepted", { client_ip: "10.77.0.1", proxy_user: "login.of.ann" }),
  ])
  const reasons = [`unlike ${bob.device_id} of ${bob.user} at 10.77.0.1, which accepts`]
  const key = { ...finding().key, device_id: own.device_id }
  store.append("findings", [finding({ key, reasons })])
  const told = alert({
    device_id: own.device_id,
    user: own.user,
    client_ip: "10.77.0.1",
    summary: `${own.device_id} of ${own.user} refuses`,
    reasons,
  })
  store.append("alerts", [told])
  return { dir, store, told }
}

async function exported(store: ReturnType<typeof openStore>, dir: string): Promise<string> {
  const pseudonyms = openPseudonyms(dir, store)
  let text = ""
  await exportRecords({
    store,
    kinds: kindNames,
    rewrite: (body) => pseudonyms.inRecord(body),
    write: async (lines) => {
      text += lines
      return true
    },
  })
  return text
}

async function said(t: Test, dir: string, ...args: string[]): Promise<string> {
  const captured = t.capture(process.stdout, "write", () => true)
  try {
    pseudonym([...args, "--data", dir])
  } finally {
    captured.restore()
  }
  return captured()
    .map(({ args: [text] }) => String(text))
    .join("")
}

t.test("no name leaves in an export, and the same person is the same in every kind", async (t) => {
  const { dir, store } = given(t)
  const text = await exported(store, dir)
  t.strictSame(
    names.filter((name) => text.toLowerCase().includes(name.toLowerCase())),
    [],
  )
  const lines = text.split("\n").filter((line) => line !== "")
  const [of, seen, found, told] = ["device", "attempt", "finding", "alert"].map((record) =>
    lines.map((line) => JSON.parse(line)).find((line) => line.record === record),
  )
  t.equal(found.key.device_id, of.device_id)
  t.equal(told.device_id, of.device_id)
  t.equal(told.user, of.user)
  t.equal(told.client_ip, seen.client_ip)
  t.equal(await exported(store, dir), text, "stable")
  t.equal(statSync(join(dir, pseudonymKeyFile)).mode & 0o777, 0o600)
})

t.test(
  "a sink that asked for them gets the pseudonyms of the export, others the names",
  async (t) => {
    const { dir, store, told } = given(t)
    const rows = [{ seq: 1, alert: told }]
    const stored: Outbox = { due: () => rows, sent() {}, failed() {} }
    const outbox = veiledOutbox(stored, new Set(["siem"]), () => openPseudonyms(dir, store))
    const [row] = outbox.due("siem", 0, 1)
    const text = JSON.stringify(row)
    t.strictSame(
      names.filter((name) => text.includes(name)),
      [],
    )
    t.ok((await exported(store, dir)).includes(row?.alert.device_id ?? "none"))
    t.equal(outbox.due("other", 0, 1), rows)
  },
)

t.test("fails closed: with a key that others may read, nothing goes out", async (t) => {
  const { dir, store, told } = given(t)
  await exported(store, dir)
  chmodSync(join(dir, pseudonymKeyFile), 0o644)
  await t.rejects(exported(store, dir), /readable by others; chmod 600/)
  const stored: Outbox = { due: () => [{ seq: 1, alert: told }], sent() {}, failed() {} }
  const outbox = veiledOutbox(stored, new Set(["siem"]), () => openPseudonyms(dir, store))
  t.throws(() => outbox.due("siem", 0, 1), /readable by others/)
})

t.test("what a pseudonym stands for is told to who may read the key, and noted", async (t) => {
  const { dir, store } = given(t)
  const why = ["--reason", "incident 7", "--on-behalf-of", "dpo"]
  await t.rejects(said(t, dir, "reveal", `pn-user-${"0".repeat(24)}`, ...why), /there is no .*key/)
  t.strictSame(store.privacy.reveals(), [])
  const pseudonyms = openPseudonyms(dir, store)
  const rows = [
    ["device", own.device_id],
    ["user", own.user],
    ["user", "login.of.ann"],
    ["mac", own.wifi_mac],
    ["address", "10.77.0.1"],
  ] as const
  for (const [kind, value] of rows)
    t.equal(await said(t, dir, "reveal", pseudonyms.of(kind, value), ...why), `${value}\n`)
  await t.rejects(said(t, dir, "reveal", `pn-user-${"0".repeat(24)}`, ...why), /stands for nothing/)
  await t.rejects(said(t, dir, "reveal", "ann", ...why), /is no pseudonym/)
  await t.rejects(said(t, dir, "reveal", pseudonyms.of("user", own.user)), /say why/)
  t.equal(store.privacy.reveals().length, rows.length + 1)
  t.match(
    await said(t, dir, "list"),
    /pn-device-\w+ {2}revealed {2}by .* on behalf of dpo: incident 7/,
  )
})
