/** The verbs that only look: check-config, config show, db check. */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import t, { type Test } from "tap"
import { parse } from "yaml"
import { checkConfig, config } from "../../src/cli/check-config.ts"
import { db } from "../../src/cli/db.ts"
import { loadConfig } from "../../src/config.ts"
import { openStore } from "../../src/evidence/open.ts"
import { isPassword } from "../../src/intercept/password-hash.ts"
import { readProxyUsers } from "../../src/intercept/proxy-logins.ts"
import { attempt, device, newDir, ten } from "../evidence/fixtures.ts"

/** What a verb wrote on stdout. */
async function said(t: Test, verb: () => void | Promise<void>): Promise<string> {
  const captured = t.capture(process.stdout, "write", () => true)
  try {
    await verb()
  } finally {
    captured.restore()
  }
  return captured()
    .map(({ args }) => String(args[0]))
    .join("")
}

t.test("check-config says that a file is good", async (t) => {
  const file = join(newDir(t), "good.yaml")
  writeFileSync(file, "workers: 2\n")
  t.equal(await said(t, () => checkConfig([file])), `${file}: good\n`)
})

t.test("check-config names every fault by its key", async (t) => {
  const file = join(newDir(t), "bad.yaml")
  writeFileSync(
    file,
    "workrs: 2\nlimits: { drain-time: soon }\nanalytics: { AN1725: { timewindow: 1m } }\n",
  )
  await t.rejects(checkConfig([file]), {
    message: /workrs[\s\S]*drain-time|drain-time[\s\S]*workrs/,
  })
  await t.rejects(checkConfig([file]), { message: /timewindow/ })
  await t.rejects(checkConfig([]), { message: /name the file/ })
})

t.test("check-config shows whose review of which mapping file is in force", async (t) => {
  const dir = newDir(t)
  const file = join(dir, "mapped.yaml")
  const shipped = new URL("../../deploy/mdm/fleet.yaml", import.meta.url).pathname
  const source = (more: object) => ({
    name: "fleet",
    kind: "http",
    mapping: shipped,
    url: "https://fleet.example",
    ...more,
  })
  const written = (more: object) =>
    writeFileSync(file, JSON.stringify({ sources: { mdm: [source(more)] } }))
  const secrets = { "api-token": { file: "/etc/pinsensor/fleet-token" } }
  written({ secrets })
  const [, mapping, content] = (await said(t, () => checkConfig([file]))).split("\n")
  t.match(
    mapping,
    /^mapping of fleet: fleet version 1 for Fleet REST API .*; reviewed 2026-11-21 by /,
  )
  const sha256 = createHash("sha256").update(readFileSync(shipped)).digest("hex")
  t.equal(content, `  ${shipped}: sha256 ${sha256}`)
  written({ secrets, "mapping-sha256": "0".repeat(64) })
  await t.rejects(checkConfig([file]), { message: /has the SHA-256 .* review what changed/ })
  written({})
  await t.rejects(checkConfig([file]), { message: /secrets\.api-token is missing/ })
})

t.test("check-config warns of what may not be meant, and only then", async (t) => {
  const dir = newDir(t)
  const file = join(dir, "p.yaml")
  const groups = { when: { "device-group": ["phones", "fones"] }, do: "block" }
  const rules = [
    { name: "all", do: "splice" },
    { name: "last", ...groups },
  ]
  writeFileSync(file, JSON.stringify({ data: join(dir, "var"), rules }))
  const warnings = async () => {
    const [first, ...others] = (await said(t, () => checkConfig([file]))).trimEnd().split("\n")
    t.equal(first, `${file}: good`)
    return others
  }
  const [answer, order, ...others] = (await warnings()).sort()
  t.match(answer, /^warning: rule all lets connections pass uninspected and has no owner/)
  t.match(order, /^warning: rule last can never match: all, before it/)
  t.strictSame(others, [], "of groups nothing is known while there is no store")
  const store = openStore(join(dir, "var"))
  store.append("devices", [
    { ...device("device-1", "d-1", ten, "ann"), tenant: "default", groups: ["phones"] },
  ])
  store.close()
  t.ok((await warnings()).some((line) => /no device is in the group fones/.test(line)))
})

t.test("what config show prints is read back as it is", async (t) => {
  const dir = newDir(t)
  const example = /```yaml\n([\s\S]*?)```/.exec(
    readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8"),
  )?.[1]
  const given: Record<string, string> = {
    "example.yaml": example ?? "",
    "bare.yaml": "limits: { idle-time: 90s }\ncontrol: { groups: [{ group: a, hold-for: 12h }] }\n",
  }
  for (const [name, text] of Object.entries(given)) {
    const [file, again] = [join(dir, name), join(dir, `again-${name}`)]
    writeFileSync(file, text)
    const shown = await said(t, () => config(["show", "--config", file]))
    writeFileSync(again, shown)
    t.match(await said(t, () => checkConfig([again])), `${again}: good`)
    t.equal(await said(t, () => config(["show", "--config", again])), shown)
    t.strictSame(loadConfig(again), loadConfig(file), name)
  }
})

t.test("config show prints the values in force, defaults and flags included", async (t) => {
  const shown = parse(await said(t, () => config(["show", "--workers", "3", "--control", "off"])))
  t.match(shown, {
    workers: 3,
    control: { mode: "off", "armed-for": "1d" },
    listen: "127.0.0.1:8080",
    analytics: { AN1725: { InspectionFailureThreshold: 3 } },
  })
  t.throws(() => config(["list"]), { message: /config show/ })
})

t.test("proxy-user makes a line that the sensor reads, from a password on stdin", async (t) => {
  const main = new URL("../../src/cli/main.ts", import.meta.url).pathname
  const made = (args: string[], input: string) =>
    spawnSync(process.execPath, [main, "proxy-user", ...args], { input, encoding: "utf8" })
  const { stdout, stderr } = made(["ann"], "secret: with colon\n")
  t.equal(stderr, "")
  const hash = readProxyUsers(stdout, "users").get("ann")
  t.ok(hash && (await isPassword("secret: with colon", hash)))
  t.notMatch(stdout, "secret")
  t.match(made([], "x"), { status: 1, stderr: /give one name without colon/ })
  t.match(made(["a:b"], "x"), { status: 1, stderr: /give one name without colon/ })
  t.match(made(["ann"], "\n"), { status: 1, stderr: /the password on stdin is empty/ })
})

t.test("db check counts what a sound database holds", async (t) => {
  const data = newDir(t)
  const store = openStore(data)
  store.append("attempts", [attempt("a-1")])
  store.close()
  const found = JSON.parse(await said(t, () => db(["check", "--data", data])))
  t.match(found, { ok: true, problems: [], counts: { attempts: 1 } })
})

t.test("db check of a damaged database ends with 1", async (t) => {
  const data = newDir(t)
  const store = openStore(data)
  store.append(
    "attempts",
    Array.from({ length: 200 }, (_, index) => attempt(`a-${index}`)),
  )
  store.close()
  const file = join(data, "evidence.sqlite")
  const bytes = readFileSync(file)
  bytes.fill(0xff, bytes.length - 20_000, bytes.length - 8_000)
  writeFileSync(file, bytes)
  const found = JSON.parse(await said(t, () => db(["check", "--data", data])))
  t.equal(found.ok, false)
  t.ok(found.problems.length > 0)
  t.equal(process.exitCode, 1)
  process.exitCode = 0
})

t.test("db check of a directory without a database makes none", async (t) => {
  const data = newDir(t)
  t.throws(() => db(["check", "--data", data]), { message: /there is no .*evidence.sqlite/ })
  t.notOk(existsSync(join(data, "evidence.sqlite")))
  t.throws(() => db(["look"]), { message: /db check/ })
})

t.test("every verb tells what it takes, and does nothing else, when it is asked for help", (t) => {
  const main = new URL("../../src/cli/main.ts", import.meta.url).pathname
  const ask = (...args: string[]) =>
    spawnSync(process.execPath, [main, ...args], { timeout: 20_000 })
  const one = ask("bypass", "add", "--help")
  t.equal(one.status, 0)
  t.match(String(one.stdout), /^pinsensor bypass list .*\n[\s\S]*pinsensor bypass add /)
  t.equal(ask("constructor").status, 2, "what is no verb is none")
  t.end()
})
